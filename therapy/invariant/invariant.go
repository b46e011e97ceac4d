// Package invariant checks what must be true of every bag of cells, from the record of what
// was told and answered alone. It shares no code and no types with the engine that answered,
// so a fault of one is not a fault of both.
//
// It does not decide, store or read definitions; who uses it translates events into facts,
// and says which limits a journey has. I9, that ledger and store agree, is not here: there is
// neither yet.
package invariant

import "fmt"

// Journey is what a checker knows beforehand.
type Journey struct {
	COI, Patient, Donor string
	Genesis, Sponsor    string
	Site                map[string]bool // organisations at which patients are conditioned
	Consents            []string
	Expires             map[string]int64 // by step: how long what comes of it may be used
	Windows             map[string]Window
	Thaw                int64 // the thaw window; 0: there is none
}

// Window is the longest time of a step since another one.
type Window struct {
	Since string
	Max   int64
}

// Fact is one event, and the answer to it.
type Fact struct {
	Bag, Step, Does                 string // Does of notices is their name
	Organisation, Person, Second    string
	Event, Prev, Head               string
	At                              int64
	Verdict                         string
	Scans                           map[string]string
	Owners                          [][]string // of the alarms raised
	Holds                           []Hold     // that were placed
	Clears                          int64      // the number of a hold
	Action, To, Commitment, Purpose string
	Active                          bool
	Patient                         string
	Kind                            string
	Until, Volume, Waste, Remainder int64
	Children                        []Child
	Replaces                        string
}

// Hold stops a bag, or all if Bag is "".
type Hold struct {
	Number   int64
	Bag      string
	Critical bool
}

// Child comes out of a bag.
type Child struct {
	Bag    string
	Volume int64
}

// Checker follows one journey.
type Checker struct {
	j        Journey
	bags     map[string]*bag
	open     map[int64]Hold
	consents map[string]bool
	patient  string
	donor    string
	grave    int // when the latest critical hold of the whole journey was placed
	n        int // facts
	Infused  int // bags
	faults   []string
}

// bag as the checker knows it.
type bag struct {
	head                    string
	parent                  *bag
	custodian               string
	given                   *Fact
	votes                   map[string]string // action by organisation
	volume, wasted, infused int64
	expiry, thawed          int64
	steps                   map[string]int64
	released, grave         int
	until                   int64
	times                   int
}

// New begins with what is known of a journey.
func New(j Journey) *Checker {
	c := &Checker{j: j, bags: map[string]*bag{}, open: map[int64]Hold{}, consents: map[string]bool{}, patient: j.Patient, donor: j.Donor}
	for _, purpose := range j.Consents {
		c.consents[purpose] = true
	}
	return c
}

// Observe takes the next fact, and returns what is not as it must be.
func (c *Checker) Observe(f Fact) []string {
	c.n++
	c.faults = c.faults[:0]
	if f.Verdict == "refused" {
		return nil
	}
	if f.Verdict != "accepted" {
		c.owned(f)
	}
	b := c.bags[f.Bag]
	if b == nil && f.Does == "order" && f.Verdict == "accepted" {
		b = &bag{head: c.j.Genesis, steps: map[string]int64{}}
		c.bags[f.Bag] = b
	}
	if b != nil {
		c.chain(f, b)
	}
	if f.Verdict == "accepted" {
		c.happened(f, b)
	}
	for _, h := range f.Holds {
		c.held(h)
	}
	return c.faults
}

func (c *Checker) fault(rule string, f Fact, why string) {
	c.faults = append(c.faults, fmt.Sprintf("%s: %s of %s: %s", rule, f.Step, f.Bag, why))
}

// owned is I8: every attempt that was not accepted has an alarm, and every alarm an owner.
func (c *Checker) owned(f Fact) {
	if len(f.Owners) == 0 {
		c.fault("I8", f, "no alarm")
	}
	for _, owners := range f.Owners {
		if len(owners) == 0 || owners[0] == "" {
			c.fault("I8", f, "an alarm without an owner")
		}
	}
}

// chain is I2: the head moves to an event only if it follows the head.
func (c *Checker) chain(f Fact, b *bag) {
	switch {
	case f.Head == f.Event && f.Prev == b.head:
		b.head = f.Event
	case f.Head == f.Event:
		c.fault("I2", f, "the head moved to an event that does not follow it")
	case f.Head != b.head:
		c.fault("I2", f, "the head moved to something else")
	case f.Verdict == "accepted" && f.Prev == b.head:
		c.fault("I2", f, "it was accepted, and the head did not move")
	}
}

func (c *Checker) held(h Hold) {
	c.open[h.Number] = h
	if !h.Critical {
		return
	}
	if h.Bag == "" {
		c.grave = c.n
	} else if b := c.bags[h.Bag]; b != nil {
		b.grave = c.n
	}
}

// stopped says whether a hold is open.
func (c *Checker) stopped(bag string) bool {
	for _, h := range c.open {
		if h.Bag == "" || h.Bag == bag {
			return true
		}
	}
	return false
}
