package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func patientJSON(id, family string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"active":true,"name":[{"family":%q,"given":["A"]}],"gender":"female","birthDate":"1970-01-01"}`, id, family)
}

func observationJSON(id, patient string, value float64) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-01-02T03:04:05Z","valueQuantity":{"value":%v,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`, id, patient, value)
}

// researchConsent permits or denies research with a patient's data.
func researchConsent(id, patient, kind string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentcategorycodes","code":"research"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"2025-01-01","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{"type":%q,"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]}}`, id, patient, kind)
}

// twoPatients loads two patients, each with an observation, who permit research.
func twoPatients(n *testNode) {
	n.t.Helper()
	system := n.as("system", "HOPERAT")
	for _, p := range []string{"p1", "p2"} {
		system.put("/Patient/"+p, patientJSON(p, "Family"+p)).want(201)
		system.put("/Observation/o-"+p, observationJSON("o-"+p, p, 70)).want(201)
		system.put("/Consent/c-"+p, researchConsent("c-"+p, p, "permit")).want(201)
	}
}

// A patient's denial binds the very next request, in every way there is to learn
// of the data; treatment goes on.
func TestConsentDenialBindsTheNextRequest(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	system, doctor, researcher := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), n.as("practitioner", "HRESCH")
	system.put("/Observation/o-p2", observationJSON("o-p2", "p2", 71)).want(200)
	both := func(u user) {
		t.Helper()
		u.get("/Patient/p1").want(200)
		u.get("/Patient/p2").want(200)
		u.get("/Observation/o-p2/_history/1").want(200)
		u.get("/Observation/o-p2/_history").want(200)
		wantIDs(t, u.get("/Patient?_total=accurate"), 2, "Patient/p1", "Patient/p2")
	}
	both(doctor)
	both(researcher)
	first := researcher.get("/Patient?_count=1&_sort=family")
	wantIDs(t, first, -1, "Patient/p1")
	wantIDs(t, doctor.get("/Patient?_count=1&_sort=family"), -1, "Patient/p1")

	system.put("/Consent/c-p2", researchConsent("c-p2", "p2", "deny")).want(200)

	both(doctor)
	researcher.get("/Patient/p1").want(200)
	for _, hidden := range []string{"/Patient/p2", "/Observation/o-p2", "/Observation/o-p2/_history", "/Observation/o-p2/_history/1", "/Patient/absent"} {
		got := researcher.get(hidden).want(404)
		if absent := researcher.get("/Patient/absent").want(404); string(got.body) != string(absent.body) {
			t.Errorf("%s: a hidden resource answers otherwise than an absent one:\n%s\n%s", hidden, got.body, absent.body)
		}
	}
	if page := first.next(); page != "" {
		wantIDs(t, researcher.get(page), -1)
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
		wantIDs(t, researcher.get(query), -1, want...)
	}
	if got := researcher.get("/Patient?_summary=count").want(200).json()["total"]; got != 1.0 {
		t.Errorf("_summary=count: %v, want 1", got)
	}
	if r := researcher.get("/_history").want(200); r.has("p2") {
		t.Errorf("system history tells of the hidden patient:\n%s", r.body)
	}
}

// wantIDs checks the resources of a Bundle, in any order, and its total unless -1.
func wantIDs(t testing.TB, r response, total int, want ...string) {
	t.Helper()
	r.want(200)
	got := r.ids()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", r.what, got, want)
	}
	if told := r.json()["total"]; total >= 0 && told != float64(total) {
		t.Errorf("%s: total %v, want %d", r.what, told, total)
	}
	if strings.Contains(r.what, "accurate") && r.json()["total"] != float64(len(want)) {
		t.Errorf("%s: total %v, want %d", r.what, r.json()["total"], len(want))
	}
}
