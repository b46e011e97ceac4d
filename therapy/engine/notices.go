package engine

import "slices"

// Notices concern a journey, or a bag wherever it is. They stand beside the chains, so that a
// hold is never lost to a race.

// notice is what may be told at any time. Its check changes nothing.
type notice struct {
	name  string
	by    func(d *Definition) []string // roles; nil: all who take part
	tell  func(x *act) Code
	onBag bool
}

func isNotice(step string) bool { return noticeOf(step) != nil }

func noticeOf(name string) *notice {
	for i := range notices {
		if notices[i].name == name {
			return &notices[i]
		}
	}
	return nil
}

var notices = [...]notice{
	{"hold", nil, placeHold, false},
	{"clear", func(d *Definition) []string { return d.Quality }, clearHold, false},
	{"consent", func(d *Definition) []string { return d.Notices }, consent, false},
	{"death", func(d *Definition) []string { return d.Notices }, death, false},
	{"merge", func(d *Definition) []string { return d.Notices }, merge, false},
	{"tick", nil, tick, false},
	{"escape", nil, escape, true},
}

// reauthWithin is how fresh the proof is of who clears a hold.
const reauthWithin = 5 * 60 * 1000

func (x *act) notice() Code {
	n := noticeOf(x.e.Step)
	switch {
	case x.e.Bag != "" && x.b == nil || n.onBag && x.b == nil:
		return UnknownBag
	case n.by != nil && !slices.Contains(n.by(x.d), x.e.Role):
		return RoleDenied
	}
	return n.tell(x)
}

// placeHold stops a bag or a journey. Everybody who takes part may.
func placeHold(x *act) Code {
	code := Code(x.e.Payload.Cause)
	if !code.isWord() {
		return WrongState
	}
	x.hold(code, x.e.Bag, x.e.Payload.Critical)
	owners := x.everyone()
	if x.b != nil {
		owners = add(x.owners(OnHold), x.s.organisation(sponsor))
	}
	x.alarm(code, x.e.Bag, owners, 0)
	return ""
}

// isWord says whether a cause is a code like DEVIATION: no text in which a person could be
// named.
func (c Code) isWord() bool {
	for i := range len(c) {
		if c[i] != '_' && (c[i] < 'A' || c[i] > 'Z') {
			return false
		}
	}
	return c != "" && len(c) <= 40
}

// clearHold needs a signature of somebody else than who caused the hold. It restores no
// release.
func clearHold(x *act) Code {
	p := &x.e.Payload
	i := slices.IndexFunc(x.s.Holds, func(h Hold) bool { return h.Number == p.Hold && h.Cleared == "" && h.Bag == x.e.Bag })
	switch since := x.at - p.ReauthAt; {
	case i < 0:
		return WrongState
	case p.Meaning != "clear" || since < 0 || since > reauthWithin:
		return GateESig
	case x.s.Holds[i].Person == x.e.Person:
		return SelfApproval
	}
	x.s.Holds = slices.Clone(x.s.Holds)
	x.s.Holds[i].Cleared = x.e.Person
	return ""
}

// consent is given or withdrawn.
func consent(x *act) Code {
	p := &x.e.Payload
	if p.Purpose != treatment && p.Purpose != data {
		return NoConsent
	}
	x.s.Consents = slices.DeleteFunc(slices.Clone(x.s.Consents), func(c string) bool { return c == p.Purpose })
	if p.Active {
		x.s.Consents = append(x.s.Consents, p.Purpose)
	} else {
		x.alarm(consentWithdrawn, "", x.everyone(), 0)
	}
	return ""
}

// death ends the journey; what is left is given back or discarded.
func death(x *act) Code {
	if x.s.Ended != "" {
		return JourneyInactive
	}
	x.s.Ended = patientDied
	x.alarm(patientDied, "", x.everyone(), 0)
	return ""
}

// merge says that the patient goes by another token from now on. Until somebody of quality
// has looked, nothing goes on, and every release must be given anew.
func merge(x *act) Code {
	into := x.e.Payload.Patient
	if into == "" || into == x.s.Patient {
		return PatientMismatch
	}
	if x.s.Donor == x.s.Patient {
		x.s.Donor = into
	}
	x.s.Patient = into
	x.hold(patientMerged, "", true)
	x.alarm(patientMerged, "", x.everyone(), 0)
	return ""
}

// tick looks for what did not happen in time.
func tick(x *act) Code {
	for i, b := range x.s.Bags {
		if p := b.Pending; p != nil && !p.Warned && x.at > p.ValidUntil {
			late := *p
			late.Warned = true
			x.own(i).Pending = &late
			x.alarm(acceptOverdue, b.ID, add(add([]string{p.From}, p.To), x.s.organisation(sponsor)), 0)
		}
		if r := b.Release; r != nil && r.Until != 0 && !r.Warned && x.at > r.Until {
			late := *r
			late.Warned = true
			x.own(i).Release = &late
			x.alarm(releaseRanOut, b.ID, add([]string{b.Custodian}, x.s.organisation(sponsor)), 0)
		}
	}
	return ""
}
