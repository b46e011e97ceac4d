package engine

import "slices"

// The gates about identity: who, which cells, which order.

// patientGate: the wristband is the patient's.
func patientGate(x *act, g *Gate) Code {
	if x.e.value("wristband") != x.person(g) {
		return PatientMismatch
	}
	return ""
}

// person that a gate is about.
func (x *act) person(g *Gate) string {
	if g.Of == donor {
		return x.s.Donor
	}
	return x.s.Patient
}

// twoIDsGate: two different identifiers were asked for, and both are the patient's.
func twoIDsGate(x *act, g *Gate) Code {
	known := x.s.Identifiers
	if g.Of == donor {
		known = x.s.DonorIDs
	}
	first, second := x.e.value("id1"), x.e.value("id2")
	if first == "" || second == "" || first == second {
		return GateTwoIDs
	}
	if !slices.Contains(known, first) || !slices.Contains(known, second) {
		return PatientMismatch
	}
	return ""
}

// coiGate: bag and chain of identity are those of the journey.
func coiGate(x *act, g *Gate) Code {
	if x.e.value("coi") != x.s.COI || x.e.value("bag") != x.b.ID {
		return COIMismatch
	}
	return ""
}

func orderGate(x *act, g *Gate) Code {
	if x.e.value("order") != x.s.Order {
		return OrderMismatch
	}
	return ""
}

// productGate: it is the product that the definition is about, not what it was made of.
func productGate(x *act, g *Gate) Code {
	if x.b.Product != x.d.Product || x.e.value("product") != x.b.Product {
		return WrongProduct
	}
	return ""
}

func consentGate(x *act, g *Gate) Code {
	if !slices.Contains(x.s.Consents, g.Purpose) {
		return NoConsent
	}
	return ""
}

// labelReconGate: every label that was printed is used, passed on or destroyed.
func labelReconGate(x *act, g *Gate) Code {
	p := &x.e.Payload
	if p.Printed != x.b.Printed || p.Used+p.Passed+p.Destroyed != p.Printed {
		return GateLabelRecon
	}
	return ""
}

func lineClearGate(x *act, g *Gate) Code {
	if !x.e.Payload.Clear {
		return GateLineClear
	}
	return ""
}

// esigGate: the signature says what it means, and the signer has just proved who she is.
func esigGate(x *act, g *Gate) Code {
	since := x.at - x.e.Payload.ReauthAt
	if x.e.Payload.Meaning != g.Meaning || since < 0 || since > int64(g.Within) {
		return GateESig
	}
	return ""
}

func twoPersonGate(x *act, g *Gate) Code {
	if !x.seconded() {
		return GateTwoPerson
	}
	return ""
}

// notMakerGate: who had a hand in it does not release it.
func notMakerGate(x *act, g *Gate) Code {
	if slices.Contains(x.b.Makers, x.e.Person) || x.b.Request == x.e.Person {
		return SelfApproval
	}
	return ""
}

// placeGate: inside the fence of a site of the organisation.
func placeGate(x *act, g *Gate) Code {
	p := &x.e.Payload
	s := x.r.sites[p.Site]
	if s == nil || s.Organisation != x.e.Organisation || p.Lat < s.South || p.Lat > s.North || p.Lon < s.West || p.Lon > s.East {
		return WrongPlace
	}
	return ""
}
