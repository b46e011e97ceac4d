package fhir

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseReference(t *testing.T) {
	const base = "http://x/fhir"
	for _, c := range []struct {
		value   string
		ref     string
		version int64
	}{
		{"Patient/1", "Patient/1", 0},
		{"http://x/fhir/Patient/1", "Patient/1", 0},
		{"http://x/fhir/Patient/a-B.9/_history/12", "Patient/a-B.9", 12},
		{"Patient/1/_history/2", "Patient/1", 2},
		{"Patient/1/_history/02", "", 0},
		{"Patient/1/_history/-1", "", 0},
		{"Patient/1/_history/", "", 0},
		{"http://y/fhir/Patient/1", "", 0},
		{"http://x/fhirer/Patient/1", "", 0},
		{"/Patient/1", "", 0},
		{"Patient/", "", 0},
		{"Patient", "", 0},
		{"patient/1", "", 0},
		{"Resource/1", "", 0},
		{"Patient/1/", "", 0},
		{"Patient/1/x", "", 0},
		{"Patient/a b", "", 0},
		{"Patient/" + strings.Repeat("a", 64), "Patient/" + strings.Repeat("a", 64), 0},
		{"Patient/" + strings.Repeat("a", 65), "", 0},
		{"#contained", "", 0},
		{"urn:uuid:7d8c8d8e-0000-4000-8000-000000000000", "", 0},
		{"Patient?identifier=x", "", 0},
		{"", "", 0},
	} {
		ref, version, ok := ParseReference(c.value, base)
		if ok != (c.ref != "") || ok && ref.String() != c.ref || version != c.version {
			t.Errorf("%s: %v %d %t", c.value, ref, version, ok)
		}
		if short, err := ParseRef(c.value); (err == nil) != (c.ref != "" && c.version == 0 && c.value == c.ref) {
			t.Errorf("ParseRef(%q) = %v, %v", c.value, short, err)
		}
	}
	if _, _, ok := ParseReference("http://x/fhir/Patient/1", ""); ok {
		t.Error("absolute reference read without a base")
	}
}

func TestParseURL(t *testing.T) {
	patient := Ref{"Patient", "1"}
	for _, c := range []struct {
		url  string
		want target
	}{
		{"Patient/1", target{Ref: patient}},
		{"/Patient/1", target{Ref: patient}},
		{"http://x/fhir/Patient/1", target{Ref: patient}},
		{"Patient/1/_history/3", target{Ref: patient, Version: 3}},
		{"Patient/1/_history", target{Ref: patient, History: true}},
		{"Patient/_history?_count=1", target{Ref: Ref{Type: "Patient"}, History: true, Params: []Param{{"_count", "1"}}}},
		{"_history", target{History: true}},
		{"Patient", target{Ref: Ref{Type: "Patient"}}},
		{"Patient/", target{Ref: Ref{Type: "Patient"}}},
		{"Patient?name=a%20b+c&_id=1,2", target{Ref: Ref{Type: "Patient"}, Params: []Param{{"name", "a b c"}, {"_id", "1,2"}}}},
		{"Patient/1/Observation?code=x%7Cy", target{Ref: Ref{Type: "Observation"}, Compartment: "Patient/1", Params: []Param{{"code", "x|y"}}}},
	} {
		got, err := parseURL(c.url, "http://x/fhir/")
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.url, got, err)
		}
	}
	for _, bad := range []string{
		"", "/", "?", "http://y/fhir/Patient/1", "Foo/1", "Patient/a b", "Patient/1/_history/0", "Patient/1/_history/x",
		"Patient/1/2/3", "Patient/1/Foo", "Patient/1/Observation/_history", "Patient?a=%zz", "Patient/" + strings.Repeat("a", 65),
		"Patient/1/_history/1/2", "metadata", "Patient/1/_history/1/_history",
	} {
		if got, err := parseURL(bad, "http://x/fhir"); err == nil {
			t.Errorf("%q read as %+v", bad, got)
		}
	}
}

func TestParseETag(t *testing.T) {
	for s, want := range map[string]int64{`W/"3"`: 3, `"3"`: 3, ` W/"12" `: 12} {
		if got, ok := ParseETag(s); !ok || got != want {
			t.Errorf("%s: %d %t", s, got, ok)
		}
	}
	for _, bad := range []string{"", "3", `W/3`, `W/"0"`, `W/"-1"`, `W/"x"`, `W/"1","2"`, `"`, `""`, `w/"1"`, `W/"99999999999999999999"`} {
		if v, ok := ParseETag(bad); ok {
			t.Errorf("%s read as %d", bad, v)
		}
	}
}

func TestParseCriteria(t *testing.T) {
	if c, err := ParseCriteria("Patient?identifier=http://x?a|1", "Patient"); err != nil || c[0].Value != "http://x?a|1" {
		t.Errorf("%v %v", c, err)
	}
	if c, err := ParseCriteria("identifier=http://x?a|1", "Patient"); err != nil || c[0] != (Param{"identifier", "http://x?a|1"}) {
		t.Errorf("%v %v", c, err)
	}
	if _, err := ParseCriteria("?", "Patient"); err == nil {
		t.Error("empty criteria accepted")
	}
}

func TestParseCriteriaOfAnotherType(t *testing.T) {
	if _, err := ParseCriteria("Patient?identifier=1", "Observation"); err == nil {
		t.Error("criteria for Patients accepted for an Observation")
	}
}

func TestParseParamsRefusesWhatIsNoText(t *testing.T) {
	for _, query := range []string{"name=%ff", "%ff=1", "name=%00", "name=%"} {
		if p, err := ParseParams(query); err == nil {
			t.Errorf("%s: accepted as %q", query, p)
		}
	}
}

// What was below one of the server's base URLs is its own for ever; nothing else is.
func TestBelow(t *testing.T) {
	const bases = "https://new.example/fhir http://old:8080/fhir/"
	for value, want := range map[string]string{
		"https://new.example/fhir/Patient/1": "Patient/1", "http://old:8080/fhir/Patient/1": "Patient/1",
		"https://new.example/fhirx/Patient/1": "", "https://new.example/fhir": "", "http://old:8080/Patient/1": "", "Patient/1": "", "": "",
	} {
		if rest, ok := Below(value, bases); ok != (want != "") || ok && rest != want {
			t.Errorf("%q: %q %v, want %q", value, rest, ok, want)
		}
		if ref, _, ok := ParseReference(value, bases); ok != (want != "" || value == "Patient/1") {
			t.Errorf("%q: parsed as %v", value, ref)
		}
	}
	if _, ok := Below("/Patient/1", " "); ok {
		t.Error("an empty base is below everything")
	}
	for _, odd := range []string{"HTTP://OLD:8080/fhir/Patient/1", "https://new.example/fhir/./Patient/1"} {
		if PlainReference(odd, bases) {
			t.Errorf("%s is taken for a foreign one", odd)
		}
	}
	if got, err := parseURL("http://old:8080/fhir/Patient/1", bases); err != nil || got.ID != "1" {
		t.Errorf("%+v, %v", got, err)
	}
}
