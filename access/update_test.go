package access

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// A part of a resource does not replace the whole.
func TestPartsDoNotReplaceWholes(t *testing.T) {
	h := ward(t)
	part := strings.Replace(observationDoc("s1", "seen"), `"status"`, `"meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]},"status"`, 1)
	if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), h.update(part)); got != "422" {
		t.Error(got)
	}
	other := strings.Replace(part, "terminology.hl7.org/CodeSystem/v3-ObservationValue", "example.org", 1)
	if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), h.update(other)); got != "200 body" {
		t.Errorf("another system's code: %s", got)
	}
}

// If-None-Match: * and lists in If-Match hold for what the caller may see; what is hidden
// answers like what is not there.
func TestMatchesOfUpdates(t *testing.T) {
	h := ward(t)
	var exists fhir.Match
	if !exists.Parse("*") {
		t.Fatal("* is no list")
	}
	doc := h.update(amended(observationDoc("s1", "seen")))
	for _, c := range []struct {
		match fhir.Match
		none  bool
		ref   string
		want  string
	}{
		{nil, true, "s1", "412"}, {nil, true, "h1", "404"}, {nil, true, "no", "404"},
		{fhir.Match{7, 8}, false, "s1", "412"}, {exists, false, "h1", "404"}, {exists, false, "no", "404"},
		{fhir.Match{7, 1}, false, "s1", "200 body"}, {exists, false, "s1", "200 body"},
	} {
		op := doc
		op.Ref, op.IfMatch, op.IfNone = ref("Observation/"+c.ref), c.match, c.none
		if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), op); got != c.want {
			t.Errorf("%v %v %s: %s, want %s", c.match, c.none, c.ref, got, c.want)
		}
	}
}

// Conditions are compared by what they mean, and conditional references find what is there
// after the Bundle.
func TestConditionsOfATransaction(t *testing.T) {
	h := ward(t)
	create := func(criteria string) Operation {
		op := h.post(patientDoc("x"))
		op.Conditional, op.Criteria = true, params(criteria)
		return op
	}
	if got := h.outcomes(h.system(), transaction(create("identifier=urn:mrn|9&active=true"), create("active=true&identifier=urn:mrn|9&_count=1"))...); got != "400" {
		t.Errorf("one condition twice: %s", got)
	}
	result := h.post(strings.Replace(observationDoc("x", "seen"), "Patient/seen", "Patient?identifier=urn:mrn|seen", 1))
	if got := h.outcomes(h.system(), transaction(removal("Patient/seen"), result)...); got != "422" {
		t.Errorf("of what is deleted: %s", got)
	}
}
