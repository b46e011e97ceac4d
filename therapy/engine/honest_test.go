package engine_test

import (
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/therapy/engine"
)

// honest is the event by which an honest person does a step with a bag.
func (w *world) honest(step, bag string) *engine.Event {
	code, about, _ := strings.Cut(step, ":")
	w.made++
	e := &engine.Event{ID: uuid(w.made), Journey: w.s.Journey, Bag: bag, Step: code, DeviceTime: w.now, ServerTime: w.now}
	does := code
	e.Role = map[string]string{"clear": "quality", "hold": "courier", "tick": "sponsor", "escape": "sponsor"}[code]
	if e.Role == "" {
		e.Role = "clinic"
	}
	if s := w.d.Step(code); s != nil {
		e.Role, does = s.By[0], s.Does
		e.PrevHash = w.s.Genesis
		if b := w.s.Bag(bag); b != nil {
			e.PrevHash = b.Head
		}
	}
	w.as(e, e.Role)
	b := w.s.Bag(bag)
	if b == nil {
		b = &engine.Bag{ID: bag}
	}
	for _, what := range strings.Fields(scans[does]) {
		e.Scans = append(e.Scans, engine.Scan{What: what, Value: w.read(what, b, code), Symbology: "DataMatrix"})
	}
	w.fill(e, does, about, b)
	return e
}

// as says who tells the event.
func (w *world) as(e *engine.Event, role string) {
	e.Role, e.Organisation, e.Person = role, organisations[role], role+"-1"
	e.Device = role + "-tablet"
	w.seqs[e.Device]++
	e.DeviceSeq = w.seqs[e.Device]
}

// scans are what each action reads.
var scans = map[string]string{
	"order": "id1 id2 order", "issue": "coi bag order", "collect": "wristband id1 id2 coi bag", "pack": "coi bag logger seal",
	"give": "bag seal logger", "take": "nonce coi product bag seal count logger", "cancel": "nonce coi product bag seal count logger",
	"make": "coi bag", "split": "coi bag", "approve": "coi bag", "condition": "wristband", "permit": "coi bag",
	"thaw": "coi bag product permit", "infuse": "coi bag wristband order product permit",
}

// read is what a scanner sees.
func (w *world) read(what string, b *engine.Bag, step string) string {
	ids := w.s.Identifiers
	if step == "collect" {
		ids = w.s.DonorIDs
	}
	switch what {
	case "id1":
		return ids[0]
	case "id2":
		return ids[1]
	case "order":
		return w.s.Order
	case "coi":
		return w.s.COI
	case "bag":
		return b.ID
	case "product":
		return b.Product
	case "wristband":
		if step == "collect" {
			return w.s.Donor
		}
		return w.s.Patient
	case "logger":
		if b.Logger != "" && step != "pack" && step != "pack-again" {
			return b.Logger
		}
		return map[string]string{"pack": "logger-1"}[step] + map[string]string{"pack-again": "logger-2"}[step]
	case "permit":
		return "permit-of-" + b.ID
	case "nonce":
		return fmt.Sprintf("nonce-%d-of-%s", len(b.Seals), b.ID)
	case "seal":
		return "seal-of-" + b.ID
	}
	return "1" // count
}

func (w *world) fill(e *engine.Event, does, about string, b *engine.Bag) {
	p := &e.Payload
	left := b.Volume - b.Infused - b.Wasted
	switch does {
	case "issue":
		p.Printed = 6
	case "collect":
		p.Printed, p.Used, p.Passed, p.Destroyed, p.Volume = 6, 4, 1, 1, 50_000
	case "give":
		p.To, p.Courier, p.ValidUntil = w.receiver(b.State), "courier", w.now+30*hour
		sealed := *b
		sealed.Seals = append(sealed.Seals[:len(b.Seals):len(b.Seals)], engine.Hash{})
		p.Commitment = w.commitment(&sealed)
	case "take":
		p.Courier = "courier"
		w.stand(e)
	case "transport":
		p.Logger, p.FromSeq, p.ToSeq, p.Root, p.Outcome = b.Logger, b.Reading+1, b.Reading+60, engine.Hash{1}, "pass"
	case "make":
		p.Clear, p.Second, p.Printed, p.Volume = true, e.Role+"-2", 3, left
		p.Children = []engine.Child{{Bag: b.ID + "-p", Volume: 20_000}}
	case "split":
		p.Clear, p.Second, p.Printed = true, e.Role+"-2", 3
		p.Children = []engine.Child{{Bag: b.ID + "a", Volume: left / 2}, {Bag: b.ID + "b", Volume: left - left/2}}
	case "test":
		p.Test, p.Outcome = about, "pass"
	case "request":
		p.Meaning, p.ReauthAt, p.Risk = "request", w.now-minute/4, engine.Hash{2}
	case "approve":
		p.Kind, p.Printed, p.Used, p.Destroyed = "full", b.Printed, b.Printed-1, 1
		p.Meaning, p.ReauthAt = "release", w.now-minute/4
	case "condition":
		p.Meaning, p.ReauthAt = "condition", w.now-minute/4
	case "permit":
		p.Permit, p.Patient, p.NotBefore, p.NotAfter = "permit-of-"+b.ID, w.s.Patient, w.now-second, w.now+4*hour
		p.Meaning, p.ReauthAt = "permit", w.now-minute/4
	case "infuse":
		p.Second, p.Volume = e.Role+"-2", left
	case "reconcile":
		p.Second, p.Waste = e.Role+"-2", left
	case "discard":
		p.Second, p.Meaning, p.ReauthAt = e.Role+"-2", "discard", w.now-minute/4
	case "clear":
		p.Meaning, p.ReauthAt, p.Hold = "clear", w.now-minute/4, int64(len(w.s.Holds))
	case "hold":
		p.Cause = "DEVIATION"
	}
}

// receiver of a bag that is shipped out of a state.
func (w *world) receiver(state string) string {
	if state == "packed" && w.d.ID != "hsct-allogeneic" {
		return "maker"
	}
	return "clinic"
}

func (w *world) commitment(b *engine.Bag) engine.Hash {
	return engine.Commit(engine.Handover{Nonce: w.read("nonce", b, ""), COI: w.s.COI, Product: b.Product, Bag: b.ID,
		Seal: w.read("seal", b, ""), Count: "1", Logger: b.Logger})
}

// stand puts the event at the site of its role.
func (w *world) stand(e *engine.Event) {
	for _, s := range w.r.Sites {
		if s.ID == e.Role+"-site" {
			e.Payload.Site, e.Payload.Lat, e.Payload.Lon = s.ID, s.South+250, s.West+250
		}
	}
}

// pause is how long the honest wait before a step.
const pause = 5 * minute

// do does a step honestly, and follows the cells into the bag that is made of them.
func (w *world) do(step string) engine.Outcome {
	w.now += pause
	e := w.honest(step, w.current)
	return w.finish(e, e.Organisation+"-ed25519")
}

// finish completes an event, and submits it.
func (w *world) finish(e *engine.Event, key string) engine.Outcome {
	e.PayloadHash = e.Payload.Hash()
	out := w.submit(e, key)
	if out.Verdict == engine.Accepted && len(e.Payload.Children) > 0 && e.Bag == w.current {
		w.current = e.Payload.Children[0].Bag
	}
	return out
}
