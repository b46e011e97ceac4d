package engine

import "slices"

// The limits of time and number.
const (
	skew       = 5 * 60 * 1000 // ms between the clocks of event and judge
	deviceSkew = 2 * 60 * 1000 // ms that a device's clock may go back
	maxEvents  = 10_000        // of a journey
)

// Apply judges an event that was signed, at a time of the judge's own clock (ms since 1970).
// It changes none of its arguments.
func Apply(d *Definition, r *Register, s *State, e *Event, by Signed, now int64) (*State, Outcome) {
	if !e.wellFormed() || e.Journey != s.Journey {
		return s, refuse(Malformed, Hash{})
	}
	hash := e.Hash()
	if !by.by(e.Organisation, hash) {
		return s, refuse(BadSignature, hash)
	}
	if d.hash != s.Definition {
		return s, refuse(DefMismatch, hash)
	}
	if first := s.Seen.find(e.ID); first != nil {
		return s, s.again(first, hash)
	}
	if now-e.ServerTime > skew || e.ServerTime-now > skew {
		return s, refuse(ClockSkew, hash)
	}
	if s.Seen.n >= maxEvents {
		return s, refuse(Locked, hash)
	}
	x := begin(d, r, s, e, hash)
	denied := x.admitted(by.revoked != 0 && now >= by.revoked)
	if denied != "" && s.Seen.n >= maxEvents/2 {
		return s, refuse(denied, hash) // outsiders do not use up the journey
	}
	x.finish(x.decide(denied))
	return x.s, x.out
}

// act is one event on its way.
type act struct {
	d    *Definition
	r    *Register
	s    *State // the state that comes of it
	e    *Event
	b    *Bag // a copy, or nil
	step *Step
	do   *action
	hash Hash
	at   int64 // when it happened
	out  Outcome

	place   int  // of the bag in the state; -1 for a new one
	chained bool // it follows the bag's head
}

func begin(d *Definition, r *Register, s *State, e *Event, hash Hash) *act {
	next := *s
	next.Bags = slices.Clone(s.Bags)
	x := &act{d: d, r: r, s: &next, e: e, hash: hash, at: e.ServerTime, place: -1, step: d.Step(e.Step)}
	x.out.Event, x.out.Register = hash, r.hash
	if x.step != nil {
		x.do = actionOf(x.step.Does)
		if x.step.Offline {
			x.at = e.DeviceTime
		}
	}
	x.place = slices.IndexFunc(s.Bags, func(b *Bag) bool { return b.ID == e.Bag })
	if x.place >= 0 {
		b := *s.Bags[x.place]
		x.b, next.Bags[x.place] = &b, &b
	}
	return x
}

// decide is the order of the questions. Those before the chain concern who says it and when:
// whoever fails there moves no head.
func (x *act) decide(denied Code) (Verdict, Code) {
	if denied != "" {
		return Rejected, denied
	}
	if x.outOfOrder() {
		return Disputed, StaleHead
	}
	if isNotice(x.e.Step) {
		return judged(x.notice())
	}
	switch {
	case x.step == nil:
		return Rejected, WrongState
	case x.do.name == "order":
		return judged(x.begins())
	case x.b == nil:
		return Rejected, UnknownBag
	case x.e.PrevHash != x.b.Head:
		return Disputed, x.stale()
	}
	x.chained = true
	return judged(x.attempt())
}

func judged(code Code) (Verdict, Code) {
	if code != "" {
		return Rejected, code
	}
	return Accepted, ""
}

// admitted says whether this person may speak, with this key, at this time.
func (x *act) admitted(revoked bool) Code {
	e := x.e
	switch {
	case revoked:
		return KeyRevoked
	case !x.s.party(e.Organisation, e.Role) || !x.r.enrolled(e.Person, e.Organisation, e.Role, e.ServerTime):
		return RoleDenied
	case e.DeviceTime-e.ServerTime > skew:
		return ClockSkew
	case e.ServerTime-e.DeviceTime > skew && !isNotice(e.Step) && (x.step == nil || !x.step.Offline):
		return ClockSkew
	}
	if d := x.device(); d != nil && e.DeviceTime < d.Time-deviceSkew {
		return ClockSkew
	}
	return ""
}

// device is how far this one has told, or nil. Names of devices are each organisation's own.
func (x *act) device() *Device {
	for i := range x.s.Devices {
		if d := &x.s.Devices[i]; d.ID == x.e.Device && d.Organisation == x.e.Organisation {
			return d
		}
	}
	return nil
}

// outOfOrder says whether the device has told something later already.
func (x *act) outOfOrder() bool {
	d := x.device()
	return d != nil && x.e.DeviceSeq <= d.Seq
}

// stale is the code of an event that does not follow the head: cells that two tablets have
// infused are worse than a race.
func (x *act) stale() Code {
	if x.do.name == "infuse" && x.b.Infused > 0 {
		return DoubleUse
	}
	return StaleHead
}

// finish writes down what was decided.
func (x *act) finish(verdict Verdict, code Code) {
	x.out.Verdict, x.out.Code = verdict, code
	if verdict != Accepted {
		x.notAccepted(code)
	}
	if x.chained {
		x.b.Head, x.b.Seq = x.hash, x.b.Seq+1
	}
	if x.b != nil {
		x.out.Head = x.b.Head
	}
	seen := Seen{ID: x.e.ID, Hash: x.hash, Verdict: verdict, Code: code, Head: x.out.Head, Register: x.r.hash}
	x.s.Seen = x.s.Seen.with(seen)
	x.tell()
}

// notAccepted raises the alarm, and the hold if the cells are in doubt.
func (x *act) notAccepted(code Code) {
	x.alarm(code, x.e.Bag, x.owners(code), 0)
	if x.b != nil && x.place >= 0 && weightOf(code) != procedural {
		x.hold(code, x.b.ID, weightOf(code) == critical)
	}
	if x.chained {
		x.failedHandover(code)
	}
}

// tell remembers how far the device has told.
func (x *act) tell() {
	if x.device() == nil {
		x.s.Devices = grown(x.s.Devices, Device{ID: x.e.Device, Organisation: x.e.Organisation, Seq: x.e.DeviceSeq, Time: x.e.DeviceTime})
		return
	}
	x.s.Devices = slices.Clone(x.s.Devices)
	d := x.device()
	d.Seq, d.Time = max(d.Seq, x.e.DeviceSeq), max(d.Time, x.e.DeviceTime)
}
