package consent

import (
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Contradiction is that of two Consents of a patient one permits what the other forbids.
// What is forbidden stays forbidden: see Evaluate.
type Contradiction struct {
	Permits, Denies string // Consent/9/_history/2
	Who             []string
	Purpose, Type   string
}

// mostWitnesses bounds how often the Consents of one patient are asked.
const mostWitnesses = 5000

// Contradict finds Consents that contradict each other: for each pair of provisions of which
// one permits and the other forbids, it makes a caller and a resource that both are about,
// and asks Evaluate. So what it finds is so, for a caller like that; it does not find what
// only two different provisions of one Consent come to together. more says that there were
// too many provisions to try. s says where and when.
func Contradict(rules []*Rules, s Subject) (found []Contradiction, more bool) {
	left := mostWitnesses
	for _, a := range rules {
		for _, b := range rules {
			if a == b || a.state != live || b.state == dormant || a.root == nil || b.root == nil {
				continue
			}
			if c, so := a.against(b, s, &left); so {
				found = append(found, c)
			}
			if left <= 0 {
				return found, true
			}
		}
	}
	return found, false
}

// Speaks says whether a Consent in force has parts that permit, and parts that forbid.
func (r *Rules) Speaks() (permit, deny bool) {
	if r.state == dormant || r.root == nil {
		return false, false
	}
	for _, p := range r.root.each(nil) {
		permit, deny = permit || p.kind == permits && r.state == live, deny || p.kind == denies
	}
	return permit, deny
}

// Understood says that nothing of a Consent in force is not understood.
func (r *Rules) Understood() bool { return r.state != unreadable }

// Name is how Evaluate names the Consent.
func (r *Rules) Name() string { return r.name[0] }

func (p *provision) each(all []*provision) []*provision {
	all = append(all, p)
	for _, c := range p.children {
		all = c.each(all)
	}
	return all
}

// against says whether r permits what other forbids.
func (r *Rules) against(other *Rules, s Subject, left *int) (Contradiction, bool) {
	for _, may := range r.root.each(nil) {
		for _, not := range other.root.each(nil) {
			if may.kind != permits || not.kind != denies {
				continue
			}
			for _, w := range witnesses(may, not, s) {
				if *left--; *left < 0 {
					return Contradiction{}, false
				}
				if permit, _, _ := Evaluate([]*Rules{r}, w.s, w.f); permit != Permit {
					continue
				}
				if deny, _, _ := Evaluate([]*Rules{other}, w.s, w.f); deny == Deny {
					return Contradiction{r.Name(), other.Name(), w.who, w.s.Purpose, w.f.Type}, true
				}
			}
		}
	}
	return Contradiction{}, false
}

// witness is a caller and a resource about which two provisions are asked.
type witness struct {
	s   Subject
	f   *fhir.Facts
	who []string // the actors that the provisions name
}

// mostTries is how many values of one criterion are tried.
const mostTries = 4

// witnesses are those that both provisions may be about.
func witnesses(may, not *provision, s Subject) (all []witness) {
	who, one := together(may.actors, not.actors)
	if !one {
		return nil
	}
	for _, purpose := range shared(may.purposesNamed(), not.purposesNamed(), "TREAT") {
		for _, typ := range shared(may.typesNamed(), not.typesNamed(), "Observation") {
			for _, action := range shared(may.actionsNamed(), not.actionsNamed(), "access") {
				w := witness{s: s, f: likely(may, not, typ, s.Now), who: who}
				w.s.Purpose, w.s.Action, w.s.Reached = purpose, action, &Reached{}
				w.s.Actors, w.s.Guest = s.calledFrom(who)
				all = append(all, w)
			}
		}
	}
	return all
}

// together are actors of one caller whom both provisions name: the same one, or one of each
// that can be of the same caller. one is false if there is no such caller.
func together(a, b *actors) (who []string, one bool) {
	switch {
	case a == nil && b == nil:
		return nil, true
	case a == nil:
		return b.refs.few[:min(1, len(b.refs.few))], true
	case b == nil:
		return a.refs.few[:min(1, len(a.refs.few))], true
	}
	for _, ref := range a.refs.few {
		if b.refs.has(ref) {
			return []string{ref}, true
		}
	}
	if len(a.refs.few) == 0 || len(b.refs.few) == 0 {
		return nil, false
	}
	first, second := a.refs.few[0], b.refs.few[0]
	typ, _, _ := strings.Cut(first, "/")
	if strings.HasPrefix(second, typ+"/") || strings.ContainsAny(first+second, "|:") {
		return nil, false
	}
	return []string{first, second}, true
}

// calledFrom are the actors of a caller, who is of this house unless an organisation is named.
func (s *Subject) calledFrom(who []string) (actors []string, guest bool) {
	actors = slices.Clone(who)
	for _, ref := range who {
		if strings.HasPrefix(ref, "Organization/") {
			return actors, ref != s.House
		}
	}
	return append(actors, s.House), false
}

// shared are the first values of both lists; of one, if the other has none; otherwise usual.
func shared(a, b []string, usual string) []string {
	all := slices.Concat(a, b)
	if len(all) == 0 {
		return []string{usual}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(mostTries, len(all))]
}

func (p *provision) purposesNamed() []string {
	if p.purpose == nil {
		return nil
	}
	return p.purpose.values.few
}

func (p *provision) typesNamed() []string {
	if p.class == nil || p.class.any {
		return nil
	}
	return p.class.values.few
}

func (p *provision) actionsNamed() []string {
	if p.actions == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.actions.values), func(a string) bool { return a == "use" || a == "disclose" })
}

// likely is a resource of a type that has what both provisions ask for, as far as one
// resource can.
func likely(may, not *provision, typ string, now time.Time) *fhir.Facts {
	f := &fhir.Facts{Type: typ, ID: "-", Patients: []string{"Patient/-"}, Start: now.UnixMilli(), End: now.UnixMilli()}
	level := "N"
	for _, p := range []*provision{may, not} {
		if c := p.content; c != nil && len(c.codes.few) > 0 {
			code := c.codes.few[0]
			f.Codes = append(f.Codes, fhir.Coding{System: c.systems[code][0], Code: code})
		}
		if l := p.labels; l != nil {
			if len(l.secrecy) > 0 {
				level = secrecyCodes[l.secrecy[0]-1]
			}
			if len(l.tags.few) > 0 {
				f.Labels = append(f.Labels, fhir.Coding{System: actCodeSystems[0], Code: l.tags.few[0]})
			}
		}
		if w := p.dataPeriod; w != nil && !w.unclear {
			f.Start = max(w.from, min(f.Start, w.to-1))
			f.End = f.Start
		}
		for _, d := range p.data {
			if t, id, local := strings.Cut(d.ref, "/"); local && d.meaning == authoredBy {
				f.Authors = []string{d.ref}
			} else if local {
				f.Type, f.ID = t, id
			}
		}
	}
	f.Labels = append(f.Labels, fhir.Coding{System: secrecySystems[0], Code: level})
	return f
}
