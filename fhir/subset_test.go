package fhir

import (
	"strings"
	"testing"
)

func TestSubset(t *testing.T) {
	const tag = `"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`
	const patient = `{"resourceType":"Patient","id":"p","meta":{"versionId":"1"},"text":{"status":"empty","div":"<div>a</div>"},` +
		`"modifierExtension":[{"url":"m","valueString":"x"}],"active":true,"name":[{"id":"n","family":"A","extension":[{"url":"u","valueCode":"c"}]}],` +
		`"maritalStatus":{"text":"m"},"_birthDate":{"extension":[{"url":"u","valueCode":"c"}]},"link":[{"id":"l","other":{"reference":"Patient/2"},"type":"refer"}]}`
	for _, c := range []struct {
		name, summary string
		elements      []string
		in, want      string
	}{
		{"nothing asked", "false", nil, patient, patient},
		{"summary", "true", nil, patient, `{"resourceType":"Patient","id":"p","meta":{` + tag + `],"versionId":"1"},"modifierExtension":[{"url":"m","valueString":"x"}],` +
			`"active":true,"name":[{"family":"A"}],"_birthDate":{"extension":[{"url":"u","valueCode":"c"}]},"link":[{"other":{"reference":"Patient/2"},"type":"refer"}]}`},
		{"text", "text", nil, patient, `{"resourceType":"Patient","id":"p","meta":{` + tag + `],"versionId":"1"},"text":{"status":"empty","div":"<div>a</div>"}}`},
		{"data", "data", nil, patient, strings.Replace(strings.Replace(patient, `"text":{"status":"empty","div":"<div>a</div>"},`, "", 1), `"meta":{`, `"meta":{`+tag+`],`, 1)},
		{"elements", "", []string{"name", "Patient.maritalStatus"}, patient, `{"resourceType":"Patient","id":"p","meta":{` + tag + `],"versionId":"1"},` +
			`"modifierExtension":[{"url":"m","valueString":"x"}],"active":true,"name":[{"id":"n","family":"A","extension":[{"url":"u","valueCode":"c"}]}],` +
			`"maritalStatus":{"text":"m"},"link":[{"id":"l","other":{"reference":"Patient/2"},"type":"refer"}]}`},
		{"no meta", "text", nil, `{"id":"b","resourceType":"Basic","code":{"text":"c"},"created":"2020"}`,
			`{"id":"b","resourceType":"Basic","meta":{` + tag + `]},"code":{"text":"c"}}`},
		{"a tag already", "text", nil, `{"resourceType":"Basic","meta":{"tag":[{"code":"t"}]},"code":{"text":"c"}}`,
			`{"resourceType":"Basic","meta":{` + tag + `,{"code":"t"}]},"code":{"text":"c"}}`},
		{"never empty", "true", nil, `{"resourceType":"Patient","name":[{"id":"only"},{"text":"T","id":"x"}]}`,
			`{"resourceType":"Patient","meta":{` + tag + `]},"name":[{"id":"only"},{"text":"T"}]}`},
		{"numbers stay text", "true", nil, `{"resourceType":"Observation","status":"final","code":{"text":"c"},"valueQuantity":{"value": 1.500 },"note":[{"text":"n"}]}`,
			`{"resourceType":"Observation","meta":{` + tag + `]},"status":"final","code":{"text":"c"},"valueQuantity":{"value": 1.500}}`},
	} {
		got, err := Subset([]byte(c.in), c.summary, c.elements)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
	if _, err := Subset([]byte(`{`), "true", nil); err == nil {
		t.Error("half a document was cut")
	}
}
