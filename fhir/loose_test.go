package fhir

import (
	"errors"
	"testing"
)

// What access rests on is checked even if nothing else is.
func TestParseLoosely(t *testing.T) {
	for name, c := range map[string]struct{ body, place string }{
		"an unknown element":                 {`{"resourceType":"Patient","nickname":"x"}`, ""},
		"a date that does not exist":         {`{"resourceType":"Patient","birthDate":"2001-02-31"}`, ""},
		"a number for a name":                {`{"resourceType":"Patient","name":7}`, ""},
		"a status that is no code":           {`{"resourceType":"Observation","status":"done","code":{"text":"x"}}`, ""},
		"no status and no code":              {`{"resourceType":"Observation"}`, ""},
		"an invariant":                       {`{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"1"}]}`, ""},
		"a narrative without text":           {`{"resourceType":"Patient","text":{"status":"generated","div":"<div/>"}}`, ""},
		"a Bundle against its rules":         {`{"resourceType":"Bundle","type":"collection","total":1}`, ""},
		"a subject that is a text":           {`{"resourceType":"Observation","subject":"Patient/1"}`, "Observation.subject"},
		"a list of subjects":                 {`{"resourceType":"Observation","subject":[{"reference":"Patient/1"}]}`, "Observation.subject"},
		"one performer that is no list":      {`{"resourceType":"Observation","performer":{"reference":"Patient/1"}}`, "Observation.performer[0]"},
		"a subject of another type":          {`{"resourceType":"AllergyIntolerance","patient":{"reference":"Group/1"}}`, "AllergyIntolerance.patient.reference"},
		"a mandatory patient that is absent": {`{"resourceType":"AllergyIntolerance"}`, "AllergyIntolerance.patient"},
		"a reference to nothing inside":      {`{"resourceType":"Observation","subject":{"reference":"#p"}}`, "Observation.subject.reference"},
		"a backbone that is no list":         {`{"resourceType":"Appointment","participant":{"actor":{"reference":"Patient/1"}}}`, "Appointment.participant[0]"},
		"one label that is no list":          {`{"resourceType":"Patient","meta":{"security":{"code":"R"}}}`, "Patient.meta.security[0]"},
		"one coding that is no list":         {`{"resourceType":"Observation","code":{"coding":{"code":"x"}}}`, "Observation.code.coding[0]"},
		"a number as an identifier":          {`{"resourceType":"Patient","identifier":[{"value":12}]}`, "Patient.identifier[0].value"},
		"an attachment without an address":   {`{"resourceType":"Media","content":"Binary/1"}`, "Media.content"},
		"something inside without a type":    {`{"resourceType":"Patient","contained":[{"id":"x"}]}`, "Patient.contained[0]"},
	} {
		_, err := ParseLoosely([]byte(c.body))
		var e *Error
		switch {
		case err == nil && c.place != "":
			t.Errorf("%s: accepted", name)
		case err == nil:
		case c.place == "":
			t.Errorf("%s: %v", name, err)
		case !errors.As(err, &e) || len(e.Issues) == 0 || e.Issues[0].Expression != c.place:
			t.Errorf("%s: %v, want it at %s", name, err, c.place)
		}
		if _, strict := Parse([]byte(c.body)); strict == nil {
			t.Errorf("%s: Parse accepts it", name)
		}
	}
	for name, body := range map[string]string{
		"no JSON":        `{"resourceType":"Patient"`,
		"a member twice": `{"resourceType":"Patient","active":true,"active":true}`,
		"no type":        `{"id":"1"}`,
		"a list":         `[]`,
	} {
		if _, err := ParseLoosely([]byte(body)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
