package engine

import "slices"

// Verdict says what became of an event.
type Verdict string

// The verdicts. Only what is refused leaves no trace in the state: nobody is known to have
// said it, or it cannot be understood.
const (
	Accepted Verdict = "accepted"
	Rejected Verdict = "rejected" // recorded, with an alarm; the bag did not move
	Disputed Verdict = "disputed" // recorded beside the chain, which has gone on without it
	Refused  Verdict = "refused"  // not recorded
)

// Outcome is the answer to an event.
type Outcome struct {
	Verdict Verdict `json:"verdict"`
	Code    Code    `json:"code,omitempty"`
	Event   Hash    `json:"event"`
	// Register is the hash of the register by which it was judged: a judge with another one
	// gives another answer, which others notice.
	Register Hash    `json:"register"`
	Head     Hash    `json:"head"` // what the next event of the bag follows
	Holds    []Hold  `json:"holds,omitempty"`
	Alarms   []Alarm `json:"alarms,omitempty"`
	Again    bool    `json:"again,omitempty"` // the first result of the same event
}

func refuse(c Code, event Hash) Outcome { return Outcome{Verdict: Refused, Code: c, Event: event} }

// again is the first result of an event; another event with its id is refused.
func (s *State) again(first *Seen, event Hash) Outcome {
	if first.Hash != event {
		return refuse(Replay, event)
	}
	out := Outcome{Verdict: first.Verdict, Code: first.Code, Event: event, Register: first.Register, Head: first.Head, Again: true}
	for _, h := range s.Holds {
		if h.Event == event {
			h.Cleared = ""
			out.Holds = append(out.Holds, h)
		}
	}
	for _, a := range s.Alarms {
		if a.Event == event {
			out.Alarms = append(out.Alarms, a)
		}
	}
	return out
}

// hold stops the bag, or the journey if bag is "". What already stands so is not said twice.
func (x *act) hold(code Code, bag string, grave bool) {
	if grave {
		x.suspend(bag)
	}
	for i := range x.s.Holds {
		if h := &x.s.Holds[i]; h.Cleared == "" && h.Code == code && h.Bag == bag && h.Critical == grave {
			return
		}
	}
	h := Hold{Number: int64(len(x.s.Holds)) + 1, Bag: bag, Code: code, Critical: grave, Person: x.e.Person, Event: x.hash, At: x.at}
	x.s.Holds = grown(x.s.Holds, h)
	x.out.Holds = append(x.out.Holds, h)
}

// suspend ends the releases of a bag, or of all, for good.
func (x *act) suspend(bag string) {
	for i, b := range x.s.Bags {
		if b.Release == nil || b.Release.Suspended || bag != "" && b.ID != bag {
			continue
		}
		r := *b.Release
		r.Suspended = true
		x.own(i).Release = &r
	}
}

// own gives the copy of a bag that this act may change.
func (x *act) own(i int) *Bag {
	if x.b != nil && x.s.Bags[i].ID == x.b.ID {
		return x.b
	}
	b := *x.s.Bags[i]
	x.s.Bags[i] = &b
	return &b
}

// alarm tells those who must act; due is 0 if it is at once.
func (x *act) alarm(code Code, bag string, owners []string, due int64) {
	a := Alarm{Number: int64(len(x.s.Alarms)) + 1, Bag: bag, Code: code, Owners: owners, Event: x.hash, At: x.at, Due: due}
	x.s.Alarms = grown(x.s.Alarms, a)
	x.out.Alarms = append(x.out.Alarms, a)
}

// owners of an alarm: who has the bag, who is to get it, and the sponsor where the cells are
// in doubt or nobody has them.
func (x *act) owners(code Code) []string {
	var list []string
	if b := x.b; b != nil {
		list = add(list, b.Custodian)
		if b.Pending != nil {
			list = add(list, b.Pending.To)
		}
	}
	if len(list) == 0 || weightOf(code) != procedural {
		list = add(list, x.s.organisation(sponsor))
	}
	return list
}

// everyone has cells of the journey, or answers for it.
func (x *act) everyone() []string {
	list := []string{x.s.organisation(sponsor)}
	for _, b := range x.s.Bags {
		list = add(list, b.Custodian)
	}
	return list
}

func add(list []string, organisation string) []string {
	if organisation == "" || slices.Contains(list, organisation) {
		return list
	}
	return append(list, organisation)
}

// grown is a list with one more at its end. It shares nothing with the one before, which
// belongs to a state that was given.
func grown[T any](list []T, last T) []T {
	next := make([]T, len(list)+1)
	copy(next, list)
	next[len(list)] = last
	return next
}
