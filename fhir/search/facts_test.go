package search

import (
	"fmt"
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

// What is inside a resource, contained or in a Bundle, has facts of its own.
func TestFactsOfWhatIsInside(t *testing.T) {
	for doc, want := range map[string]string{
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"p"}},{"resource":{"resourceType":"Observation","id":"o",
			"meta":{"security":[{"system":"s","code":"R"}]},"code":{"coding":[{"system":"s","code":"c"}]},"performer":[{"reference":"Practitioner/1"}]}}]}`: "Patient/p [] [] [] Observation/o [{s R}] [{s c}] [Practitioner/1] ",
		`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"Flag","code":{"coding":[{"code":"f"}]}}}]}}]}`: "Bundle/ [] [] [] Flag/ [] [{ f}] [] ",
		`{"resourceType":"DocumentReference","contained":[{"resourceType":"Condition","id":"c","code":{"coding":[{"code":"x"}]}}],"type":{"coding":[{"code":"t"}]}}`:                                    "Condition/c [] [{ x}] [] ",
		`{"resourceType":"Parameters","parameter":[{"name":"n","resource":{"resourceType":"Observation","code":{"coding":[{"code":"p"}]}}}]}`:                                                           "Observation/ [] [{ p}] [] ",
		`{"resourceType":"Observation","code":{"coding":[{"code":"c"}]}}`:                                                                                                                               "",
	} {
		r, err := fhir.Open([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, in := range factsOf(r, "").Inside {
			got += fmt.Sprintf("%s/%s %v %v %v ", in.Type, in.ID, in.Labels, in.Codes, in.Authors)
		}
		if got != want {
			t.Errorf("%s: inside are %q, want %q", doc, got, want)
		}
	}
}

// What an attachment points to, wherever it stands and however it is spelled, is content;
// who is named by an identifier alone is noted.
func TestContentsAndLogicalReferences(t *testing.T) {
	for doc, want := range map[string]string{
		`{"resourceType":"DocumentReference","content":[{"attachment":{"url":"Binary/1"}},{"attachment":{"url":"http://old/fhir/Binary/2"}}]}`:                                  "[Binary/1 Binary/2] []",
		`{"resourceType":"Media","content":{"url":"HTTP://NEW/fhir/./x/../Binary/1?a=b"}}`:                                                                                      "[Binary/1] []",
		`{"resourceType":"Communication","payload":[{"contentAttachment":{"url":"/fhir/Binary/1/_history/3"}}]}`:                                                                "[Binary/1] []",
		`{"resourceType":"Patient","photo":[{"url":"./Binary/1"}]}`:                                                                                                             "[Binary/1] []",
		`{"resourceType":"Consent","sourceAttachment":{"url":"Binary/1"}}`:                                                                                                      "[Binary/1] []",
		`{"resourceType":"Basic","extension":[{"url":"u","valueAttachment":{"url":"Bundle/1"}}]}`:                                                                               "[Bundle/1] []",
		`{"resourceType":"Media","content":{"url":"https://elsewhere/fhir/Binary/1"}}`:                                                                                          "[] []",
		`{"resourceType":"Media","content":{"url":"cid:Binary/1"}}`:                                                                                                             "[] []",
		`{"resourceType":"Observation","subject":{"identifier":{"system":"urn:mrn","value":"M1"}}}`:                                                                             "[] [urn:mrn|M1]",
		`{"resourceType":"Condition","subject":{"type":"Patient","identifier":{"value":"M1"}}}`:                                                                                 "[] [|M1]",
		`{"resourceType":"Condition","subject":{"reference":"http://elsewhere/Patient/1","identifier":{"system":"s","value":"M1"}}}`:                                            "[] [s|M1]",
		`{"resourceType":"Condition","subject":{"reference":"Patient/1","identifier":{"system":"s","value":"M1"}}}`:                                                             "[] []",
		`{"resourceType":"Condition","asserter":{"type":"Practitioner","identifier":{"system":"s","value":"M1"}}}`:                                                              "[] []",
		`{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"s","value":"1"},{"value":"2"}]}],"subject":{"reference":"#p"}}`: "[] [s|1 |2]",
		`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Patient","identifier":[{"system":"s","value":"1"}]}}]}`:                               "[] [s|1]",
	} {
		r, err := fhir.Open([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		f := factsOf(r, "http://new/fhir http://old/fhir")
		if got := fmt.Sprint(f.Contents, f.Logical); got != want {
			t.Errorf("%s: %s, want %s", doc, got, want)
		}
	}
}

// All base URLs that the server has had are its own.
func TestFactsUnderFormerBases(t *testing.T) {
	for _, base := range []string{"http://new/fhir", "http://old/fhir", "https://older.example/r4"} {
		r, err := fhir.Open([]byte(`{"resourceType":"Observation","subject":{"reference":"` + base + `/Patient/1"},"encounter":{"reference":"` + base + `/Encounter/2/_history/1"}}`))
		if err != nil {
			t.Fatal(err)
		}
		x, f, err := Describe(r, "http://new/fhir http://old/fhir/ https://older.example/r4")
		if err != nil || fmt.Sprint(f.Patients, f.References) != "[Patient/1] [Encounter/2 Patient/1]" || !slices.Contains(x.Keys, "subject>Patient/1") {
			t.Errorf("%s: %v %v, %v", base, f.Patients, f.References, err)
		}
	}
}
