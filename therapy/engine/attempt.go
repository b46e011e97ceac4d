package engine

import (
	"cmp"
	"slices"
)

// begins makes a bag, or says why not.
func (x *act) begins() Code {
	if x.b != nil {
		return WrongState
	}
	if x.e.PrevHash != x.s.Genesis {
		return StaleHead
	}
	x.b = &Bag{ID: x.e.Bag, Product: material}
	if code := x.attempt(); code != "" {
		x.b = nil
		return code
	}
	x.s.Bags, x.chained = append(x.s.Bags, x.b), true
	return ""
}

// material is the product code of cells that nothing was made of yet.
const material = "starting-material"

// attempt judges a step of the bag, and does it.
func (x *act) attempt() Code {
	if code := x.open(); code != "" {
		return code
	}
	if code := x.scanned(); code != "" {
		return code
	}
	for i := range x.step.Gates {
		g := &x.step.Gates[i]
		if code := gateOf(g.Gate).check(x, g); code != "" {
			return code
		}
	}
	if w := x.step.Window; w != nil && x.at-x.b.entered(w.Since) > int64(w.Max) {
		return HoldTime
	}
	if x.do.check != nil {
		if code := x.do.check(x); code != "" {
			return code
		}
	}
	x.do.effect(x)
	x.move()
	return ""
}

// open says whether the step is possible at all: for this bag, now, by this organisation.
func (x *act) open() Code {
	b := x.b
	switch {
	case b.Superseded:
		return Superseded
	case slices.Contains(x.d.Final, b.State):
		return Closed
	case x.s.Ended != "" && !x.do.after:
		return JourneyInactive
	case b.Locked && x.do.name != "quarantine":
		return Locked
	case x.do.name == "infuse" && b.Infused > 0:
		return DoubleUse
	}
	if code := x.custody(); code != "" {
		return code
	}
	switch {
	case !slices.Contains(x.step.From, b.State):
		return WrongState
	case !slices.Contains(x.step.By, x.e.Role):
		return cmp.Or(x.do.denied, RoleDenied)
	case x.at < b.Acted-skew:
		return ClockSkew
	}
	return ""
}

// custody says whether the bag is where the step can be done.
func (x *act) custody() Code {
	b := x.b
	switch {
	case b.Pending != nil && x.do.name == "give":
		return AlreadyPending
	case b.Pending != nil && !x.do.flight:
		return CustodyInFlight
	case b.Pending == nil && x.do.pending:
		return NoRelease
	case b.Custodian != "" && b.Custodian != x.e.Organisation && !x.do.others:
		return NotCustodian
	}
	return ""
}

// scanned judges the scans themselves: what was typed has a second reader, and the label
// is that of the bag which the event is about.
func (x *act) scanned() Code {
	for i := range x.e.Scans {
		if x.e.Scans[i].Manual && !x.seconded() {
			return GateTwoPerson
		}
	}
	if s := x.e.scan("bag"); s != nil && s.Value != x.b.ID && x.do.name != "take" {
		return COIMismatch
	}
	return ""
}

// seconded says whether another enrolled person stands beside the first.
func (x *act) seconded() bool {
	second := x.e.Payload.Second
	return second != "" && second != x.e.Person && x.r.enrolled(second, x.e.Organisation, x.e.Role, x.e.ServerTime)
}

// move brings the bag into the step's state. What makes others of a bag leaves it where it
// is: they begin in that state.
func (x *act) move() {
	b := x.b
	b.Acted = max(b.Acted, x.at)
	if x.step.Band != "" {
		b.Band = x.step.Band
	}
	if x.do.children {
		return
	}
	if x.step.Expires != 0 {
		b.Expiry = x.at + int64(x.step.Expires)
	}
	if x.step.To != "" && x.step.To != b.State {
		b.State = x.step.To
		b.Entered = grown(b.Entered, Entered{b.State, x.at})
	}
}
