package node

import (
	"strings"
	"testing"
)

// What was tried in the field, in transactions and around them, has the right answer.
func TestFieldTrialsOfWriting(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	patient := withIdentifier(withoutID(patientJSON("x", "A"), "x"), "77")
	observation := strings.Replace(withoutID(observationJSON("x", "p1", 1), "x"), "Patient/p1", "Patient?identifier=urn:test|77", 1)
	for range 2 { // new, and there already
		a := system.Post("/", bundleJSON("transaction", entryJSON("POST", "Patient", patient, `"ifNoneExist":"identifier=urn:test|77"`), entryJSON("POST", "Observation", observation, ""))).Want(200)
		if a.Has("Patient?identifier") {
			t.Errorf("a conditional reference is left: %s", a.Body)
		}
	}
	if got := system.Get("/Observation?patient.identifier=urn:test|77").Want(200); len(got.IDs()) != 2 {
		t.Errorf("%v", got.IDs())
	}
	questionnaire := `{"resourceType":"Questionnaire","id":"q","url":"` + uuid1 + `","version":"V1-beta","status":"draft"}`
	response := `{"resourceType":"QuestionnaireResponse","id":"r","status":"completed","questionnaire":"` + uuid2 + `"}`
	system.Post("/", bundleJSON("transaction", entryJSON("PUT", "Questionnaire/q", questionnaire, ""), full(uuid2, entryJSON("PUT", "QuestionnaireResponse/r", response, "")))).Want(200)
	if a, b := system.Get("/Questionnaire/q"), system.Get("/QuestionnaireResponse/r"); !a.Has(uuid1) || !b.Has(uuid2) {
		t.Errorf("a canonical was changed: %s %s", a.Body, b.Body)
	}
	if got := system.Get("/Questionnaire?version=v1-BETA").Want(200); len(got.IDs()) != 1 {
		t.Errorf("of another case: %v", got.IDs())
	}
	system.Post("/Patient", "[]").Want(400)
	if a := system.Post("/Observation", observation).Want(422); !a.Has(`"expression"`) {
		t.Errorf("a refused reference has no place: %s", a.Body)
	}
	system.Post("/", `{"resourceType":"Bundle","type":"document","entry":[]}`).Want(400)
}
