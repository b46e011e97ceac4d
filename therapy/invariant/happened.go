package invariant

import (
	"crypto/sha256"
	"encoding/hex"
)

// happened follows what was accepted.
func (c *Checker) happened(f Fact, b *bag) {
	switch f.Does {
	case "clear":
		if _, there := c.open[f.Clears]; !there {
			c.fault("I5", f, "a hold was cleared that was not open")
		}
		delete(c.open, f.Clears)
	case "consent":
		c.consents[f.Purpose] = f.Active
	case "merge":
		if c.donor == c.patient {
			c.donor = f.Patient
		}
		c.patient = f.Patient
	}
	if b == nil {
		return
	}
	c.identity(f)
	c.custody(f, b)
	c.made(f, b)
	c.used(f, b)
	b.steps[f.Step] = f.At
}

// identity is I1: whatever was scanned of the chain of identity is that of the journey.
func (c *Checker) identity(f Fact) {
	if coi := f.Scans["coi"]; coi != "" && coi != c.j.COI {
		c.fault("I1", f, "another chain of identity")
	}
	if label := f.Scans["bag"]; label != "" && label != f.Bag {
		c.fault("I1", f, "another bag")
	}
	if f.Does == "collect" && f.Scans["wristband"] != c.donor {
		c.fault("I1", f, "collected from somebody else")
	}
	if (f.Does == "infuse" || f.Does == "condition") && f.Scans["wristband"] != c.patient {
		c.fault("I1", f, "done to somebody else")
	}
	if f.Does == "infuse" && (f.Scans["coi"] != c.j.COI || f.Scans["bag"] != f.Bag) {
		c.fault("I1", f, "infused unread")
	}
}

// custody is I3: it changes only by give and take of two organisations that read the same,
// or if two of three agree that one is dead.
func (c *Checker) custody(f Fact, b *bag) {
	switch f.Does {
	case "collect":
		b.custodian = f.Organisation
	case "give":
		if b.custodian != f.Organisation || b.given != nil {
			c.fault("I3", f, "given by who does not have it")
		}
		b.given, b.votes = &f, map[string]string{}
	case "take":
		if b.given == nil || b.given.To != f.Organisation || b.given.Organisation == f.Organisation || b.given.Commitment != commitment(f) || f.At > b.given.Until {
			c.fault("I3", f, "taken without an equal give")
			return
		}
		b.custodian, b.given = f.Organisation, nil
	case "cancel":
		if b.given == nil || b.given.Organisation != f.Organisation || b.given.Commitment != commitment(f) {
			c.fault("I3", f, "cancelled without the seal")
		}
		b.given = nil
	case "escape":
		c.escape(f, b)
	default:
		if b.given != nil && f.Does != "carry" && f.Does != "quarantine" && f.Does != "test" && !notice[f.Does] {
			c.fault("I3", f, "done while custody was in flight")
		}
	}
}

var notice = map[string]bool{"hold": true, "clear": true, "consent": true, "death": true, "merge": true, "tick": true}

func (c *Checker) escape(f Fact, b *bag) {
	if b.given == nil || f.Organisation != b.given.Organisation && f.Organisation != b.given.To && f.Organisation != c.j.Sponsor {
		c.fault("I3", f, "escaped by an outsider")
		return
	}
	for org, action := range b.votes {
		if org != f.Organisation && action == f.Action {
			if f.Action == "receive" {
				b.custodian = b.given.To
			}
			if f.Action != "unlock" {
				b.given = nil
			}
			b.votes = map[string]string{}
			return
		}
	}
	b.votes = map[string]string{f.Organisation: f.Action}
}

// commitment is what giver and receiver must have read alike.
func commitment(f Fact) string {
	h := sha256.New()
	for _, what := range []string{"nonce", "coi", "product", "bag", "seal", "count", "logger"} {
		s := f.Scans[what]
		h.Write([]byte{byte(len(s) >> 24), byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))})
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// made follows volumes, expiry and bags that come of others: the first half of I7.
func (c *Checker) made(f Fact, b *bag) {
	if w, there := c.j.Windows[f.Step]; there && f.At-b.since(w.Since) > w.Max {
		c.fault("I5", f, "outside of its window")
	}
	switch f.Does {
	case "collect":
		b.volume, b.expiry = f.Volume, f.At+c.j.Expires[f.Step]
	case "make":
		if f.Volume+f.Waste+f.Remainder != b.volume-b.infused-b.wasted {
			c.fault("I7", f, "volumes do not add up")
		}
		b.volume -= f.Volume
		b.wasted += f.Waste
		c.born(f, b, f.At+c.j.Expires[f.Step])
	case "split":
		sum := f.Waste
		for _, child := range f.Children {
			sum += child.Volume
		}
		if sum != b.volume-b.infused-b.wasted {
			c.fault("I7", f, "the parts are not the whole")
		}
		b.volume, b.wasted = 0, 0
		c.born(f, b, b.expiry)
	case "approve":
		b.released, b.until = c.n, 0
		if f.Kind == "conditional" {
			b.until = f.Until
		}
		if c.stopped(f.Bag) {
			c.fault("I4", f, "released under a hold")
		}
	case "thaw":
		b.thawed = f.At
	case "discard", "reconcile":
		b.wasted = b.volume - b.infused
	}
}

func (c *Checker) born(f Fact, parent *bag, expiry int64) {
	for _, child := range f.Children {
		if c.bags[child.Bag] != nil {
			c.fault("I7", f, "a bag was made twice")
		}
		c.bags[child.Bag] = &bag{head: f.Event, parent: parent, custodian: parent.custodian, volume: child.Volume, expiry: expiry, steps: map[string]int64{}}
	}
}

// since is when a step was done to the bag, or to what it was made of.
func (b *bag) since(step string) int64 {
	if at, there := b.steps[step]; there || b.parent == nil {
		return at
	}
	return b.parent.since(step)
}

// used is the rest: what must be true when cells are infused, and before a patient is
// conditioned.
func (c *Checker) used(f Fact, b *bag) {
	if f.Does != "infuse" && f.Does != "condition" {
		return
	}
	if b.released == 0 || b.released < max(b.grave, c.grave) || b.until != 0 && f.At > b.until {
		c.fault("I4", f, "no release stands")
	}
	if c.stopped(f.Bag) {
		c.fault("I5", f, "under a hold")
	}
	if f.At > b.expiry {
		c.fault("I5", f, "expired")
	}
	if !c.consents["treatment"] {
		c.fault("I6", f, "without consent")
	}
	if !c.j.Site[b.custodian] || b.given != nil {
		c.fault("I3", f, "the product is not at the site")
	}
	if f.Does == "infuse" {
		c.infused(f, b)
	}
}

func (c *Checker) infused(f Fact, b *bag) {
	c.Infused++
	b.times++
	b.infused += f.Volume
	if b.times > 1 {
		c.fault("I7", f, "infused twice")
	}
	if f.Volume <= 0 || b.infused+b.wasted > b.volume {
		c.fault("I7", f, "more than there was")
	}
	if f.Second == "" || f.Second == f.Person {
		c.fault("I5", f, "by one person")
	}
	if c.j.Thaw != 0 && (b.thawed == 0 || f.At-b.thawed > c.j.Thaw) {
		c.fault("I5", f, "outside of the thaw window")
	}
}
