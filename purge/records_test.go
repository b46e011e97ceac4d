package purge

import (
	"context"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// archive has records in memory.
type archive struct {
	named   map[string]Named
	failing int // erasures until one fails
	erased  int
}

func (a *archive) Count(_ context.Context, patient string) (Named, error) {
	return a.named[patient], nil
}

func (a *archive) Erase(_ context.Context, call *kept.Call, _ agent.Agent, patient string) error {
	if a.failing--; a.failing == 0 {
		return errCut
	}
	a.erased++
	delete(a.named, patient)
	call.Receipts = append(call.Receipts, "entry")
	return nil
}

func newArchive(h *house) *archive {
	a := &archive{named: map[string]Named{"Patient/anna": {1, 3, 4}, "Patient/asked-for": {1, 0, 2}}}
	h.Purges.Records = a
	return a
}

// An erasure waits for another person, goes on where it was after a crash, and knows
// afterwards how many records it was, and not whose.
func TestAnErasureGoesOnAndForgetsWhose(t *testing.T) {
	h := newHouse(t)
	a := newArchive(h)
	u := h.must(h.AskRecords(t.Context(), new(kept.Call), officer("a"), "Patient/anna", "she asked"))
	_, err := h.Approve(t.Context(), new(kept.Call), officer("a"), u.ID, "")
	h.refuses(fhir.Forbidden, err)
	h.must(h.Approve(t.Context(), new(kept.Call), officer("b"), u.ID, ""))
	a.failing = 1
	if err := h.Work(t.Context()); err == nil {
		t.Fatal("it did not fail")
	}
	if u = h.must(h.Get(t.Context(), new(kept.Call), officer("a"), u.ID)); u.State != Removing || *u.Records != (Named{1, 3, 4}) {
		t.Errorf("halfway: %+v", u)
	}
	if events := h.rows.Events; events[len(events)-1].Patient != "" {
		t.Error("to look at it halfway names her anew")
	}
	u = h.worked(u, Done)
	if a.erased != 1 || u.Patient != "" || u.Reason != "" || *u.Records != (Named{1, 3, 4}) || u.Certificate == "" || h.scrubbed == 0 {
		t.Errorf("done: %+v, erased %d times", u, a.erased)
	}
	events := h.rows.Events
	for _, e := range events[len(events)-2:] {
		if e.Patient != "" {
			t.Errorf("a record after it names her: %+v", e)
		}
	}
}

// A hold stops an erasure at every step, and nobody is erased who never was.
func TestWhoIsNotErased(t *testing.T) {
	h := newHouse(t)
	a := newArchive(h)
	ask := func(patient string) (*Purge, error) {
		return h.AskRecords(t.Context(), new(kept.Call), officer("a"), patient, "x")
	}
	for _, patient := range []string{"Patient/asked-for", "Patient/nobody"} {
		_, err := ask(patient)
		h.refuses(fhir.NotFound, err)
	}
	if _, err := ask("Observation/o1"); err == nil || err.Error() != "The records of a patient are erased, as in Patient/1." {
		t.Errorf("of an Observation: %v", err)
	}
	hold := func(reason string) {
		t.Helper()
		if err := h.SetHold(t.Context(), new(kept.Call), officer("a"), "Patient/anna", reason); err != nil {
			t.Fatal(err)
		}
	}
	hold("a court")
	_, err := ask("Patient/anna")
	h.refuses(fhir.Conflict, err)
	hold("")
	u := h.must(ask("Patient/anna"))
	h.must(h.Approve(t.Context(), new(kept.Call), officer("b"), u.ID, ""))
	hold("a court")
	if u = h.worked(u, Approved); a.erased != 0 || u.Problem == "" {
		t.Errorf("under a hold: erased %d times, %+v", a.erased, u)
	}
	hold("")
	h.worked(u, Done)
	if _, err = ask("Patient/anna"); err == nil || !strings.Contains(err.Error(), "No record names this patient: the patient was erased from the records before.") {
		t.Errorf("once more: %v", err)
	}
}
