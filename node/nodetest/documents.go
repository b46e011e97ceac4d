package nodetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// PatientJSON is a small Patient.
func PatientJSON(id, family string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"active":true,"name":[{"family":%q,"given":["A"]}],"gender":"female","birthDate":"1970-01-01"}`, id, family)
}

// ObservationJSON is a heart rate.
func ObservationJSON(id, patient string, value float64) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"2026-01-02T03:04:05Z","valueQuantity":{"value":%v,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`, id, patient, value)
}

// ResearchConsent permits or denies research with a patient's data.
func ResearchConsent(id, patient, kind string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentcategorycodes","code":"research"}]}],"patient":{"reference":"Patient/%s"},"dateTime":"2025-01-01","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{"type":%q,"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]}}`, id, patient, kind)
}

// TwoPatients loads two patients, each with an observation, who permit research.
func TwoPatients(system User) {
	system.Node.T.Helper()
	for _, p := range []string{"p1", "p2"} {
		system.Put("/Patient/"+p, PatientJSON(p, "Family"+p)).Want(201)
		system.Put("/Observation/o-"+p, ObservationJSON("o-"+p, p, 70)).Want(201)
		system.Put("/Consent/c-"+p, ResearchConsent("c-"+p, p, "permit")).Want(201)
	}
}

// WantIDs checks the resources of a Bundle, in any order, and its total unless -1.
func WantIDs(t testing.TB, r Answer, total int, want ...string) {
	t.Helper()
	r.Want(200)
	got := r.IDs()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", r.What, got, want)
	}
	if told := r.JSON()["total"]; total >= 0 && told != float64(total) {
		t.Errorf("%s: total %v, want %d", r.What, told, total)
	}
	if strings.Contains(r.What, "accurate") && r.JSON()["total"] != float64(len(want)) {
		t.Errorf("%s: total %v, want %d", r.What, r.JSON()["total"], len(want))
	}
}

// Until asks again and again.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
