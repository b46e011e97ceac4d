package consent

import (
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Evaluate judges one resource by all active Consents of one patient, and names
// the Consents that decided (Consent/9/_history/2); the slice must not be changed.
// until is when the verdict can change by the passing of time (zero: never).
func Evaluate(rules []*Rules, s Subject, f *fhir.Facts) (v Verdict, decided []string, until time.Time) {
	now := s.Now.UnixMilli()
	next := int64(never)
	l := readLabels(f.Labels)
	for _, r := range rules {
		if r == nil {
			r = &Rules{}
		}
		next = min(next, r.next(now))
		switch own := r.judge(&s, now, f, &l); {
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

// judge folds the possible worlds of one Consent: what shows least counts. Folding
// each Consent by itself is safe: Permit overall means that no Consent denies in any
// world and one permits in all.
func (r *Rules) judge(s *Subject, now int64, f *fhir.Facts, l *labels) Verdict {
	if r.state == dormant || now < r.from {
		return Silent
	}
	binds := r.scope.binds(s.Purpose)
	if binds == no {
		return Silent
	}
	var w worlds
	if r.root != nil {
		w = r.root.judge(s, now, f, l, binds == yes)
	}
	switch {
	case w.has(Deny):
		return Deny
	case r.state == unreadable, w.has(ImplicitDeny):
		return ImplicitDeny
	case w == only(Permit) && binds == yes:
		return Permit
	}
	return Silent
}

func (c scope) binds(purpose string) truth {
	switch {
	case c == scopePrivacy:
		return yes
	case c == scopeUnknown, !isPurpose(purpose):
		return maybe
	}
	return certain(covers("HRESCH", purpose, purposeParent))
}

// worlds is the set of verdicts that are possible, one bit each.
type worlds uint8

func only(v Verdict) worlds            { return 1 << v }
func (w worlds) has(v Verdict) bool    { return w&only(v) != 0 }
func (w worlds) with(v Verdict) worlds { return w | only(v) }

// judge gives the verdicts that the provision may come to. addressed says that the
// request certainly matches all provisions above.
func (p *provision) judge(s *Subject, now int64, f *fhir.Facts, l *labels, addressed bool) worlds {
	request := p.request(s, now)
	if request == no {
		return only(Silent)
	}
	addressed = addressed && request == yes
	miss := Silent // what a permit says of resources that it does not reach
	if p.kind == permits && p.named && addressed {
		miss = ImplicitDeny
	}
	resource := p.resource(f, l)
	var w worlds
	if request == maybe {
		w = w.with(Silent)
	}
	if resource != yes {
		w = w.with(miss)
	}
	if resource == no {
		return w
	}
	return w | p.matched(s, now, f, l, addressed, miss)
}

// matched gives the verdicts of a provision that matches, by those of its children.
func (p *provision) matched(s *Subject, now int64, f *fhir.Facts, l *labels, addressed bool, miss Verdict) worlds {
	var some worlds         // what children may say
	var granted, maySo bool // a child certainly, possibly permits
	var out worlds
	for _, c := range p.children {
		w := c.judge(s, now, f, l, addressed)
		some |= w
		if c.kind == permits || p.kind == speechless {
			granted = granted || w == only(Permit)
			maySo = maySo || w.has(Permit)
		}
	}
	out = some & only(Deny) // and whatever else is possible, Deny shows least
	if maySo || p.kind == permits && !p.narrowed {
		out = out.with(Permit)
	}
	if granted || p.kind == permits && !p.narrowed {
		return out
	}
	if p.kind == denies {
		return out.with(Deny)
	}
	return out.with(miss) | some&only(ImplicitDeny)
}
