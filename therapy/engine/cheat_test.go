package engine_test

import (
	"fmt"

	"github.com/aceso-health/aceso/therapy/engine"
)

var roles = []string{"clinic", "collector", "courier", "manufacturer", "qc", "quality", "site", "sponsor"}

// cheat does something that an honest party would not do now, or not so.
func (h *crowd) cheat() {
	w := h.w
	if len(h.told) == 0 {
		return
	}
	w.now += h.Int64N(minute)
	switch n := h.IntN(20); {
	case n == 0: // tells again what was told
		old := *h.told[h.IntN(len(h.told))]
		w.submit(&old, "")
	case n == 1: // tells something else by the same id
		old := *h.told[h.IntN(len(h.told))]
		old.Person = "somebody"
		w.submit(&old, "")
	case n < 5:
		h.notice()
	default:
		h.distort()
	}
}

// notice tells what may or may not be true, by anybody.
func (h *crowd) notice() {
	w := h.w
	b := w.s.Bags
	if len(b) == 0 {
		return
	}
	name := []string{"hold", "clear", "consent", "tick", "escape", "escape", "escape", "merge", "death", "hold"}[h.IntN(10)]
	if name == "death" && h.IntN(20) > 0 {
		name = "tick"
	}
	e := w.honest(name, b[h.IntN(len(b))].ID)
	if name != "escape" && h.IntN(2) == 0 {
		e.Bag = ""
	}
	if h.IntN(2) == 0 {
		w.as(e, roles[h.IntN(len(roles))])
	}
	p := &e.Payload
	p.Critical = h.IntN(2) == 0
	p.Purpose, p.Active = []string{"treatment", "data"}[h.IntN(2)], h.IntN(3) > 0
	p.Action = []string{"unlock", "return", "receive"}[h.IntN(3)]
	if name == "merge" {
		p.Patient = fmt.Sprint("patient-", h.IntN(5))
	}
	h.tell(e)
}

// distort does any step with any bag, and changes something about it.
func (h *crowd) distort() {
	w := h.w
	step := w.d.Steps[h.IntN(len(w.d.Steps))].Code
	bag := fmt.Sprint("bag-", h.IntN(4))
	if len(w.s.Bags) > 0 && h.IntN(8) > 0 {
		b := w.s.Bags[h.IntN(len(w.s.Bags))]
		bag = b.ID
		if next := h.next(b); next != "" && h.IntN(4) > 0 {
			step = next
		}
	}
	e := w.honest(step, bag)
	for range 1 + h.IntN(2) {
		h.bend(e)
	}
	h.tell(e)
}

func (h *crowd) bend(e *engine.Event) {
	p := &e.Payload
	switch h.IntN(15) {
	case 0, 1, 2, 3:
		h.misread(e)
	case 4:
		h.w.as(e, roles[h.IntN(len(roles))])
	case 5:
		e.Person = []string{"somebody", "left", "stranger", "all-rounder", "clinic-2"}[h.IntN(5)]
	case 6:
		e.PrevHash = engine.Hash{byte(h.IntN(256))}
	case 7:
		e.DeviceTime += h.Int64N(hour) - hour/2
	case 8:
		e.DeviceSeq = 1 + h.Int64N(e.DeviceSeq)
	case 9:
		p.Volume, p.Waste = p.Volume+h.Int64N(3)-1, h.Int64N(2)
	case 10:
		p.Second = []string{"", e.Person, "stranger", e.Role + "-2"}[h.IntN(4)]
	case 11:
		p.Meaning, p.ReauthAt = []string{"release", "discard", p.Meaning}[h.IntN(3)], h.w.now-h.Int64N(hour)
	case 12:
		p.Outcome = []string{"pass", "fail", "pending", "reject", "review", "incomplete"}[h.IntN(6)]
	case 13:
		p.To, p.Courier = organisations[roles[h.IntN(len(roles))]], organisations[roles[h.IntN(len(roles))]]
	case 14:
		h.w.now += h.Int64N(2 * hour)
		e.ServerTime, e.DeviceTime = h.w.now, h.w.now
	}
}

// misread drops a scan, or reads something else.
func (h *crowd) misread(e *engine.Event) {
	if len(e.Scans) == 0 {
		return
	}
	i := h.IntN(len(e.Scans))
	switch h.IntN(4) {
	case 0:
		e.Scans = append(e.Scans[:i:i], e.Scans[i+1:]...)
	case 1:
		e.Scans[i].Manual = true
	default:
		e.Scans[i].Value = []string{"patient-2", "coi-of-journey-0", "bag-1", "bag-2", "mrn-1", "x", "1", "2"}[h.IntN(8)]
	}
}
