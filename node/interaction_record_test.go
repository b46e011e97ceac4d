package node

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Every request that reached the gate left one record, says where, and the record
// says what became of it: also of refusals, errors and answers without a body.
func TestEveryInteractionLeavesOneRecord(t *testing.T) {
	n := leakNode(t, true)
	people := outsiders(n)
	system, doctor, guest, patient := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), people["guest"], people["patient"]
	officer, administrator := n.as("privacy-officer", "HOPERAT"), n.as("administrator", "HOPERAT")
	narrow := n.as("practitioner", "TREAT", func(g *Grant) { g.Scope = "user/Observation.rs" })
	event := doctor.Get("/Patient/p1").Want(200).Event()
	new1 := withoutID(observationJSON("x", "p1", 1), "x")
	for _, c := range []struct {
		by          user
		r           request
		status      int
		interaction string
		entities    []string // that the record concerns; it is found under each
	}{
		{doctor, request{method: "GET", path: "/Patient/p1"}, 200, "read", []string{"Patient/p1"}},
		{doctor, request{method: "HEAD", path: "/Patient/p1"}, 200, "read", []string{"Patient/p1"}},
		{doctor, request{method: "GET", path: "/Patient/p1", header: []string{"If-None-Match", `W/"1"`}}, 304, "read", []string{"Patient/p1"}},
		{doctor, request{method: "GET", path: "/Patient/absent"}, 404, "read", []string{"Patient/absent"}},
		{guest, request{method: "GET", path: "/Observation/o-p2"}, 404, "read", []string{"Patient/p2", "Observation/o-p2"}},
		{doctor, request{method: "GET", path: "/Observation/d-p1"}, 410, "read", []string{"Patient/p1"}},
		{narrow, request{method: "GET", path: "/Patient/p1"}, 403, "read", []string{"Patient/p1"}},
		{doctor, request{method: "GET", path: "/Observation/o-p1/_history/1"}, 200, "vread", []string{"Patient/p1"}},
		{guest, request{method: "GET", path: "/Observation/o-p2/_history/1"}, 404, "vread", []string{"Patient/p2"}},
		{doctor, request{method: "GET", path: "/Observation/o-p1/_history"}, 200, "history-instance", []string{"Patient/p1"}},
		{guest, request{method: "GET", path: "/Observation/o-p2/_history"}, 404, "history-instance", []string{"Patient/p2"}},
		{doctor, request{method: "GET", path: "/Observation/_history"}, 200, "history-type", []string{"Patient/p1", "Patient/p2"}},
		{doctor, request{method: "GET", path: "/_history"}, 200, "history-system", []string{"Patient/p1", "Patient/p2"}},
		{narrow, request{method: "GET", path: "/_history"}, 403, "history-system", nil},
		{doctor, request{method: "GET", path: "/Observation?patient=p1"}, 200, "search-type", []string{"Patient/p1"}},
		{doctor, request{method: "GET", path: "/Patient?_summary=count&_id=p1"}, 200, "search-type", nil},
		{guest, request{method: "GET", path: "/Observation?patient=p2"}, 200, "search-type", []string{"Patient/p2"}},
		{doctor, request{method: "GET", path: "/Patient/p1/Observation"}, 200, "search-type", []string{"Patient/p1"}},
		{guest, request{method: "GET", path: "/Patient/p2/Observation"}, 200, "search-type", []string{"Patient/p2"}},
		{doctor, request{method: "POST", path: "/Patient/_search", body: "_id=p1", header: []string{"Content-Type", "application/x-www-form-urlencoded"}}, 200, "search-type", []string{"Patient/p1"}},
		{doctor, request{method: "GET", path: "/Patient?nonsense=1"}, 400, "search-type", nil},
		{narrow, request{method: "GET", path: "/Patient?nonsense=1"}, 403, "search-type", nil},
		{doctor, request{method: "GET", path: "/Patient?_page=forged"}, 400, "search-type", nil},
		{doctor, request{method: "GET", path: "/Patient/_history?_page=forged"}, 400, "history-type", nil},
		{doctor, request{method: "POST", path: "/Observation", body: new1}, 201, "create", []string{"Patient/p1"}},
		{guest, request{method: "POST", path: "/Observation", body: withoutID(observationJSON("x", "p2", 1), "x")}, 403, "create", []string{"Patient/p2"}},
		{narrow, request{method: "POST", path: "/Observation", body: new1}, 403, "create", nil},
		{doctor, request{method: "POST", path: "/Observation", body: new1, header: []string{"If-None-Exist", "_id=o-p1"}}, 200, "create", []string{"Patient/p1"}},
		{doctor, request{method: "POST", path: "/Observation", body: new1, header: []string{"If-None-Exist", "code=8867-4"}}, 412, "create", []string{"Patient/p1"}},
		{doctor, request{method: "POST", path: "/Observation", body: new1, header: []string{"If-None-Exist", "nonsense=1"}}, 400, "create", nil},
		{doctor, request{method: "PUT", path: "/Observation/o-p1", body: observationJSON("o-p1", "p1", 2)}, 200, "update", []string{"Patient/p1"}},
		{doctor, request{method: "PUT", path: "/Observation/o-p1", body: observationJSON("o-p1", "p1", 2), header: []string{"If-Match", `W/"1"`}}, 412, "update", []string{"Patient/p1"}},
		{guest, request{method: "PUT", path: "/Observation/o-p2", body: observationJSON("o-p2", "p1", 2)}, 404, "update", []string{"Patient/p2"}},
		{doctor, request{method: "PUT", path: "/Observation?patient=p1&_id=o-p1", body: observationJSON("o-p1", "p1", 3)}, 200, "update", []string{"Patient/p1"}},
		{doctor, request{method: "DELETE", path: "/Observation?patient=p1&_id=absent"}, 204, "delete", []string{"Patient/p1"}},
		{doctor, request{method: "DELETE", path: "/Observation/absent"}, 204, "delete", nil},
		{doctor, request{method: "DELETE", path: "/Observation/absent", header: []string{"If-Match", `W/"1"`}}, 412, "delete", nil},
		{guest, request{method: "DELETE", path: "/Observation/o-p2"}, 204, "delete", []string{"Patient/p2"}},
		{guest, request{method: "DELETE", path: "/Observation/o-p2", header: []string{"If-Match", `W/"2"`}}, 412, "delete", []string{"Patient/p2"}},
		{doctor, request{method: "DELETE", path: "/Encounter/e-p1"}, 204, "delete", []string{"Patient/p1"}},
		{doctor, request{method: "DELETE", path: "/Encounter/e-p1"}, 204, "delete", []string{"Patient/p1"}},
		{doctor, request{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("POST", "Observation", new1, ""), entryJSON("GET", "Patient/p2", "", ""))}, 200, "transaction", []string{"Patient/p1", "Patient/p2"}},
		{doctor, request{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("GET", "Patient?_id=p1", "", ""))}, 200, "transaction", []string{"Patient/p1"}},
		{guest, request{method: "POST", path: "/", body: bundleJSON("transaction", entryJSON("DELETE", "Observation/o-p2", "", ""))}, 200, "transaction", []string{"Patient/p2"}},
		{doctor, request{method: "GET", path: "/Patient/p1/_history/1/$verify"}, 200, "verify", []string{"Patient/p1"}},
		{doctor, request{method: "POST", path: "/Observation/$validate", body: new1}, 200, "validate", nil},
		{doctor, request{method: "GET", path: "/Patient/p1/$validate"}, 200, "validate", []string{"Patient/p1"}},
		{guest, request{method: "GET", path: "/Patient/p2/$validate"}, 404, "validate", []string{"Patient/p2"}},
		{guest, request{method: "GET", path: "/Patient/p2/_history/1/$verify"}, 404, "verify", []string{"Patient/p2"}},
		{officer, request{method: "GET", path: "/AuditEvent/" + event}, 200, "audit-read", nil},
		{officer, request{method: "GET", path: "/AuditEvent/absent"}, 404, "audit-read", nil},
		{doctor, request{method: "GET", path: "/AuditEvent/" + event}, 403, "audit-read", nil},
		{officer, request{method: "GET", path: "/AuditEvent?entity=Patient/p1"}, 200, "audit-search", []string{"Patient/p1"}},
		{officer, request{method: "GET", path: "/AuditEvent?nonsense=1"}, 400, "audit-search", nil},
		{officer, request{method: "GET", path: "/AuditEvent?_page=forged"}, 400, "audit-search", nil},
		{doctor, request{method: "GET", path: "/AuditEvent"}, 403, "audit-search", nil},
		{officer, request{method: "GET", path: "/AuditEvent/" + event + "/$proof"}, 200, "proof", nil},
		{administrator, request{method: "GET", path: "/AuditEvent/" + event + "/$proof"}, 403, "proof", nil},
		{patient, request{method: "GET", path: "/Patient/p1/$access-report"}, 200, "access-report", []string{"Patient/p1"}},
		{patient, request{method: "GET", path: "/Patient/p2/$access-report"}, 404, "access-report", []string{"Patient/p2"}},
		{doctor, request{method: "GET", path: "/Patient/p1/$access-report"}, 403, "access-report", []string{"Patient/p1"}},
		{system, request{method: "PUT", path: "/Consent/c-p1", body: privacyConsent("c-p1", "p1", `{"type":"permit"}`)}, 200, "update", []string{"Patient/p1"}},
	} {
		t.Run(fmt.Sprintf("%s %s %d", c.r.method, c.r.path, c.status), func(t *testing.T) {
			changes, accesses := n.logSizes()
			answer := send(c.by, c.r).Want(c.status)
			after, more := n.logSizes()
			if after-changes+more-accesses != 1 {
				t.Fatalf("%d changes and %d accesses recorded, want one entry", after-changes, more-accesses)
			}
			if after > changes && c.status >= 300 {
				t.Error("a refusal is in the change log")
			}
			told := officer.Get("/AuditEvent/" + answer.Event()).Want(200)
			hidden := c.r.method != "GET" && strings.Contains(c.r.String(), "Observation/o-p2") // the record knows better than the answer
			outcome := "0"
			if c.status >= 400 || hidden {
				outcome = "4"
			}
			if told.JSON()["outcome"] != outcome || !told.Has(`"code":"`+c.interaction+`"`) {
				t.Errorf("outcome %v, want %s; interaction %s?\n%s", told.JSON()["outcome"], outcome, c.interaction, told.Body)
			}
			if refused := hidden || c.status == 403 || c.status == 404 && !strings.Contains(c.r.path, "absent"); refused != told.Has(`"valueString":"deny"`) {
				t.Errorf("the decision that is recorded: %s", told.Body)
			}
			wantProfile(t, told, c.interaction)
			for _, entity := range c.entities {
				found := officer.Get("/AuditEvent?_count=1000&entity=" + entity).Want(200)
				if !strings.Contains(fmt.Sprint(found.IDs()), "AuditEvent/"+answer.Event()) {
					t.Errorf("not found under %s:\n%s", entity, told.Body)
				}
			}
		})
	}
	changes, accesses := n.logSizes()
	r, err := n.Client.Do(mustRequest(t, n, administrator))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if c, a := n.logSizes(); c != changes || a != accesses+1 || r.Header.Get("X-Aceso-Record") == "" {
		t.Errorf("/metrics: %d records, header %q", a-accesses, r.Header.Get("X-Aceso-Record"))
	}
}

// Only patients are recorded as patients, whatever the compartment.
func TestOtherCompartmentsAreNoPatients(t *testing.T) {
	n := leakNode(t, true)
	r := n.as("practitioner", "TREAT").Get("/Practitioner/dr/Encounter").Want(200)
	for _, e := range n.auditEvent(r)["entity"].([]any) {
		if text := fmt.Sprint(e); strings.Contains(text, "display:Patient") && strings.Contains(text, "Practitioner/dr") {
			t.Errorf("a practitioner is recorded as a patient: %s", text)
		}
	}
}

// What one patient is told of an access that concerned several says nothing of the
// others: not the query, not the target.
func TestAccessReportIsSilentAboutOthers(t *testing.T) {
	n := leakNode(t, true)
	doctor, patient := n.as("practitioner", "TREAT"), outsiders(n)["patient"]
	for _, path := range []string{
		"/Observation?patient=p1,p2", "/Patient?family=Familyp1,Familyp2", "/Patient/p2/Observation?patient=p1", "/Patient/_history",
		"/Patient?_id=p1,p2&_revinclude=Observation:subject",
	} {
		doctor.Get(path).Want(200)
	}
	doctor.Post("/", bundleJSON("transaction", entryJSON("GET", "Patient/p1", "", ""), entryJSON("GET", "Patient/p2", "", ""))).Want(200)
	report := patient.Get("/Patient/p1/$access-report?_count=1000").Want(200)
	if got := strings.Count(string(report.Body), "Practitioner/practitioner"); got < 6 {
		t.Errorf("%d accesses told, want 6", got)
	}
	for _, e := range report.Entries() {
		text := fmt.Sprint(e["resource"])
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" []:,", r) }) {
			if plain, err := base64.StdEncoding.DecodeString(part); err == nil {
				text += string(plain)
			}
		}
		if strings.Contains(text, "p2") {
			t.Errorf("the report names another patient: %s", text)
		}
	}
}

func mustRequest(t *testing.T, n *testNode, by user) *http.Request {
	t.Helper()
	r, err := http.NewRequest("GET", n.Server.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+by.Token)
	return r
}
