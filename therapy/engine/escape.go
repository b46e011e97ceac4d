package engine

import "slices"

// What two of giver, receiver and sponsor can do when the third is dead.
const (
	escapeUnlock  = "unlock"  // let the receiver try again
	escapeReturn  = "return"  // the giver has the bag again
	escapeReceive = "receive" // the receiver has it, under a critical hold
)

// escape is asked for by one and done when a second one asks for the same.
func escape(x *act) Code {
	b, p := x.b, x.e.Payload
	if b.Pending == nil {
		return NoRelease
	}
	if p.Action != escapeUnlock && p.Action != escapeReturn && p.Action != escapeReceive {
		return WrongState
	}
	between := []string{b.Pending.From, b.Pending.To, x.s.organisation(sponsor)}
	if !slices.Contains(between, x.e.Organisation) {
		return RoleDenied
	}
	if b.Escape == nil || b.Escape.Action != p.Action || b.Escape.By == x.e.Organisation {
		b.Escape = &Escape{Action: p.Action, By: x.e.Organisation}
		x.alarm(escapeUsed, b.ID, add(between[:2:2], between[2]), 0)
		return ""
	}
	x.escaped(p.Action)
	x.alarm(escapeUsed, b.ID, add(between[:2:2], between[2]), 0)
	return ""
}

// escaped does it. Only unlock leaves the handover under way.
func (x *act) escaped(action string) {
	b := x.b
	b.Escape, b.Locked, b.Attempts = nil, false, 0
	state := b.State
	switch action {
	case escapeReturn:
		state, b.Pending, b.Keeps = b.Pending.Back, nil, ""
	case escapeReceive:
		x.hold(escapeUsed, b.ID, true)
		state, b.Custodian, b.Pending, b.Keeps = x.d.taken(b.State), b.Pending.To, nil, ""
	}
	if state != b.State {
		b.State = state
		b.Entered = grown(b.Entered, Entered{state, x.at})
	}
}

// taken is the state in which a bag is after it was taken.
func (d *Definition) taken(from string) string {
	for _, s := range d.Steps {
		if s.Does == "take" && slices.Contains(s.From, from) && s.To != "" {
			return s.To
		}
	}
	return from
}
