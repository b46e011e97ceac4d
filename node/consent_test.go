package node

import (
	"fmt"
	"strings"
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

// What was below a base URL that the server once had stays its own, after restarts under
// others: in Consents, in references, in searches, in what a Bundle asks for, in tokens.
func TestFormerBasesStayOwn(t *testing.T) {
	c := newCluster(t, 0)
	for name, start := range map[string]func(dir, base string) *testNode{
		"SQLite":  func(dir, base string) *testNode { return startNode(t, dir, under(base)) },
		"MongoDB": func(dir, base string) *testNode { return c.start(dir, "n1", under(base)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			n := start(dir, "http://old.example/fhir")
			twoPatients(n)
			n.stop()
			n = start(dir, "https://new.example/fhir")
			n.stop()
			n = start(dir, "https://newest.example/r4")
			system, doctor, researcher := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), n.as("practitioner", "HRESCH")
			for i, base := range []string{"http://old.example/fhir", "https://new.example/fhir", "https://newest.example/r4"} {
				id := fmt.Sprint("b", i)
				system.Put("/Observation/"+id, strings.Replace(observationJSON(id, "p2", 1), "Patient/p2", base+"/Patient/p2", 1)).Want(201)
				wantIDs(t, doctor.Get("/Observation?_id="+id+"&subject="+base+"/Patient/p2"), 1, "Observation/"+id)
			}
			batch := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"http://old.example/fhir/Patient/p2"}}]}`
			system.Post("", batch).WantStatuses("200")
			for kind, actor := range map[string]string{"permit": "http://old.example/fhir/Organization/hospital", "deny": "https://new.example/fhir/Organization/other"} {
				named := `"provision":{"actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"` + actor + `"}}],`
				doc := strings.Replace(researchConsent("c-"+kind, "p2", kind), `"provision":{`, named, 1)
				system.Put("/Consent/c-"+kind, strings.Replace(doc, "Patient/p2", "http://old.example/fhir/Patient/p2", 1)).Want(201)
			}
			system.Do("DELETE", "/Consent/c-p2", "").Want(204)
			for i := range 3 {
				researcher.Get(fmt.Sprint("/Observation/b", i)).Want(200)
			}
			n.stop()
		})
	}
}

func under(base string) func(*Node, *Options) {
	return func(_ *Node, o *Options) { o.BaseURL = base }
}
