package engine

import "slices"

// The gates about the cells themselves: quality, transport, holds, time, volume.

// qcGate: the results are there, but for some that a conditional release may await; and they
// are in specification, unless it is a release on request.
func qcGate(x *act, g *Gate) Code {
	kind := x.e.Payload.Kind
	for _, t := range g.Tests {
		late := kind == conditional && slices.Contains(g.Late, t)
		if o := x.b.result(t); o != pass && o != fail && !late {
			return GateQC
		}
	}
	if kind != outOfSpecification && slices.ContainsFunc(x.b.Results, func(r Result) bool { return r.Outcome == fail }) {
		return GateQC
	}
	return ""
}

// identityTestGate: what is in the bag was typed again, and is the patient's. Scanning
// cannot see that label and content were exchanged together.
func identityTestGate(x *act, g *Gate) Code {
	if x.b.result(identity) != pass {
		return GateIdentityTest
	}
	return ""
}

// loggerGate: it is known, calibrated, and at work nowhere else.
func loggerGate(x *act, g *Gate) Code {
	id := x.e.value("logger")
	l := x.r.loggers[id]
	if l == nil || l.Calibrated < x.at || l.Bound != "" && l.Bound != x.s.Journey+"/"+x.b.ID {
		return BindingMismatch
	}
	for _, b := range x.s.Bags {
		if b.Logger == id && b.ID != x.b.ID && b.Outcome == "" {
			return BindingMismatch
		}
	}
	return ""
}

// transportGate: the latest transport was judged, and not as rejected. One that is to be
// reviewed has a hold of its own. Incomplete is never equal to pass.
func transportGate(x *act, g *Gate) Code {
	switch x.b.Outcome {
	case pass, review:
		return ""
	case incomplete:
		return SensorGap
	case reject:
		if x.b.Request != "" {
			return ""
		}
		return GateQC
	}
	return NotReady
}

func noHoldGate(x *act, g *Gate) Code {
	if x.s.held(x.b.ID) {
		return OnHold
	}
	return ""
}

// releasedGate: a release stands, and nothing critical came after it.
func releasedGate(x *act, g *Gate) Code {
	if r := x.b.Release; r == nil || r.Suspended || r.Until != 0 && x.at > r.Until {
		return NotReleased
	}
	return ""
}

// atSiteGate: the site has the product, and knows how it travelled if it did.
func atSiteGate(x *act, g *Gate) Code {
	if !x.s.party(x.b.Custodian, g.Role) || x.b.Pending != nil || x.b.Logger != "" && x.b.Outcome != pass && x.b.Outcome != review {
		return NotReady
	}
	return ""
}

func expiryGate(x *act, g *Gate) Code {
	if x.at > x.b.Expiry {
		return Expired
	}
	return ""
}

// permitGate: the permit is the one that was issued, is in force, and was never used.
func permitGate(x *act, g *Gate) Code {
	p := x.b.Permit
	switch {
	case p == nil:
		return NotReady
	case p.Used:
		return DoubleUse
	case x.e.value("permit") != p.ID:
		return BindingMismatch
	case x.at < p.NotBefore || x.at > p.NotAfter:
		return Expired
	}
	return ""
}

func thawWindowGate(x *act, g *Gate) Code {
	if x.b.Thawed == 0 || x.at-x.b.Thawed > int64(g.Within) {
		return ThawWindow
	}
	return ""
}

// left is the volume that is neither infused nor discarded.
func (b *Bag) left() int64 { return b.Volume - b.Infused - b.Wasted }
