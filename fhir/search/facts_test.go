package search

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir/fhirtest"

	"github.com/aceso-health/aceso/fhir"
)

func factsOf(r *fhir.Resource, base string) fhir.Facts {
	_, facts, _ := Describe(r, base) // facts also come with an index that is too large
	return facts
}

func exampleFacts(t testing.TB) []fhir.Facts {
	var all []fhir.Facts
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := fhir.Open(data); err == nil {
			all = append(all, factsOf(r, "http://hl7.org/fhir"))
		}
	}
	return all
}

func TestFactsSurviveTheirEncoding(t *testing.T) {
	for _, f := range append(exampleFacts(t), fhir.Facts{}, fhir.Facts{Start: dateMin, End: dateMax}) {
		b, err := f.AppendBinary([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := fhir.ParseFacts(b[len("before"):])
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("got %+v (%v), want %+v", got, err, f)
		}
	}
}

// A reference to a patient in a compartment parameter, a subject or a patient
// element places the resource in that patient's compartment, in any spelling.
func TestPatientCompartments(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{`{"resourceType":"Patient","id":"1"}`, "[Patient/1]"},
		{`{"resourceType":"Patient"}`, "[]"},
		{`{"resourceType":"Consent","patient":{"reference":"Patient/1"}}`, "[Patient/1]"},
		{`{"resourceType":"Consent","patient":{"reference":"http://h/fhir/Patient/1/_history/2"}}`, "[Patient/1]"},
		{`{"resourceType":"Consent","patient":{"reference":"http://other/fhir/Patient/1"}}`, "[]"},
		{`{"resourceType":"Observation","subject":{"reference":"Patient\/\u0031"},"performer":[{"reference":"Patient/2"}]}`, "[Patient/1 Patient/2]"},
		{`{"resourceType":"Task","for":{"reference":"Patient/1"},"focus":{"reference":"Patient/2"},"requester":{"reference":"Patient/3"}}`, "[Patient/1]"},
		{`{"resourceType":"Provenance","target":[{"reference":"Observation/1"},{"reference":"Patient/1"}]}`, "[Patient/1]"},
		{`{"resourceType":"AuditEvent","entity":[{"what":{"reference":"Patient/1"}}],"agent":[{"who":{"reference":"Patient/2"}}]}`, "[Patient/1 Patient/2]"},
		{`{"resourceType":"Group","member":[{"entity":{"reference":"Patient/2"}},{"entity":{"reference":"Patient/1"}}]}`, "[Patient/1 Patient/2]"},
		{`{"resourceType":"List","subject":{"reference":"Patient/1"},"source":{"reference":"Patient/2"}}`, "[Patient/1 Patient/2]"},
		{`{"resourceType":"DeviceUseStatement","subject":{"reference":"Patient/1"}}`, "[Patient/1]"},
		{`{"resourceType":"Contract","subject":[{"reference":"Patient/1"}]}`, "[Patient/1]"},
		{`{"resourceType":"GuidanceResponse","subject":{"reference":"Patient/1"}}`, "[Patient/1]"},
		{`{"resourceType":"Device","patient":{"reference":"Patient/1"}}`, "[Patient/1]"},
		{`{"resourceType":"Organization","contained":[{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/1"}},{"resourceType":"Patient","id":"p"}]}`, "[Patient/1]"},
		{`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Patient","id":"1"}},{"resource":{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Flag","subject":{"reference":"Patient/2"}}}]}}]}`, "[Patient/1 Patient/2]"},
		{`{"resourceType":"Parameters","parameter":[{"name":"x","resource":{"resourceType":"Goal","subject":{"reference":"Patient/1"}}}]}`, "[Patient/1]"},
		{`{"resourceType":"Practitioner","id":"1"}`, "[]"},
	} {
		r, err := fhir.Open([]byte(c.doc))
		if err != nil {
			t.Errorf("%s: %v", c.doc, err)
			continue
		}
		got := factsOf(r, "http://h/fhir/").Patients
		if text := sprintList(got); text != c.want {
			t.Errorf("%s: got %s, want %s", c.doc, text, c.want)
		}
		x, err := IndexOf(r, "http://h/fhir")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			if !x.has(CompartmentKey(p)) {
				t.Errorf("%s: no key for %s", c.doc, p)
			}
		}
	}
}

func sprintList(list []string) string {
	b := []byte{'['}
	for i, s := range list {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, s...)
	}
	return string(append(b, ']'))
}

func TestDescribeIsIndexAndFacts(t *testing.T) {
	const base = "https://hospital.example/fhir/"
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		x, err := IndexOf(r, base)
		if err != nil {
			t.Fatal(err)
		}
		got, facts, err := Describe(r, base)
		if err != nil || !reflect.DeepEqual(got, x) || facts.Type != r.Type() || facts.ID != r.ID() {
			t.Errorf("%s: described otherwise: %v", file, err)
		}
	}
}

// A Bundle has the types of what is in it.
func TestTypesInABundle(t *testing.T) {
	r, err := fhir.Parse([]byte(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}},` +
		`{"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"s","code":"c"}]}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	const types = "http://hl7.org/fhir/resource-types"
	want := []fhir.Coding{{System: types, Code: "Observation"}, {System: types, Code: "Patient"}, {System: "s", Code: "c"}}
	if _, f, err := Describe(r, ""); err != nil || !slices.Equal(f.Codes, want) {
		t.Errorf("codes %v, want %v", f.Codes, want)
	}
}
