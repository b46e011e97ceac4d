package access

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// finding is a search of Observations in a transaction.
func finding(criteria string) Operation {
	return Operation{Method: "GET", Ref: fhir.Ref{Type: "Observation"}, Criteria: params(criteria)}
}

// A search next to writes must still be true when they are committed: who writes what it
// would find, or another version of what it found, has the transaction judged again.
func TestSearchesNextToWritesHoldAtTheCommit(t *testing.T) {
	for name, meanwhile := range map[string]string{
		"found newly": observationDoc("s2", "seen"), "found otherwise": strings.Replace(observationDoc("s1", "seen"), `"code"`, `"issued":"2020-01-01T00:00:00Z","code"`, 1),
		"found no more": amended(observationDoc("s1", "seen")),
	} {
		h := ward(t)
		find := Operation{Method: "GET", Ref: fhir.Ref{Type: "Observation"}, Criteria: params("patient=seen&status=final")}
		h.Writable = func() error { // asked after all is judged
			h.Writable = nil
			h.put(meanwhile)
			return nil
		}
		effects, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), transaction(h.post(observationDoc("x", "seen")), find))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found := effects[1].Result
		want := map[string]int{"found newly": 3, "found otherwise": 2, "found no more": 1}[name]
		if len(found.Matches) != want || name == "found otherwise" && found.Matches[0].Version+found.Matches[1].Version != 3 {
			t.Errorf("%s: %d matches", name, len(found.Matches))
		}
	}
}

// A search next to writes finds no hidden rows, stored or about to be written; the record
// names whom it selects. A store that shows more is noticed.
func TestSearchesNextToWritesSeeWhatTheirCallerSees(t *testing.T) {
	h := ward(t)
	told := h.told()
	ops := transaction(h.post(observationDoc("x", "hidden")), finding("code=8867-4&_summary=count"))
	h.faulty.searched = 0
	effects, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), ops)
	if err != nil || effects[1].Result.Total != 1 || h.faulty.searched != 1 {
		t.Fatalf("%+v after %d searches, %v", effects, h.faulty.searched, err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "[hidden seen]") {
		t.Errorf("%q", got)
	}
	h.faulty.careless = true
	if _, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), ops); kindOf(err) != fhir.Unavailable {
		t.Errorf("a careless store: %v", err)
	}
}

// At the commit a search next to writes sees what it saw before: Consents that the same
// change writes, or others write with it, are not asked yet.
func TestSearchesNextToWritesSeeAtTheCommitWhatTheySaw(t *testing.T) {
	h := ward(t)
	h.faulty.crowded = true
	h.faulty.judged = nil
	if got := h.outcomes(h.system(), transaction(h.update(denialDoc("c2", "seen")), finding("patient=seen"))...); got != "201 body, 200" {
		t.Error(got)
	}
	if n := len(h.faulty.judged); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

// Own systems refer by identifier to what Consents hide from them, also where the same
// Bundle writes it.
func TestConditionalReferencesFindWhatTheirWriterFinds(t *testing.T) {
	h := ward(t)
	result := h.post(strings.Replace(observationDoc("x", "hidden"), "Patient/hidden", "Patient?identifier=urn:mrn|hidden", 1))
	for _, ops := range [][]Operation{{result}, {h.update(strings.Replace(patientDoc("hidden"), `"id"`, `"active":true,"id"`, 1)), result}} {
		if _, err := h.Apply(t.Context(), h.system(), transaction(ops...)); err != nil {
			t.Errorf("%d entries: %v", len(ops), err)
		}
	}
}
