package consent

import "slices"

// Verdicts are those that are possible, one bit each.
type Verdicts uint8

// anyVerdict is what is foreseen where it would take too long to know better.
const anyVerdict Verdicts = 1<<(Deny+1) - 1

// mostRuns bounds how often one Consent is judged to foresee what it may come to.
const mostRuns = 256

// Foresee gives the verdicts that Evaluate may come to about resources of a type which are
// Apart (see fhir.Facts), whatever else is in them: each criterion that such a resource
// decides is answered in every way in which one could answer it. It may give more, and
// never gives less.
func Foresee(rules []*Rules, s Subject, typ string) Verdicts {
	all, _ := foresee(rules, s, typ)
	return all
}

// Decisive names the Consents that may decide about one of these resources.
func Decisive(rules []*Rules, s Subject, typ string) (names []string) {
	all, each := foresee(rules, s, typ)
	for i, own := range each {
		if own&all&^(1<<Silent) != 0 && rules[i] != nil {
			names = append(names, rules[i].name...)
		}
	}
	return names
}

// foresee also gives the verdicts of each Consent by itself.
func foresee(rules []*Rules, s Subject, typ string) (all Verdicts, each []Verdicts) {
	s.prepare()
	all = 1 << Silent
	if s.System && !s.reads() {
		return all, nil
	}
	for _, r := range rules {
		if r == nil {
			r = &Rules{}
		}
		each = append(each, r.foresee(&s, s.Now.UnixMilli(), typ, nil))
		all = all.strongest(each[len(each)-1])
	}
	return all, each
}

// strongest gives what the stronger of two verdicts may be.
func (v Verdicts) strongest(other Verdicts) (all Verdicts) {
	for a := Silent; a <= Deny; a++ {
		for b := Silent; b <= Deny; b++ {
			if v.has(a) && other.has(b) {
				all |= 1 << max(a, b)
			}
		}
	}
	return all
}

func (v Verdicts) has(one Verdict) bool { return v&(1<<one) != 0 }

// Certain says whether all resources that come to one of these verdicts are shown, or none
// is, see Combine.
func (v Verdicts) Certain(mode string) (shown, certain bool) {
	var may [2]bool
	for one := Silent; one <= Deny; one++ {
		if v.has(one) {
			shown = Combine(mode, []Verdict{one})
			if shown {
				may[1] = true
			} else {
				may[0] = true
			}
		}
	}
	return shown, may[0] != may[1]
}

// foresee judges with every answer that a resource of a type may give. Of criteria of
// codes it tries no other answers than those that are known, by their names.
func (r *Rules) foresee(s *Subject, now int64, typ string, codes map[string]truth) (found Verdicts) {
	a := &answers{typ: typ, codes: codes}
	for range mostRuns {
		a.asked = 0
		found |= 1 << r.fold(&question{s: s, now: now, assumed: a})
		if !a.next() {
			return found
		}
	}
	return anyVerdict
}

// answers are what one resource is assumed to answer to the provisions that ask about it,
// in the order in which they ask.
type answers struct {
	typ   string
	codes map[string]truth // what criteria of codes answer, by their names, if that is known
	given []assumed
	asked int
}

// assumed is one answer, and those that are still to be tried.
type assumed struct {
	answer truth
	others []truth
}

// about answers a provision.
func (a *answers) about(p *provision) truth {
	if a.asked == len(a.given) {
		possible := p.possible(a)
		a.given = append(a.given, assumed{possible[0], possible[1:]})
	}
	a.asked++
	return a.given[a.asked-1].answer
}

// next goes on to the next answers, if there are any: to that of the provision that asked
// last, before those of the others.
func (a *answers) next() bool {
	for n := a.asked; n > 0; n-- {
		if last := &a.given[n-1]; len(last.others) > 0 {
			last.answer, last.others = last.others[0], last.others[1:]
			a.given = a.given[:n]
			return true
		}
	}
	return false
}

// possible are the answers that resources of a type which are Apart may give.
func (p *provision) possible(a *answers) []truth {
	sure, vague := yes, p.labels != nil || p.dataPeriod != nil // what resources of any type may match
	if p.class != nil {
		sure = p.class.matchType(a.typ)
	}
	if p.content != nil {
		if t, known := a.codes[p.content.name]; known {
			sure = min(sure, t)
		} else {
			vague = true
		}
	}
	switch {
	case sure == no, !vague && p.data == nil:
		return []truth{sure}
	case !vague && !slices.ContainsFunc(p.data, func(d datum) bool { return d.mayBe(a.typ) }):
		return []truth{no}
	case sure == maybe:
		return []truth{no, maybe}
	}
	return []truth{no, yes, maybe}
}

// mayBe says whether the entry may be about resources of a type: one that names a resource
// of another type is not.
func (d *datum) mayBe(typ string) bool {
	return d.meaning != instance || d.ref == "" || len(d.ref) > len(typ) && d.ref[:len(typ)+1] == typ+"/"
}
