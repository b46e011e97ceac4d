package access

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// emergency declares emergencies of patients for a caller, as package emergency keeps them.
func (h *house) emergency(c *Call, patients ...string) {
	h.Helper()
	for _, p := range patients {
		h.keep(emergencyRow(c, p))
	}
}

func emergencyRow(c *Call, patient string) store.Kept {
	return store.Kept{Space: store.EmergencySpace, Key: c.Agent.Mark() + "." + patient, Value: []byte("{}")}
}

func (h *house) keep(rows ...store.Kept) {
	h.Helper()
	c := h.as(agent.Practitioner, "TREAT")
	if err := h.Authorize(h.Context(), c, Authorization{Interaction: "break-glass", Keep: rows}); err != nil {
		h.Fatal(err)
	}
}

// breaker is a practitioner who reads for the purpose BTG.
func (h *house) breaker() *Call { return h.as(agent.Practitioner, "BTG") }

// denyingBTG is a Consent that hides a patient's data in emergencies, too.
func denyingBTG(id, patient string) string {
	return strings.Replace(denialDoc(id, patient), `{"type":"deny"}`, `{"type":"deny","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"BTG"}]}`, 1)
}

// matched are the ids that a search finds, and its total.
func (h *house) matched(c *Call, typ, query string) (ids []string, total int64) {
	h.Helper()
	r, err := h.Search(h.Context(), c, SearchRequest{Type: typ, Params: params(query)})
	if err != nil {
		h.Fatal(err)
	}
	for _, v := range r.Matches {
		ids = append(ids, v.Ref.ID)
	}
	slices.Sort(ids)
	return ids, r.Total
}

// Who has declared nothing is refused, and so is another than who has declared, in every way
// to ask; the refusal is recorded.
func TestUndeclaredEmergenciesAreRefused(t *testing.T) {
	h := ward(t)
	for _, subject := range strings.Fields("Practitioner/a Practitioner/b Practitioner/c Practitioner/d Practitioner/e Practitioner/f Practitioner/g Practitioner/h") {
		other := h.breaker() // the marks of some are before, those of others after the caller's
		other.Agent.Subject = subject
		h.emergency(other, "hidden")
	}
	told := h.told()
	for name, do := range map[string]func(*house, *Call) error{
		"read": read("Patient/seen"), "read hidden": read("Observation/h1"), "search": searchFor("Observation", "patient=hidden"), "shared": searchFor("Organization", ""),
		"history": history("Observation", "s1"), "meta": meta("Patient/seen"), "all": searchFor("Patient", ""),
	} {
		if err := do(h, h.breaker()); kindOf(err) != fhir.Forbidden || !strings.Contains(err.Error(), "emergency") {
			t.Errorf("%s: %v", name, err)
		}
		if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 403") {
			t.Errorf("%s: recorded %q", name, got)
		}
	}
}

// A declared emergency opens what Consents hide of that patient, and nothing of others, in
// reads, searches, totals, chains and histories; not what a Consent denies for BTG.
func TestEmergenciesOpenOnePatient(t *testing.T) {
	h := ward(t)
	h.put(patientDoc("never"), observationDoc("n1", "never"), denyingBTG("c2", "never"), `{"resourceType":"Organization","id":"o","name":"x"}`)
	c := h.breaker
	h.emergency(c(), "hidden", "never")
	for name, want := range map[string]fhir.Kind{
		"Patient/hidden": 0, "Observation/h1": 0, "Organization/o": 0, "Patient/seen": fhir.NotFound, "Observation/s1": fhir.NotFound, "Patient/never": fhir.NotFound, "Observation/n1": fhir.NotFound,
	} {
		if _, err := h.Read(t.Context(), c(), ref(name)); (err == nil) != (want == 0) || err != nil && kindOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for query, want := range map[string]string{"_total=accurate": "h1", "patient=seen": "", "patient=hidden&_total=accurate": "h1", "patient:Patient.identifier=urn:mrn|hidden": "h1", "patient:Patient.identifier=urn:mrn|seen": ""} {
		ids, total := h.matched(c(), "Observation", query)
		if got := strings.Join(ids, ","); got != want || strings.Contains(query, "_total") && total != int64(len(ids)) {
			t.Errorf("%s: %q, %d", query, got, total)
		}
	}
	if ids, _ := h.matched(c(), "Patient", "_has:Observation:patient:code=8867-4"); !slices.Equal(ids, []string{"hidden"}) {
		t.Errorf("_has: %q", ids)
	}
	r, err := h.History(t.Context(), c(), HistoryRequest{Type: "Observation", Count: 10})
	if err != nil || len(r.Matches) != 1 || r.Matches[0].Ref.ID != "h1" {
		t.Errorf("history: %+v, %v", r, err)
	}
	if _, err := h.Read(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Observation/h1")); kindOf(err) != fhir.NotFound {
		t.Errorf("for treatment: %v", err)
	}
}

// What belongs to two patients is open if an emergency of one was declared and the other has
// not refused: her Consents bind as always.
func TestEmergenciesOfOneOpenNothingThatAnotherHides(t *testing.T) {
	h := ward(t)
	both := func(id, other string) string {
		return strings.Replace(observationDoc(id, "hidden"), `"status"`, `"performer":[{"reference":"Patient/`+other+`"}],"status"`, 1)
	}
	h.put(patientDoc("quiet"), denialDoc("c3", "quiet"), both("b1", "seen"), both("b2", "quiet"))
	h.emergency(h.breaker(), "hidden")
	if ids, _ := h.matched(h.breaker(), "Observation", ""); !slices.Equal(ids, []string{"b1", "h1"}) {
		t.Errorf("found %q", ids)
	}
}

// A read in an emergency says so in its record, and names the patient.
func TestReadsInEmergenciesAreRecordedAsSuch(t *testing.T) {
	h := ward(t)
	h.emergency(h.breaker(), "hidden")
	told := h.told()
	if _, err := h.Read(t.Context(), h.breaker(), ref("Observation/h1")); err != nil {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || got[0] != "permit 200 read Observation/h1  [hidden] [GET Observation/h1]" {
		t.Errorf("recorded %q", got)
	}
	_, log := h.Store.Logs()
	size, err := log.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := h.rows(size-1, size)[0]
	if e := string(last.Entry); !strings.Contains(e, "break-glass") || !strings.Contains(e, "BTG") {
		t.Errorf("the record is %s", e)
	}
}

// Nothing is changed for the purpose BTG.
func TestEmergenciesChangeNothing(t *testing.T) {
	h := ward(t)
	h.emergency(h.breaker(), "hidden")
	op := Operation{Method: "PUT", Ref: ref("Observation/h1"), Resource: h.parse(observationDoc("h1", "hidden"))}
	if _, err := h.Apply(t.Context(), h.breaker(), []Operation{op}); kindOf(err) != fhir.Forbidden {
		t.Errorf("update: %v", err)
	}
}

// An emergency that ended, or whose time is over, ends with the next request; one that
// another node ended meanwhile lets the request be judged again.
func TestEmergenciesEndWithTheNextRequest(t *testing.T) {
	h := ownHouse(t)
	s := &sharedStore{Store: h.Store}
	h.Store = s
	h.put(patientDoc("hidden"), denialDoc("c1", "hidden"))
	row := emergencyRow(h.breaker(), "hidden")
	ask := func() error {
		_, err := h.Read(t.Context(), h.breaker(), ref("Patient/hidden"))
		return err
	}
	h.keep(row)
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if last := s.judged[len(s.judged)-1]; !slices.Contains(last.Keys, store.EmergencyKey(row.Key)) {
		t.Errorf("the record does not rest on the emergency: %+v", last)
	}
	s.meanwhile = func() { h.keep(store.Kept{Space: row.Space, Key: row.Key, Version: 1}) }
	if err := ask(); kindOf(err) != fhir.Forbidden {
		t.Errorf("ended meanwhile: %v", err)
	}
	soon := time.Now().Add(time.Hour)
	row.Expires = soon
	h.keep(row)
	h.Now = func() time.Time { return soon.Add(-time.Second) }
	if err := ask(); err != nil {
		t.Errorf("before its end: %v", err)
	}
	h.Now = func() time.Time { return soon }
	if err := ask(); kindOf(err) != fhir.Forbidden {
		t.Errorf("after its end: %v", err)
	}
}

// If emergencies cannot be looked up, nothing is answered.
func TestEmergenciesThatCannotBeLookedUp(t *testing.T) {
	h := ward(t)
	h.emergency(h.breaker(), "hidden")
	h.Gate.Store = blindStore{h.Gate.Store}
	if _, err := h.Read(t.Context(), h.breaker(), ref("Patient/hidden")); kindOf(err) != fhir.Unavailable {
		t.Errorf("%v", err)
	}
}

type blindStore struct{ store.Store }

func (blindStore) EachKept(context.Context, string, string, int) ([]store.Kept, error) {
	return nil, errors.New("no disk")
}
