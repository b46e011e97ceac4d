package engine

import "slices"

// The kinds of a release.
const (
	full               = "full"
	conditional        = "conditional"
	outOfSpecification = "oos"
)

// notifyWithin is how soon an authority is told of a release out of specification.
const notifyWithin = 48 * 60 * 60 * 1000

// mayIssue: what was never printed cannot be accounted for.
func mayIssue(x *act) Code {
	if x.e.Payload.Printed == 0 {
		return GateLabelRecon
	}
	return ""
}

func issue(x *act) { x.b.Printed = x.e.Payload.Printed }

func mayCollect(x *act) Code {
	if x.e.Payload.Volume <= 0 {
		return GateVolume
	}
	return ""
}

// collect is where cells, and custody of them, come to be.
func collect(x *act) {
	x.b.Custodian, x.b.Volume = x.e.Organisation, x.e.Payload.Volume
	x.b.Printed = x.e.Payload.Passed
}

// mayMake: what is used, discarded and left is what there was; what is made is new; and what
// it replaces was made of the same cells and never infused.
func mayMake(x *act) Code {
	p := &x.e.Payload
	if p.Volume <= 0 || p.Volume+p.Waste+p.Remainder != x.b.left() {
		return GateVolume
	}
	if p.Replaces != "" {
		old := x.s.bag(p.Replaces)
		if old == nil || old.Parent != x.b.ID {
			return UnknownBag
		}
		if old.Infused > 0 || old.Superseded {
			return WrongState
		}
	}
	return x.newChildren()
}

// maySplit: the parts are the whole.
func maySplit(x *act) Code {
	p := &x.e.Payload
	sum := p.Waste
	for _, c := range p.Children {
		sum += c.Volume
	}
	if sum != x.b.left() || p.Remainder != 0 || p.Replaces != "" {
		return GateVolume
	}
	return x.newChildren()
}

// newChildren: there are some, and none was known.
func (x *act) newChildren() Code {
	children := x.e.Payload.Children
	if len(children) == 0 || slices.ContainsFunc(children, func(c Child) bool { return x.s.bag(c.Bag) != nil }) {
		return WrongState
	}
	return ""
}

// produce makes bags of this one; each chain of theirs begins with this event.
func produce(x *act) {
	p, b := &x.e.Payload, x.b
	makers := grown(b.Makers, x.e.Person)
	if p.Second != "" {
		makers = append(makers, p.Second)
	}
	for _, c := range p.Children {
		x.s.Bags = append(x.s.Bags, x.child(c, makers))
	}
	b.Wasted += p.Waste
	if p.Remainder > 0 {
		b.Volume = p.Remainder + b.Infused + b.Wasted
	} else {
		b.Superseded = true
	}
	if p.Replaces != "" {
		i := slices.IndexFunc(x.s.Bags, func(b *Bag) bool { return b.ID == p.Replaces })
		x.own(i).Superseded = true
	}
}

func (x *act) child(c Child, makers []string) *Bag {
	b := &Bag{ID: c.Bag, Product: x.d.Product, Parent: x.b.ID, State: x.step.To, Custodian: x.b.Custodian, Head: x.hash,
		Volume: c.Volume, Printed: x.e.Payload.Printed, Acted: x.at, Expiry: x.b.Expiry, Band: x.b.Band, Makers: makers,
		Entered: []Entered{{x.step.To, x.at}}}
	if x.do.name == "split" {
		b.Product, b.Results = x.b.Product, x.b.Results
	}
	if x.step.Expires != 0 {
		b.Expiry = x.at + int64(x.step.Expires)
	}
	return b
}

func mayTest(x *act) Code {
	p := &x.e.Payload
	if p.Test == "" || p.Outcome != pass && p.Outcome != fail && p.Outcome != pending {
		return GateQC
	}
	return ""
}

// test keeps a result. Cells of somebody else, and a result that fails after the release,
// suspend the release.
func test(x *act) {
	p, b := &x.e.Payload, x.b
	results := slices.DeleteFunc(slices.Clone(b.Results), func(r Result) bool { return r.Test == p.Test })
	b.Results = append(results, Result{p.Test, p.Outcome})
	if p.Outcome != fail {
		return
	}
	code := GateQC
	if p.Test == identity {
		code = GateIdentityTest
	} else if b.Release == nil {
		return
	}
	x.hold(code, b.ID, true)
	x.alarm(code, b.ID, add(x.owners(code), x.s.organisation(sponsor)), 0)
}

// identity is the test that finds cells of somebody else.
const identity = "identity"

// mayRequest: only after the manufacturer's risk evaluation.
func mayRequest(x *act) Code {
	if x.e.Payload.Risk == (Hash{}) {
		return OOSNotRequested
	}
	return ""
}

func request(x *act) { x.b.Request = x.e.Person }

func mayApprove(x *act) Code {
	p := &x.e.Payload
	switch {
	case p.Kind == full || p.Kind == conditional && p.Until > x.at:
		return ""
	case p.Kind == outOfSpecification && x.b.Request != "":
		return ""
	case p.Kind == outOfSpecification:
		return OOSNotRequested
	}
	return NotReleased
}

func approve(x *act) {
	p := &x.e.Payload
	x.b.Release = &Release{Kind: p.Kind, Signer: x.e.Person, At: x.at, Until: p.Until}
	if p.Kind == outOfSpecification {
		x.alarm(notifyAuthority, x.b.ID, []string{x.e.Organisation}, x.at+notifyWithin)
	}
}

// mayPermit: for the patient, for a time in which the product does not expire, and never
// again once used.
func mayPermit(x *act) Code {
	p := &x.e.Payload
	switch {
	case p.Patient != x.s.Patient:
		return PatientMismatch
	case p.Permit == "" || p.NotBefore >= p.NotAfter:
		return NotReady
	case p.NotAfter > x.b.Expiry:
		return Expired
	}
	return ""
}

func permit(x *act) {
	p := &x.e.Payload
	x.b.Permit = &Permit{ID: p.Permit, NotBefore: p.NotBefore, NotAfter: p.NotAfter}
}

func thaw(x *act) { x.b.Thawed = x.at }

// mayInfuse: a part at most, and once; open asks whether it was before.
func mayInfuse(x *act) Code {
	if v := x.e.Payload.Volume; v <= 0 || v > x.b.left() {
		return GateVolume
	}
	return ""
}

func infuse(x *act) {
	x.b.Infused = x.e.Payload.Volume
	if x.b.Permit != nil {
		used := *x.b.Permit
		used.Used = true
		x.b.Permit = &used
	}
}

// mayReconcile: what was infused and what is discarded is what there was.
func mayReconcile(x *act) Code {
	if x.e.Payload.Waste != x.b.left() {
		return GateVolume
	}
	return ""
}

func discard(x *act) { x.b.Wasted += x.b.left() }
