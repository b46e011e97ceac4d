package fhir

import (
	"bytes"
	"os"
	"reflect"
	"testing"
)

func exampleFacts(t testing.TB) []Facts {
	var all []Facts
	for _, file := range corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := Open(data); err == nil {
			all = append(all, r.Facts("http://hl7.org/fhir"))
		}
	}
	return all
}

func TestFactsSurviveTheirEncoding(t *testing.T) {
	for _, f := range append(exampleFacts(t), Facts{}, Facts{Start: dateMin, End: dateMax}) {
		b, err := f.AppendBinary([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseFacts(b[len("before"):])
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("got %+v (%v), want %+v", got, err, f)
		}
	}
}

func TestDamagedFactsAreErrors(t *testing.T) {
	f := Facts{Type: "Observation", ID: "1", Patients: []string{"Patient/1"}, Labels: []Coding{{"s", "R"}}, Start: 5, End: 7}
	whole, _ := f.AppendBinary(nil)
	for i := range whole {
		if _, err := ParseFacts(whole[:i]); err == nil {
			t.Errorf("cut at %d was read", i)
		}
	}
	if _, err := ParseFacts(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("more at the end was read")
	}
	huge := []byte{factsFormat, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}
	if _, err := ParseFacts(huge); err == nil {
		t.Error("a count beyond the end was read")
	}
}

func FuzzFacts(f *testing.F) {
	whole, _ := (&Facts{Type: "Observation", ID: "1", Patients: []string{"Patient/1"}, Codes: []Coding{{"s", "R"}}, Start: -5, End: 7}).AppendBinary(nil)
	f.Add(whole)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := ParseFacts(b)
		if err != nil {
			return
		}
		again, _ := facts.AppendBinary(nil)
		if back, err := ParseFacts(again); err != nil || !reflect.DeepEqual(back, facts) {
			t.Fatalf("%+v %v", back, err)
		}
	})
}

// Whatever refers to a patient from a compartment parameter, a subject or a
// patient element is in that patient's compartment, however it is written.
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
		r, err := Open([]byte(c.doc))
		if err != nil {
			t.Errorf("%s: %v", c.doc, err)
			continue
		}
		got := r.Facts("http://h/fhir/").Patients
		if text := sprintList(got); text != c.want {
			t.Errorf("%s: got %s, want %s", c.doc, text, c.want)
		}
		x, err := r.Index("http://h/fhir")
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
	for _, file := range corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Open(data)
		if err != nil {
			t.Fatal(err)
		}
		x, err := r.Index(base)
		if err != nil {
			t.Fatal(err)
		}
		gotX, gotF, err := r.Describe(base)
		if err != nil || !reflect.DeepEqual(gotX, x) || !reflect.DeepEqual(gotF, r.Facts(base)) {
			t.Errorf("%s: described otherwise: %v", file, err)
		}
	}
}
