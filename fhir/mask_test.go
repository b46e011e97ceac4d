package fhir

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const maskTag = `"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]`

func TestMaskedDocumentHasNothingHidden(t *testing.T) {
	const placeholder = `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}`
	for _, c := range []struct {
		name     string
		mask     []string
		in, want string
	}{
		{"no mask of the type", []string{"Observation.value[x]"}, `{"resourceType":"Patient","birthDate":"2000", "x": 1 }`, `{"resourceType":"Patient","birthDate":"2000", "x": 1 }`},
		{"an element and its extension", []string{"Patient.birthDate"},
			`{"resourceType":"Patient","meta":{"versionId":"1"},"birthDate":"2000","_birthDate":{"extension":[{"url":"u","valueCode":"c"}]},"gender": "male"}`,
			`{"resourceType":"Patient","meta":{` + maskTag + `,"versionId":"1"},"gender": "male"}`},
		{"nothing there", []string{"Patient.birthDate"}, `{"resourceType":"Patient","gender":"male"}`, `{"resourceType":"Patient","meta":{` + maskTag + `},"gender":"male"}`},
		{"narrative and unknown members", []string{"Patient.birthDate"}, `{"resourceType":"Patient","text":{"status":"generated","div":"<div>2000</div>"},"birthDay":"2000","active":true}`,
			`{"resourceType":"Patient","meta":{` + maskTag + `},"active":true}`},
		{"nested, in arrays", []string{"Patient.name.given", "Patient.contact.name"},
			`{"resourceType":"Patient","name":[{"family":"A","given":["B",null],"_given":[null,{"id":"g"}]},{"given":["C"]}],"contact":[{"name":{"text":"D"}}],"active":true}`,
			`{"resourceType":"Patient","meta":{` + maskTag + `},"name":[{"family":"A"}],"active":true}`},
		{"a choice, all types", []string{"Observation.value[x]"}, `{"resourceType":"Observation","valueQuantity":{"value":1.50},"_valueString":{"id":"v"},"status":"final","code":{"text":"c"}}`,
			`{"resourceType":"Observation","meta":{` + maskTag + `},"status":"final","code":{"text":"c"}}`},
		{"a choice without brackets", []string{"Observation.value"}, `{"resourceType":"Observation","valueString":"v","status":"final","code":{"text":"c"}}`,
			`{"resourceType":"Observation","meta":{` + maskTag + `},"status":"final","code":{"text":"c"}}`},
		{"one type of a choice", []string{"Observation.valueString"}, `{"resourceType":"Observation","valueQuantity":{"value":1.50},"status":"final","code":{"text":"c"}}`,
			`{"resourceType":"Observation","meta":{` + maskTag + `},"valueQuantity":{"value":1.50},"status":"final","code":{"text":"c"}}`},
		{"a part of a choice", []string{"Observation.value[x].unit"}, `{"resourceType":"Observation","valueQuantity":{"value":1.50,"unit":"kg"},"status":"final","code":{"text":"c"}}`,
			`{"resourceType":"Observation","meta":{` + maskTag + `},"valueQuantity":{"value":1.50},"status":"final","code":{"text":"c"}}`},
		{"extensions", []string{"Patient.extension", "Patient.birthDate.extension"},
			`{"resourceType":"Patient","extension":[{"url":"u","valueString":"x"}],"birthDate":"2000","_birthDate":{"extension":[{"url":"u","valueString":"y"}],"id":"b"}}`,
			`{"resourceType":"Patient","meta":{` + maskTag + `},"birthDate":"2000","_birthDate":{"id":"b"}}`},
		{"extensions beside an array", []string{"Patient.name.given.extension"},
			`{"resourceType":"Patient","name":[{"given":["A","B"],"_given":[{"extension":[{"url":"u","valueString":"x"}]},{"id":"b"}]},{"given":["C"],"_given":[{"extension":[{"url":"u","valueString":"x"}]}]}]}`,
			`{"resourceType":"Patient","meta":{` + maskTag + `},"name":[{"given":["A","B"],"_given":[null,{"id":"b"}]},{"given":["C"]}]}`},
		{"what R4 demands", []string{"Observation.status", "Observation.code"}, `{"resourceType":"Observation","status":"final","_status":{"id":"s"},"code":{"text":"c"},"valueString":"v"}`,
			`{"resourceType":"Observation","meta":{` + maskTag + `},"valueString":"v","_status":` + placeholder + `,"code":` + placeholder + `}`},
		{"contained", []string{"Patient.birthDate"},
			`{"resourceType":"Observation","text":{"status":"generated","div":"<div>2000</div>"},"contained":[{"birthDate":"2000","resourceType":"Patient","id":"p"},{"resourceType":"Group","id":"g"}],"status":"final"}`,
			`{"resourceType":"Observation","meta":{` + maskTag + `},"contained":[{"resourceType":"Patient","id":"p","meta":{` + maskTag + `}},{"resourceType":"Group","id":"g"}],"status":"final"}`},
		{"in a Bundle", []string{"Patient.birthDate"},
			`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Composition","section":[{"title":"t","text":{"status":"generated","div":"<div>2000</div>"}}]}},{"resource":{"resourceType":"Patient","birthDate":"2000"}}]}`,
			`{"resourceType":"Bundle","meta":{` + maskTag + `},"type":"document","entry":[{"resource":{"resourceType":"Composition","section":[{"title":"t"}]}},{"resource":{"resourceType":"Patient","meta":{` + maskTag + `}}}]}`},
		{"in Parameters", []string{"*.birthDate"}, `{"resourceType":"Parameters","parameter":[{"name":"p","resource":{"resourceType":"Person","birthDate":"2000","active":true}}]}`,
			`{"resourceType":"Parameters","meta":{` + maskTag + `},"parameter":[{"name":"p","resource":{"resourceType":"Person","meta":{` + maskTag + `},"active":true}}]}`},
		{"items below items", []string{"QuestionnaireResponse.item.answer"},
			`{"resourceType":"QuestionnaireResponse","item":[{"linkId":"1","item":[{"linkId":"2","answer":[{"valueString":"x"}]}],"answer":[{"valueString":"y"}]}],"status":"completed"}`,
			`{"resourceType":"QuestionnaireResponse","meta":{` + maskTag + `},"item":[{"linkId":"1","item":[{"linkId":"2"}]}],"status":"completed"}`},
		{"names in escapes", []string{"Patient.birthDate"}, `{"resourceType":"Patient","birth\u0044ate":"2000","active":true}`, `{"resourceType":"Patient","meta":{` + maskTag + `},"active":true}`},
		{"a value of another shape", []string{"Patient.name.given"}, `{"resourceType":"Patient","name":[{"given":{"a":1},"family":[["x"]]}]}`, `{"resourceType":"Patient","meta":{` + maskTag + `},"name":[{"family":[["x"]]}]}`},
		{"several masks", []string{"Patient.name", "Patient.name.given", "*.gender"}, `{"resourceType":"Patient","name":[{"family":"x"}],"gender":"male","active":true}`, `{"resourceType":"Patient","meta":{` + maskTag + `},"active":true}`},
	} {
		m, err := R4().Mask(c.mask)
		if err != nil {
			t.Fatal(c.name, err)
		}
		got, err := m.Document([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
		if !json.Valid(got) {
			t.Errorf("%s: no JSON", c.name)
		}
	}
	m, _ := R4().Mask([]string{"Patient.birthDate"})
	if _, err := m.Document([]byte(`{"resourceType":"Pat`)); err == nil {
		t.Error("half a document was masked")
	}
	if got, err := (*Mask)(nil).Document([]byte(`x`)); err != nil || string(got) != "x" {
		t.Error("no mask hides something", err)
	}
}

func TestMaskRefusesWhatIsNoElement(t *testing.T) {
	for path, why := range map[string]string{
		"Patient": "no path", "Patient.": "no path", "": "no path", "birthDate": "no path", "patient.birthDate": "no resource type patient", "HumanName.given": "no resource type HumanName",
		"Patient.birthdate": "Patient has no such element", "Patient.name.birthDate": "Patient has no such element", "*.nothing": "no resource type has such an element", "Patient.value[x]": "Patient has no such element",
		"Observation.valueReference": "Observation has no such element", "Patient.birthDate[x]": "Patient has no such element",
		"Patient.id": "cannot be masked: without id", "Patient.meta.security": "cannot be masked: without id", "*.implicitRules": "cannot be masked: without id", "Patient.contact.modifierExtension": "cannot be masked: without id",
	} {
		if _, err := R4().Mask([]string{"Patient.active", path}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, path := range []string{"Patient.text", "Patient.name.id", "Questionnaire.item.item.text", "Observation.value[x]", "Observation.component.valueQuantity.unit", "Bundle.entry.resource", "Observation.contained", "*.language"} {
		if _, err := R4().Mask([]string{path}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestMaskHidesWhatRestsOnIt(t *testing.T) {
	m, err := R4().Mask([]string{"Patient.birthDate", "Patient.name.given", "Observation.value[x]", "QuestionnaireResponse.item.answer", "Encounter.participant.individual", "*.url"})
	if err != nil {
		t.Fatal(err)
	}
	for path, hides := range map[string]bool{
		"Patient.birthDate": true, "Patient.birthDate.extension": true, "Patient.name": true, "Patient.name.given": true, "Patient.name.family": false, "Patient": true, "Patient.gender": false, "Patient.gender.extension": false,
		"Observation.value": true, "Observation.value[x]": true, "Observation.valueQuantity.unit": true, "Observation.component.value": false, "Observation.code": false,
		"QuestionnaireResponse.item": true, "QuestionnaireResponse.item.linkId": false, "QuestionnaireResponse.item.item.answer.value": true, "Encounter.participant": true, "Encounter.participant.type": false,
		"ValueSet.url": true, "ValueSet.version": false, "Patient.unknown": true, "Group": false, "Group.unknown": false,
	} {
		names := strings.Split(path, ".")
		if got := m.Hides(names[0], names[1:]...); got != hides {
			t.Errorf("%s: %v", path, got)
		}
	}
	if (*Mask)(nil).Hides("Patient") || (*Mask)(nil).Masks("Patient") || m.Masks("Group") || !m.Masks("Patient") {
		t.Error("which types are masked")
	}
}

func TestTypesInside(t *testing.T) {
	r, err := Open([]byte(`{"contained":[{"resourceType":"Patient","id":"p"}],"resourceType":"Observation","status":"final"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.TypesInside(); err != nil || !slices.Equal(got, []string{"Observation", "Patient"}) {
		t.Error(got, err)
	}
}

func TestMaskCovers(t *testing.T) {
	for _, c := range []struct {
		mask, path string
		covers     bool
	}{
		{"Patient.name", "Patient.name", true},
		{"Patient.name", "Patient.name.given", true},
		{"Patient.name.given", "Patient.name", false},
		{"*.name", "Patient.name", true},
		{"Patient.name", "*.name", false},
		{"*.birthDate", "*.birthDate", true},
		{"Observation.value[x]", "Observation.valueString", true},
		{"Observation.valueString", "Observation.value", false},
		{"Observation.value", "Observation.value[x].unit", true},
		{"Questionnaire.item", "Questionnaire.item.item.text", true},
		{"Questionnaire.item.text", "Questionnaire.item.item.text", true},
		{"Questionnaire.item.text", "Questionnaire.item.prefix", false},
		{"Patient.name", "Person.name", false},
	} {
		m, err := R4().Mask([]string{c.mask})
		if err != nil {
			t.Fatal(err)
		}
		if m.Covers(c.path) != c.covers {
			t.Errorf("%s covers %s: %v", c.mask, c.path, !c.covers)
		}
	}
}
