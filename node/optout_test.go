package node

import (
	"fmt"
	"strings"
	"testing"
)

// A patient has opted out. A thousand results arrive from the laboratory's system, in
// every way there is to send them: all are stored, and none is shown to those who may not
// see it, not even to the laboratory.
func TestResultsArriveForWhoHasOptedOut(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *testNode{
		"folder":   func(t *testing.T) *testNode { return startNode(t, t.TempDir()) },
		"database": func(t *testing.T) *testNode { return newCluster(t, 1).nodes[0] },
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			optOut(n)
			lab := n.as("system", "HOPERAT", func(g *Grant) { g.Client, g.Subject = "lab", "Device/analyser" })
			for i, way := range ways() {
				for part := range 2 {
					sendResults(lab, way, fmt.Sprintf("%d-%d", i, part))
				}
			}
			owner := n.as("patient", "PATRQT", func(g *Grant) { g.Patient, g.Subject = "p", "Patient/p" })
			if got := owner.Get("/Observation?_summary=count").Want(200).JSON()["total"]; got != 1000.0 {
				t.Errorf("%v results are stored", got)
			}
			report := owner.Get("/Patient/p/$access-report?agent:identifier=lab&_count=1000&_summary=count").Want(200)
			if got := report.JSON()["total"]; got != 4.0*2+2*100 { // a record of each transaction, and of each entry of a batch
				t.Errorf("the report has %v records of the laboratory", got)
			}
			wantNoResults(n, lab)
		})
	}
}

// optOut stores a patient with a number who has opted out of everything.
func optOut(n *testNode) {
	system := n.as("system", "HOPERAT")
	system.Put("/Patient/p", strings.Replace(patientJSON("p", "Out"), `"active"`, `"identifier":[{"system":"urn:mrn","value":"7"}],"active"`, 1)).Want(201)
	consent := privacyConsent("c", "p", `{"type":"deny"}`)
	system.Put("/Consent/c", strings.Replace(consent, "OPTIN", "OPTOUT", 1)).Want(201)
}

// way is how a laboratory sends a result: entries of a Bundle of a type.
type way struct {
	bundle string
	entry  func(id string) string
	status string
}

func ways() []way {
	plain := func(id string) string { return withoutID(observationJSON(id, "p", 70), id) }
	numbered := func(id string) string {
		return strings.Replace(plain(id), `"status"`, `"identifier":[{"system":"urn:lab","value":"`+id+`"}],"status"`, 1)
	}
	byNumber := func(id string) string {
		return strings.Replace(plain(id), "Patient/p", "Patient?identifier=urn:mrn|7", 1)
	}
	return []way{
		{"transaction", func(id string) string { return entryJSON("POST", "Observation", plain(id), "") }, "201"},
		{"transaction", func(id string) string { return entryJSON("POST", "Observation", byNumber(id), "") }, "201"},
		{"transaction", func(id string) string { return entryJSON("PUT", "Observation/"+id, observationJSON(id, "p", 70), "") }, "201"},
		{"transaction", func(id string) string {
			return entryJSON("POST", "Observation", numbered(id), `"ifNoneExist":"identifier=urn:lab|`+id+`"`)
		}, "201"},
		{"batch", func(id string) string { return entryJSON("POST", "Observation", plain(id), "") }, "201"},
	}
}

// sendResults sends a hundred results and, where they have ids or numbers, amends them.
func sendResults(lab user, w way, part string) {
	lab.Node.T.Helper()
	var entries []string
	for i := range 100 {
		entries = append(entries, w.entry(fmt.Sprintf("r-%s-%d", part, i)))
	}
	answer := lab.Do("POST", "/", bundleJSON(w.bundle, entries...), "Prefer", "return=representation").Want(200)
	for i, status := range answer.Statuses() {
		if status != w.status {
			lab.Node.T.Fatalf("%s %s, entry %d: %s", w.bundle, part, i, status)
		}
	}
	if answer.Has("valueQuantity") {
		lab.Node.T.Errorf("%s %s: the laboratory is shown what it may not see", w.bundle, part)
	}
}

// wantNoResults looks for the results as those who may not see them.
func wantNoResults(n *testNode, lab user) {
	n.T.Helper()
	for name, u := range map[string]user{
		"laboratory": lab, "doctor": n.as("practitioner", "TREAT"), "researcher": n.as("practitioner", "HRESCH"),
		"guest": n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" }),
	} {
		for _, path := range []string{"/Observation?_total=accurate", "/Observation?patient=p", "/Observation/_history", "/Patient/p/Observation", "/Patient?_revinclude=Observation:subject"} {
			if got := u.Get(path).Want(200); got.Has("valueQuantity") || len(got.IDs()) > 0 {
				n.T.Errorf("%s sees results in %s", name, path)
			}
		}
		u.Get("/Observation/r-2-0-0").Want(404)
		u.Get("/Observation/r-2-0-0/_history/1").Want(404)
	}
	lab.Put("/Observation/r-2-0-0", observationJSON("r-2-0-0", "p", 71)).Want(200)
	amended := strings.Replace(withoutID(observationJSON("x", "p", 72), "x"), `"status"`, `"identifier":[{"system":"urn:lab","value":"r-3-0-0"}],"status"`, 1)
	if got := lab.Put("/Observation?identifier=urn:lab|r-3-0-0", amended).Want(200); got.Has("valueQuantity") {
		n.T.Error("an amended result is shown")
	}
	lab.Do("DELETE", "/Observation/r-2-0-1", "").Want(204)
	n.as("practitioner", "TREAT").Do("DELETE", "/Observation/r-2-0-2", "").Want(204)
	owner := n.as("patient", "PATRQT", func(g *Grant) { g.Patient, g.Subject = "p", "Patient/p" })
	owner.Get("/Observation/r-2-0-1").Want(410)
	owner.Get("/Observation/r-2-0-2").Want(200)
}
