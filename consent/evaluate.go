package consent

import (
	"slices"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Evaluate judges one resource by all active Consents of one patient, and names
// the Consents that decided (Consent/9/_history/2); the slice must not be changed.
// until is when the verdict can change by the passing of time (zero: never).
func Evaluate(rules []*Rules, s Subject, f *fhir.Facts) (v Verdict, decided []string, until time.Time) {
	s.prepare()
	now := s.Now.UnixMilli()
	next := int64(never)
	l := readLabels(f.AllLabels())
	if s.System && !s.reads() {
		return Silent, nil, time.Time{}
	}
	for _, r := range rules {
		if r == nil {
			r = &Rules{}
		}
		next = min(next, r.next(now))
		switch own := r.fold(&question{s: &s, now: now, facts: f, labels: &l}); {
		case own == Silent || own < v:
		case own > v:
			v, decided = own, r.name
		default:
			decided = append(decided[:len(decided):len(decided)], r.name...)
		}
	}
	if next != never {
		until = time.UnixMilli(next).UTC()
	}
	return v, decided, until
}

const never = 1<<63 - 1

// next is the first moment after now at which the verdict can change.
func (r *Rules) next(now int64) int64 {
	for _, b := range r.bounds {
		if b > now {
			return b
		}
	}
	return never
}

// fold folds the possible worlds of one Consent: what shows least counts. Folding
// each Consent by itself is safe: Permit overall means that no Consent denies in any
// world and one permits in all.
func (r *Rules) fold(c *question) Verdict {
	s := c.s
	if r.state == dormant || c.now < r.from {
		return Silent
	}
	binds := min(r.scope.binds(s.purposes), r.about(s))
	if binds == no {
		return Silent
	}
	var w worlds
	if r.root != nil {
		w = r.root.judge(c, binds == yes)
	}
	refused := r.state == unreadable || r.puzzling && s.outside()
	switch {
	case w.has(Deny):
		return Deny
	case (refused || w.has(ImplicitDeny)) && s.reads() && !s.BreakGlass:
		return ImplicitDeny
	case w == only(Permit) && binds == yes && !refused:
		return Permit
	}
	return Silent
}

// about says whether the Consent is about the data of this node.
func (r *Rules) about(s *Subject) truth {
	t := certain(len(r.custodians) == 0)
	for _, ref := range r.custodians {
		t = max(t, s.custody(ref))
	}
	return t
}

func (c scope) binds(purposes []string) truth {
	switch {
	case c == scopePrivacy:
		return yes
	case c == scopeUnknown, len(purposes) == 0:
		return maybe
	}
	return certain(slices.Contains(purposes, "HRESCH"))
}

// worlds is the set of verdicts that are possible, one bit each.
type worlds uint8

// withheld is the verdict of a permit that was withdrawn: it grants nothing, but the
// denies of the permit above carve out of it.
const withheld worlds = 1 << 7

func only(v Verdict) worlds         { return 1 << v }
func (w worlds) has(v Verdict) bool { return w&only(v) != 0 }

// question is what the provisions of a Consent are asked.
type question struct {
	s      *Subject
	now    int64
	facts  *fhir.Facts
	labels *labels

	assumed *answers // instead of those of facts
}

// reached is what the resource leads to, which is looked for once.
func (c *question) reached() *Reached {
	if c.s.Reached == nil {
		c.s.Reached = Reach(c.s.Directory, c.facts)
	}
	return c.s.Reached
}

// judge gives the verdicts that the provision may come to. addressed says that the
// request certainly matches all provisions above.
func (p *provision) judge(c *question, addressed bool) worlds {
	rest, who := p.request(c.s, c.now)
	request := min(rest, who)
	resource := yes
	if request != no {
		resource = p.resource(c)
	}
	match := min(request, resource)
	switch p.kind {
	case permits:
		w := p.permit(c, addressed, match, addressed && rest == yes && (who == yes || p.regardless))
		if p.withdrawn && w.has(Permit) {
			w = w&^only(Permit) | only(Silent) | withheld
		}
		return w
	case denies:
		return p.deny(c, addressed && request == yes, match)
	case riddle:
		if match == no {
			return only(Silent)
		}
		return only(ImplicitDeny)
	}
	if match == no {
		return only(Silent)
	}
	return p.say(c, addressed && request == yes, match)
}

// permit gives the verdicts of a permit: it and the permits below it grant, its denies
// carve out of what they grant together. What they do not reach is denied implicitly
// where the permit has the last word.
func (p *provision) permit(c *question, addressed bool, match truth, meant bool) (w worlds) {
	granted, maySo := match == yes, match != no
	for _, b := range p.children {
		if b.kind != permits {
			continue
		}
		v := b.judge(c, addressed)
		w |= v & (only(Deny) | only(ImplicitDeny))
		granted, maySo = granted || v == only(Permit), maySo || v&(only(Permit)|withheld) != 0
	}
	if maySo {
		w |= only(Permit)
		for _, b := range p.children {
			if b.kind != permits {
				w |= b.judge(c, addressed) & only(Deny)
			}
		}
	}
	switch {
	case granted:
		w &^= only(ImplicitDeny)
	case meant && p.exclusive:
		w |= only(ImplicitDeny)
	default:
		w |= only(Silent)
	}
	return w
}

// deny gives the verdicts of a deny: what a permit below it certainly grants is open.
func (p *provision) deny(c *question, addressed bool, match truth) (w worlds) {
	if match != yes {
		w = p.beyond(c)
	}
	if match == no {
		return w
	}
	granted := false
	for _, b := range p.children {
		v := b.judge(c, addressed)
		w |= v & only(Deny)
		if b.kind == permits {
			granted = granted || v == only(Permit)
			w |= v & only(Permit)
		}
	}
	switch {
	case granted:
	case c.s.BreakGlass && c.s.reads() && !p.emergency:
		w |= only(Silent)
	default:
		w |= only(Deny)
	}
	return w
}

// beyond is what a deny says of what it does not match: nothing, unless it may be read
// the other way round.
func (p *provision) beyond(c *question) worlds {
	if p.total && !c.s.BreakGlass && (c.s.reads() || p.actions.match(c.s) != no) && p.current(c.now) != no {
		return only(Deny)
	}
	return only(Silent)
}

// current says whether the provision's own time has come and not passed.
func (p *provision) current(now int64) truth {
	t := yes
	for _, w := range p.periods {
		t = min(t, w.at(now))
	}
	return t
}

// say gives the verdicts of a root without type, in whose stead its children speak.
func (p *provision) say(c *question, addressed bool, match truth) (w worlds) {
	granted := false
	for _, b := range p.children {
		v := b.judge(c, addressed)
		w |= v & (only(Deny) | only(Permit) | only(ImplicitDeny))
		granted = granted || v == only(Permit)
	}
	if granted {
		w &^= only(ImplicitDeny)
	}
	if !granted || match != yes {
		w |= only(Silent)
	}
	return w
}
