package node

import (
	"testing"
)

// A patient's denial binds the very next request, in every way there is to learn
// of the data; treatment goes on.
func TestConsentDenialBindsTheNextRequest(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	system, doctor, researcher := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), n.as("practitioner", "HRESCH")
	system.Put("/Observation/o-p2", observationJSON("o-p2", "p2", 71)).Want(200)
	both := func(u user) {
		t.Helper()
		u.Get("/Patient/p1").Want(200)
		u.Get("/Patient/p2").Want(200)
		u.Get("/Observation/o-p2/_history/1").Want(200)
		u.Get("/Observation/o-p2/_history").Want(200)
		wantIDs(t, u.Get("/Patient?_total=accurate"), 2, "Patient/p1", "Patient/p2")
	}
	both(doctor)
	both(researcher)
	first := researcher.Get("/Patient?_count=1&_sort=family")
	wantIDs(t, first, -1, "Patient/p1")
	wantIDs(t, doctor.Get("/Patient?_count=1&_sort=family"), -1, "Patient/p1")

	system.Put("/Consent/c-p2", researchConsent("c-p2", "p2", "deny")).Want(200)

	both(doctor)
	researcher.Get("/Patient/p1").Want(200)
	for _, hidden := range []string{"/Patient/p2", "/Observation/o-p2", "/Observation/o-p2/_history", "/Observation/o-p2/_history/1", "/Patient/absent"} {
		got := researcher.Get(hidden).Want(404)
		if absent := researcher.Get("/Patient/absent").Want(404); string(got.Body) != string(absent.Body) {
			t.Errorf("%s: a hidden resource answers otherwise than an absent one:\n%s\n%s", hidden, got.Body, absent.Body)
		}
	}
	if page := first.Next(); page != "" {
		wantIDs(t, researcher.Get(page), -1)
	} else {
		t.Error("the first page had no next page")
	}
	for query, want := range map[string][]string{
		"/Patient?_total=accurate":                      {"Patient/p1"},
		"/Observation?_total=accurate":                  {"Observation/o-p1"},
		"/Observation?subject:Patient.family=family":    {"Observation/o-p1"},
		"/Observation?patient=Patient/p2":               {},
		"/Patient?_has:Observation:patient:code=8867-4": {"Patient/p1"},
		"/Patient?_revinclude=Observation:subject":      {"Patient/p1", "Observation/o-p1"},
		"/Observation?_include=Observation:subject":     {"Observation/o-p1", "Patient/p1"},
		"/Observation?_sort=-date":                      {"Observation/o-p1"},
		"/Patient?gender:missing=false":                 {"Patient/p1"},
		"/Patient?gender:not=male":                      {"Patient/p1"},
		"/Observation/_history":                         {"Observation/o-p1"},
		"/Patient/p2/Observation":                       {},
	} {
		wantIDs(t, researcher.Get(query), -1, want...)
	}
	if got := researcher.Get("/Patient?_summary=count").Want(200).JSON()["total"]; got != 1.0 {
		t.Errorf("_summary=count: %v, want 1", got)
	}
	if r := researcher.Get("/_history").Want(200); r.Has("p2") {
		t.Errorf("system history tells of the hidden patient:\n%s", r.Body)
	}
}
