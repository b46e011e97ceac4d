package search

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// Contained resources may refer to each other in a circle.
func TestContainedResourcesAreLookedIntoOnce(t *testing.T) {
	x := held(t, `{"resourceType":"MedicationRequest","id":"1","status":"active","intent":"order","subject":{"reference":"#p"},"medicationCodeableConcept":{"text":"x"},
		"contained":[{"resourceType":"Patient","id":"p","link":[{"other":{"reference":"#q"},"type":"refer"}]},{"resourceType":"Patient","id":"q","gender":"male","link":[{"other":{"reference":"#p"},"type":"refer"}]}]}`)[0].Index
	inside := slices.DeleteFunc(slices.Clone(x.Keys), func(k string) bool { return !LooksInside(HasKey{k}) })
	if got := strings.Join(inside, " "); got != "patient.Patient.deceased=false patient.Patient.deceased=|false patient.Patient.deceased? patient.Patient.link? patient.Patient> subject.Patient.deceased=false subject.Patient.deceased=|false subject.Patient.deceased? subject.Patient.link? subject.Patient>" {
		t.Error(got)
	}
}

// A resource has as many values as it may have, those inside included.
func TestValuesInsideCount(t *testing.T) {
	names := strings.TrimSuffix(strings.Repeat(`{"family":"%"},`, 700), ",")
	for i := 0; strings.Contains(names, "%"); i++ {
		names = strings.Replace(names, "%", string(rune('a'+i%26))+string(rune('a'+i/26)), 1)
	}
	doc := `{"resourceType":"Observation","id":"1","status":"final","code":{"text":"x"},"subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p","name":[` + names + `]}]}`
	r, err := fhir.Open([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := IndexOf(r, ""); err == nil || !strings.Contains(err.Error(), "different values") {
		t.Error(err)
	}
}
