package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// A conditional delete deletes all that its criteria match and the caller sees, in one
// transaction whose record names every patient; what is hidden stays, as if it were absent.
func TestConditionalDeletesDeleteAllThatMatches(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("a"), patientDoc("b"), patientDoc("hidden"), observationDoc("a1", "a"), observationDoc("a2", "a"), observationDoc("b1", "b"), observationDoc("h1", "hidden"), denialDoc("c", "hidden"))
	told, doctor := h.told(), h.as(agent.Practitioner, "TREAT")
	if got := h.outcomes(doctor, matching(conditionalRemoval("Observation", "status=final"), 1)); got != "412" {
		t.Errorf("of one version: %s", got)
	}
	told()
	effects, err := h.Apply(t.Context(), doctor, []Operation{conditionalRemoval("Observation", "status=final")})
	if err != nil || len(effects) != 1 || effects[0].Status != 204 || effects[0].Version != nil {
		t.Errorf("%+v, %v", effects, err)
	}
	if got := told(); len(got) != 1 || got[0] != "permit 200 transaction  Observation?status=final [* a b hidden] [DELETE Observation/a1 DELETE Observation/a2 DELETE Observation/b1]" &&
		got[0] != "permit 200 transaction  Observation?status=final [a b hidden] [DELETE Observation/a1 DELETE Observation/a2 DELETE Observation/b1]" {
		t.Errorf("%q", got)
	}
	for name, deleted := range map[string]bool{"a1": true, "a2": true, "b1": true, "h1": false} {
		if v, err := h.Store.Get(t.Context(), ref("Observation/"+name)); err != nil || v.Deleted != deleted {
			t.Errorf("%s: deleted %v, %v", name, v.Deleted, err)
		}
	}
	if got := h.outcomes(doctor, conditionalRemoval("Observation", "status=final")); got != "204" {
		t.Errorf("again: %s", got)
	}
}

// If one of the matches may not be deleted, none is.
func TestConditionalDeletesDeleteAllOrNone(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("a"), patientDoc("p"), observationDoc("a1", "a"), observationDoc("p1", "p"), actionDoc("deny", "correct"))
	told := h.told()
	if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), conditionalRemoval("Observation", "status=final")); got != "403" {
		t.Errorf("%s", got)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 403 delete Observation/p1 status=final [a p]") {
		t.Errorf("%q", got)
	}
	if v, err := h.Store.Get(t.Context(), ref("Observation/a1")); err != nil || v.Deleted {
		t.Errorf("deleted %v, %v", v.Deleted, err)
	}
}

// In a transaction, what a conditional delete deletes cannot be changed by another entry.
func TestConditionalDeletesClaimWhatTheyDelete(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("a"), observationDoc("a1", "a"), observationDoc("a2", "a"))
	doctor := h.as(agent.Practitioner, "TREAT")
	if got := h.outcomes(doctor, transaction(conditionalRemoval("Observation", "status=final"), h.update(observationDoc("a2", "a")))...); got != "400" {
		t.Errorf("%s", got)
	}
	if got := h.outcomes(doctor, transaction(conditionalRemoval("Observation", "status=final"), h.post(observationDoc("x", "a")))...); got != "204, 201 body" {
		t.Errorf("%s", got)
	}
}

// More than the limit, or more than an answer may hold, is refused, and nothing is deleted.
func TestConditionalDeletesAreBounded(t *testing.T) {
	h := newHouse(t)
	documents := []string{patientDoc("a")}
	for i := range mostDeleted {
		documents = append(documents, observationDoc(fmt.Sprint("o", i), "a"))
	}
	h.putAll(documents)
	h.put(observationDoc("more", "a"))
	remove := []Operation{conditionalRemoval("Observation", "status=final")}
	const sentence = "The criteria of this conditional delete match more than 1,000 resources, or more than 32 MB of them. Nothing was deleted: make them more selective."
	if _, err := h.Apply(t.Context(), h.system(), remove); !says(err, 412, sentence) {
		t.Errorf("%v", err)
	}
	if v, err := h.Store.Get(t.Context(), ref("Observation/o1")); err != nil || v.Deleted {
		t.Errorf("deleted %v, %v", v.Deleted, err)
	}
	h.remove("Observation/more")
	told := h.told()
	if _, err := h.Apply(t.Context(), h.system(), remove); err != nil {
		t.Error(err)
	}
	if got := told(); len(got) != 1 || strings.Count(got[0], "DELETE ") != mostDeleted {
		t.Errorf("%d records", len(got))
	}
	big := func(id string) string {
		notes := strings.Repeat(`{"text":"`+strings.Repeat("x", 1_000_000)+`"},`, 18)
		return strings.Replace(observationDoc(id, "a"), `"subject"`, `"note":[`+strings.TrimSuffix(notes, ",")+`],"subject"`, 1)
	}
	h.put(big("x"), big("y"), big("z"))
	if _, err := h.Apply(t.Context(), h.system(), remove); !says(err, 412, sentence) {
		t.Errorf("%v", err)
	}
}
