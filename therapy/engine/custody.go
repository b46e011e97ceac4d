package engine

import (
	"slices"
)

// maxAttempts is how often a receiver may be wrong before the bag is locked.
const maxAttempts = 5

// pack seals the bag and binds the logger that travels with it.
func pack(x *act) {
	x.b.Logger, x.b.Reading, x.b.Outcome = x.e.value("logger"), 0, ""
}

// mayGive: to who receives here, by a courier, with the bag and its logger in hand, and under
// a seal of its own: who saw the nonce of an earlier one could answer without the box.
func mayGive(x *act) Code {
	p := &x.e.Payload
	switch {
	case x.e.value("bag") != x.b.ID || x.b.Logger == "" || x.e.value("logger") != x.b.Logger:
		return BindingMismatch
	case !x.next("take", p.To) || p.To == x.e.Organisation:
		return WrongReceiver
	case !x.next("carry", p.Courier):
		return WrongCourier
	case p.ValidUntil <= x.at:
		return LateAccept
	case p.Commitment == Hash{}:
		return HandoverMismatch
	case slices.Contains(x.b.Seals, p.Commitment):
		return Replay
	}
	return ""
}

// next says whether an organisation has a role in an action that may follow this step.
func (x *act) next(does, organisation string) bool {
	return slices.ContainsFunc(x.d.Steps, func(s Step) bool {
		return s.Does == does && slices.Contains(s.From, x.step.To) &&
			slices.ContainsFunc(s.By, func(role string) bool { return x.s.party(organisation, role) })
	})
}

func give(x *act) {
	p := &x.e.Payload
	x.b.Pending = &Pending{From: x.e.Organisation, To: p.To, Courier: p.Courier, Commitment: p.Commitment, ValidUntil: p.ValidUntil, Back: x.b.State}
	x.b.Seals = grown(x.b.Seals, p.Commitment)
}

func mayCarry(x *act) Code {
	if x.e.Organisation != x.b.Pending.Courier {
		return WrongCourier
	}
	return ""
}

func carry(x *act) {
	p := *x.b.Pending
	p.Carried = true
	x.b.Pending = &p
}

// mayTake: the one it was given to, from the courier it was given to, in time, and with
// values that only who has the seal in hand can know. Nothing tells which of them is wrong.
func mayTake(x *act) Code {
	p := x.b.Pending
	switch {
	case x.e.Organisation != p.To:
		return WrongReceiver
	case !p.Carried || x.e.Payload.Courier != p.Courier:
		return WrongCourier
	case x.at > p.ValidUntil:
		return LateAccept
	}
	return x.match()
}

// match compares what was read blind with the commitment of the giver.
func (x *act) match() Code {
	e := x.e
	read := Handover{Nonce: e.value("nonce"), COI: e.value("coi"), Product: e.value("product"), Bag: e.value("bag"),
		Seal: e.value("seal"), Count: e.value("count"), Logger: e.value("logger")}
	if read.Nonce == "" || read.COI != x.s.COI || read.Bag != x.b.ID || !same(Commit(read), x.b.Pending.Commitment) {
		return HandoverMismatch
	}
	return ""
}

func take(x *act) {
	b := x.b
	b.Custodian, b.Pending, b.Attempts, b.Keeps, b.Escape = b.Pending.To, nil, 0, "", nil
}

// mayCancel: only with the seal in hand, which shows that nobody else has the bag.
func mayCancel(x *act) Code { return x.match() }

func cancel(x *act) {
	x.b.Pending, x.b.Attempts, x.b.Keeps, x.b.Escape = nil, 0, "", nil
}

// failedHandover keeps the truth: the bag stands at the receiver's dock, whoever answers
// for it. After five wrong answers nobody guesses on.
func (x *act) failedHandover(code Code) {
	b := x.b
	if x.do == nil || x.do.name != "take" && x.do.name != "cancel" || b.Pending == nil {
		return
	}
	if x.do.name == "take" && (code == HandoverMismatch || code == LateAccept || code == WrongReceiver || code == WrongCourier || code == WrongPlace) {
		b.Keeps = x.e.Organisation
	}
	if code == HandoverMismatch {
		b.Attempts++
		b.Locked = b.Attempts >= maxAttempts
	}
}

// quarantine records that an organisation has the bag, and that it goes no further.
func quarantine(x *act) {
	x.b.Keeps = x.e.Organisation
	x.hold(quarantined, x.b.ID, false)
	x.alarm(quarantined, x.b.ID, x.owners(quarantined), 0)
}

// The outcomes of tests and transports.
const (
	pass       = "pass"
	fail       = "fail"
	pending    = "pending"
	review     = "review"
	reject     = "reject"
	incomplete = "incomplete"
)

// mayTransport: of the logger that was bound, and readings that no verdict covers yet.
func mayTransport(x *act) Code {
	p, b := &x.e.Payload, x.b
	switch {
	case b.Logger == "" || p.Logger != b.Logger:
		return BindingMismatch
	case p.FromSeq <= b.Reading:
		return SensorReplay
	case p.FromSeq != b.Reading+1 || p.ToSeq < p.FromSeq || p.Root == Hash{}:
		return SensorGap
	case p.Outcome != pass && p.Outcome != review && p.Outcome != reject && p.Outcome != incomplete:
		return GateQC
	}
	return ""
}

// transport keeps the verdict about a leg; what is not pass stops the bag. Good readings
// that come later do not make a rejected leg good.
func transport(x *act) {
	x.b.Reading = x.e.Payload.ToSeq
	if x.b.Outcome != reject {
		x.b.Outcome = x.e.Payload.Outcome
	}
	switch x.e.Payload.Outcome {
	case review:
		x.warn(transportReview)
	case incomplete:
		x.warn(SensorGap)
	case reject:
		x.warn(transportReject)
	}
}

// warn holds the bag for what an accepted event says, and tells those who must act.
func (x *act) warn(code Code) {
	x.hold(code, x.b.ID, weightOf(code) == critical)
	x.alarm(code, x.b.ID, x.owners(code), 0)
}
