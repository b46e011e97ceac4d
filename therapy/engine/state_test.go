package engine_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/therapy/engine"
)

// at brings a journey before a step, and changes what is known of the bag: what no event
// leads to today is refused all the same.
func at(t *testing.T, definition, step string, change func(b *engine.Bag)) *world {
	t.Helper()
	w := newWorld(t, definition)
	for _, s := range w.paths {
		if s == step {
			break
		}
		if out := w.do(s); out.Verdict != engine.Accepted {
			t.Fatalf("%s: %s %s", s, out.Verdict, out.Code)
		}
	}
	change(w.s.Bag(w.current))
	return w
}

func expect(t *testing.T, out engine.Outcome, code engine.Code) {
	t.Helper()
	if out.Code != code {
		t.Errorf("the answer is %s %s, want %q", out.Verdict, out.Code, code)
	}
}

func TestNothingIsMadeOfWhatWasNotJudged(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "make", func(b *engine.Bag) { b.Outcome = "" })
	expect(t, w.do("make"), engine.NotReady)
}

func TestNothingIsPackedUnreleased(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "pack-again", func(b *engine.Bag) { b.Release = nil })
	expect(t, w.do("pack-again"), engine.NotReleased)
}

func TestConditionedOnlyWhereTheProductIs(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "condition", func(b *engine.Bag) { b.Custodian = "maker" })
	expect(t, w.do("condition"), engine.NotReady)
}

func TestThePermitIsUsedOnce(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "infuse", func(b *engine.Bag) { b.Permit = nil })
	expect(t, w.do("infuse"), engine.NotReady)
	w = at(t, "cart-autologous-cryo", "reconcile", func(*engine.Bag) {})
	used := w.s.Bag(w.current).Permit
	w = at(t, "cart-autologous-cryo", "infuse", func(b *engine.Bag) { b.Permit = used })
	expect(t, w.do("infuse"), engine.DoubleUse)
}

func TestTheThawHasABeginning(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "infuse", func(b *engine.Bag) { b.Thawed = 0 })
	expect(t, w.do("infuse"), engine.ThawWindow)
}

func TestNothingTravelsWithoutALogger(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "ship", func(b *engine.Bag) { b.Logger = "" })
	e := w.honest("ship", w.current)
	e.Scans = e.Scans[:2]
	expect(t, w.finish(e, ""), engine.BindingMismatch)
}

func TestNobodyGivesToThemselves(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "ship", func(b *engine.Bag) { b.Custodian = "maker" })
	w.d = changed(t, `"to": "travelling", "by": ["collector"]`, `"to": "travelling", "by": ["manufacturer"]`)
	w.s.Definition = w.d.Hash()
	expect(t, w.do("ship"), engine.WrongReceiver)
}

// A giver who commits to cells of another journey, or to another bag, and a receiver who
// reads just that, have not handed over this bag. A seal without a nonce hides nothing.
func TestACommitmentToOtherCellsIsNoHandover(t *testing.T) {
	for what, value := range map[string]string{"coi": "coi-of-journey-2", "bag": "bag-2", "nonce": ""} {
		w := at(t, "cart-autologous-cryo", "receive", func(*engine.Bag) {})
		e := w.honest("receive", w.current)
		rescan(e, what, value)
		if value == "" {
			e.Scans = e.Scans[1:]
		}
		read := engine.Handover{}
		for _, s := range e.Scans {
			*map[string]*string{"nonce": &read.Nonce, "coi": &read.COI, "product": &read.Product, "bag": &read.Bag,
				"seal": &read.Seal, "count": &read.Count, "logger": &read.Logger}[s.What] = s.Value
		}
		w.s.Bag(w.current).Pending.Commitment = engine.Commit(read)
		expect(t, w.finish(e, ""), engine.HandoverMismatch)
	}
}

func TestAttemptsAreOfOneHandover(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "receive", func(b *engine.Bag) { b.Attempts = 4 })
	w.do("receive")
	if b := w.s.Bag(w.current); b.Attempts != 0 || b.Custodian != "maker" {
		t.Errorf("after it was taken %d attempts are left over", b.Attempts)
	}
}

// What was attempted is in the chain: the next event follows it.
func TestRejectedEventsAreInTheChain(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "infuse", func(*engine.Bag) {})
	e := w.honest("infuse", w.current)
	e.Payload.Second = ""
	out := w.finish(e, "")
	if b := w.s.Bag(w.current); out.Verdict != engine.Rejected || b.Head != out.Event || out.Head != out.Event {
		t.Errorf("%s, the head is %s, the event %s", out.Verdict, b.Head, out.Event)
	}
}

// Notices change no state that they were given.
func TestNoticesArePure(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "condition", func(*engine.Bag) {})
	for _, step := range []string{"hold", "clear", "consent", "merge", "tick", "death"} {
		w.now += pause
		e := w.honest(step, w.current)
		if step != "hold" && step != "clear" {
			e.Bag = ""
		}
		e.Payload.Critical, e.Payload.Purpose, e.Payload.Patient = true, "data", "patient-7"
		before, given := text(t, w.s), w.s
		if out := w.finish(e, ""); out.Verdict != engine.Accepted {
			t.Fatalf("%s is %s %s", step, out.Verdict, out.Code)
		}
		if text(t, given) != before {
			t.Errorf("%s changed the state that it was given", step)
		}
	}
}

// Two events that follow one state do not write over one another's lists.
func TestStatesShareNoLists(t *testing.T) {
	w := at(t, "cart-autologous-cryo", "ship", func(*engine.Bag) {})
	for i := range 3 { // a list of three that was appended to has room for one more
		e := w.honest("hold", w.current)
		e.Device, e.DeviceSeq = fmt.Sprint("phone ", i), 1
		w.finish(e, "")
	}
	var after []*engine.State
	var texts []string
	for i, step := range []string{"ship", "hold", "discard"} {
		e := w.honest(step, w.current)
		e.Device, e.DeviceSeq = fmt.Sprint("tablet ", i), 1
		e.PayloadHash = e.Payload.Hash()
		next, _ := engine.Apply(w.d, w.r, w.s, e, engine.Unsigned(e), w.now)
		after, texts = append(after, next), append(texts, text(t, next))
	}
	for i, s := range after {
		if text(t, s) != texts[i] {
			t.Errorf("state %d was changed by the next event", i)
		}
	}
}

// A patient who gives cells for herself is one person under two names; a donor is not.
func TestMergesConcernTheDonorIfItIsThePatient(t *testing.T) {
	for id, donor := range map[string]string{"cart-autologous-cryo": "patient-7", "hsct-allogeneic": "donor-1"} {
		w := newWorld(t, id)
		e := w.honest("merge", "")
		e.Payload.Patient = "patient-7"
		if w.finish(e, ""); w.s.Patient != "patient-7" || w.s.Donor != donor {
			t.Errorf("%s: patient %s, donor %s", id, w.s.Patient, w.s.Donor)
		}
	}
}

// A signature is of one event, by one organisation, and no other knowledge replaces it.
func TestSignaturesAreChecked(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	e := w.honest("order", "bag-1")
	e.PayloadHash = e.Payload.Hash()
	other := *e
	other.Person = "clinic-2"
	for name, by := range map[string]engine.Signed{
		"nothing":             {},
		"a key of nobody":     w.r.Verify(e, "nobody", sign(e, "clinic-p256")),
		"another event":       w.r.Verify(&other, "clinic-p256", sign(&other, "clinic-p256")),
		"a bad signature":     w.r.Verify(e, "clinic-p256", sign(&other, "clinic-p256")),
		"a bad one, Ed25519":  w.r.Verify(e, "clinic-ed25519", sign(&other, "clinic-ed25519")),
		"one of another kind": w.r.Verify(e, "clinic-ed25519", sign(e, "clinic-p256")),
		"another house":       w.r.Verify(e, "maker-p256", sign(e, "maker-p256")),
	} {
		next, out := engine.Apply(w.d, w.r, w.s, e, by, w.now)
		if out.Verdict != engine.Refused || out.Code != engine.BadSignature || next != w.s {
			t.Errorf("%s: %s %s", name, out.Verdict, out.Code)
		}
	}
	for _, key := range []string{"clinic-p256", "clinic-ed25519"} {
		if _, out := engine.Apply(w.d, w.r, w.s, e, w.r.Verify(e, key, sign(e, key)), w.now); out.Verdict != engine.Accepted {
			t.Errorf("%s: %s %s", key, out.Verdict, out.Code)
		}
	}
	nameless := *e
	nameless.Organisation = ""
	if _, out := engine.Apply(w.d, w.r, w.s, &nameless, engine.Signed{}, w.now); out.Verdict != engine.Refused {
		t.Errorf("nobody is %s", out.Verdict)
	}
}

// Fields of a commitment do not run into one another.
func TestCommitmentsReadOneWay(t *testing.T) {
	one := engine.Commit(engine.Handover{Nonce: "ab", COI: "c"})
	other := engine.Commit(engine.Handover{Nonce: "a", COI: "bc"})
	if bytes.Equal(one[:], other[:]) {
		t.Error("ab+c is a+bc")
	}
}

// A judge with another register gives another answer, even where it agrees.
func TestAnswersNameTheRegister(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	e := w.honest("order", "bag-1")
	e.PayloadHash = e.Payload.Hash()
	other := register(t)
	other.Persons[0].Until = start + hour
	if err := other.Prepare(); err != nil {
		t.Fatal(err)
	}
	_, one := engine.Apply(w.d, w.r, w.s, e, engine.Unsigned(e), w.now)
	_, two := engine.Apply(w.d, other, w.s, e, engine.Unsigned(e), w.now)
	if one.Verdict != engine.Accepted || two.Verdict != engine.Accepted || one.Register == two.Register {
		t.Errorf("%s and %s, with the registers %s and %s", one.Verdict, two.Verdict, one.Register, two.Register)
	}
}
