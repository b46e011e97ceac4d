package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/balptest"
)

// balpProfiles are the profiles that BALP has for successes.
var balpProfiles = map[string]string{
	"read": "Read", "vread": "Read", "audit-read": "Read", "create": "Create", "update": "Update", "delete": "Delete",
	"search-type": "Query", "audit-search": "Query",
}

// wantProfile holds an AuditEvent against R4 and BALP; a success claims the profile of its
// interaction, with or without patient.
func wantProfile(t *testing.T, event response, interaction string) {
	t.Helper()
	if _, err := fhir.Parse(event.Body); err != nil {
		t.Errorf("not valid R4: %v\n%s", err, event.Body)
	}
	claim, faults := balptest.Check(event.Body)
	for _, f := range faults {
		t.Errorf("%s\n%s", f, event.Body)
	}
	want := balpProfiles[interaction]
	nothing := interaction == "delete" && !event.Has(`"display":"Domain Resource"`) // a condition that found nothing
	if event.JSON()["outcome"] != "0" || nothing {
		want = ""
	}
	if strings.TrimPrefix(claim, "Patient") != want {
		t.Errorf("%s claims %q, want %q\n%s", interaction, claim, want, event.Body)
	}
}

// The AuditEvent of each kind of request meets IHE BALP, and claims the profile that it
// meets: of a patient if it concerns one.
func TestAuditEventsMeetBALP(t *testing.T) {
	n := leakNode(t, true)
	system, doctor, officer, patient := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT"), outsiders(n)["patient"]
	guest := outsiders(n)["guest"]
	event := doctor.Get("/Patient/p1").Event()
	observation := withoutID(observationJSON("x", "p1", 1), "x")
	practitioner := withoutID(practitionerJSON, "dr")
	for _, c := range []struct {
		name   string
		answer response
		claim  string
	}{
		{"read", doctor.Get("/Observation/o-p1"), "PatientRead"},
		{"read of a Patient", doctor.Get("/Patient/p1"), "PatientRead"},
		{"read of nobody's", doctor.Get("/Practitioner/dr"), "Read"},
		{"not modified", doctor.Do("GET", "/Patient/p1", "", "If-None-Match", `W/"1"`), "PatientRead"},
		{"vread", doctor.Get("/Observation/o-p1/_history/1"), "PatientRead"},
		{"history", doctor.Get("/Observation/o-p1/_history"), ""},
		{"history of all", doctor.Get("/_history"), ""},
		{"search", doctor.Get("/Observation?patient=p1"), "PatientQuery"},
		{"search of a compartment", doctor.Get("/Patient/p1/Observation"), "PatientQuery"},
		{"search of two", doctor.Get("/Observation?patient=p1,p2"), "Query"},
		{"search of nobody's", doctor.Get("/Practitioner"), "Query"},
		{"search without match", doctor.Get("/Observation?patient=none"), "Query"},
		{"count", doctor.Get("/Observation?_summary=count&patient=p1"), "PatientQuery"},
		{"create", doctor.Post("/Observation", observation), "PatientCreate"},
		{"create of nobody's", system.Post("/Practitioner", practitioner), "Create"},
		{"conditional create", doctor.Do("POST", "/Observation", observation, "If-None-Exist", "_id=o-p1"), "PatientCreate"},
		{"update", doctor.Put("/Observation/o-p1", observationJSON("o-p1", "p1", 2)), "PatientUpdate"},
		{"conditional update", doctor.Put("/Observation?_id=o-p1", observationJSON("o-p1", "p1", 3)), "PatientUpdate"},
		{"update of nobody's", system.Put("/Practitioner/dr", practitionerJSON), "Update"},
		{"delete", doctor.Do("DELETE", "/Encounter/e-p1", ""), "PatientDelete"},
		{"conditional delete", doctor.Do("DELETE", "/Observation?_id=o-p1", ""), "PatientDelete"},
		{"transaction", doctor.Post("/", bundleJSON("transaction", entryJSON("POST", "Observation", observation, ""))), ""},
		{"entry of a batch", doctor.Post("/", bundleJSON("batch", entryJSON("GET", "Patient/p1", "", ""))), "PatientRead"},
		{"write in a batch", doctor.Post("/", bundleJSON("batch", entryJSON("POST", "Observation", observation, ""))), "PatientCreate"},
		{"read of an AuditEvent", officer.Get("/AuditEvent/" + event), "Read"},
		{"search of AuditEvents", officer.Get("/AuditEvent?action=R"), "Query"},
		{"search of a patient's", officer.Get("/AuditEvent?entity=Patient/p1"), "PatientQuery"},
		{"proof", officer.Get("/AuditEvent/" + event + "/$proof"), ""},
		{"verify", doctor.Get("/Patient/p1/_history/1/$verify"), ""},
		{"report", patient.Get("/Patient/p1/$access-report"), ""},
		{"refused row", guest.Get("/Observation/o-p2"), ""},
		{"refused delete that says nothing", guest.Do("DELETE", "/Observation/o-p2", ""), ""},
		{"refused request", doctor.Get("/AuditEvent"), ""},
		{"absent", doctor.Get("/Observation/absent"), ""},
		{"malformed", doctor.Get("/Observation?nonsense=1"), ""},
		{"conflict", doctor.Do("PUT", "/Patient/p1", patientJSON("p1", "B"), "If-Match", `W/"99"`), ""},
	} {
		told := officer.Get("/AuditEvent/" + c.answer.Event()).Want(http.StatusOK)
		claim, faults := balptest.Check(told.Body)
		if claim != c.claim || len(faults) > 0 {
			t.Errorf("%s: claims %q, want %q; %v\n%s", c.name, claim, c.claim, faults, told.Body)
		}
	}
	wantAllValid(t, officer.Get("/AuditEvent?_count=1000"), 30)
	report := patient.Get("/Patient/p1/$access-report?_count=1000")
	wantAllValid(t, report, 15)
	if report.Has(`"query":`) {
		t.Error("the report makes up what was asked")
	}
}

// wantAllValid holds all AuditEvents of a page against BALP.
func wantAllValid(t *testing.T, page response, least int) {
	t.Helper()
	entries := page.Want(http.StatusOK).Entries()
	if len(entries) < least {
		t.Errorf("%d AuditEvents, want %d", len(entries), least)
	}
	for _, e := range entries {
		body, err := json.Marshal(e["resource"])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fhir.Parse(body); err != nil {
			t.Errorf("not valid R4: %v\n%s", err, body)
		}
		if _, faults := balptest.Check(body); len(faults) > 0 {
			t.Errorf("%v\n%s", faults, body)
		}
	}
}

// What was erased is not claimed: the AuditEvents of an erased patient are valid, and of
// no profile that wants what is gone. So is the erasure's own.
func TestAuditEventsOfErasedPatientsMeetBALP(t *testing.T) {
	n := leakNode(t, true)
	event := n.as("practitioner", "TREAT").Get("/Patient/p1").Event()
	folder := string(n.data)
	n.stop()
	receipt, erased, err := Erase(t.Context(), n.data, n.database, fhir.Ref{Type: "Patient", ID: "p1"})
	if err != nil || erased == 0 {
		t.Fatalf("%d parts erased: %v", erased, err)
	}
	n = startNode(t, folder)
	officer := n.as("privacy-officer", "HOPERAT")
	told := officer.Get("/AuditEvent/" + event).Want(http.StatusOK)
	if claim, faults := balptest.Check(told.Body); claim != "" || len(faults) > 0 || told.Has("Patient/p1") {
		t.Errorf("claims %q; %v\n%s", claim, faults, told.Body)
	}
	erasure := officer.Get(fmt.Sprintf("/AuditEvent/n1.changes.0.%d", receipt.Seq)).Want(http.StatusOK)
	if claim, faults := balptest.Check(erasure.Body); claim != "" || len(faults) > 0 || !erasure.Has(`"code":"destroy"`) {
		t.Errorf("claims %q; %v\n%s", claim, faults, erasure.Body)
	}
	wantAllValid(t, officer.Get("/AuditEvent?_count=1000"), 10)
}
