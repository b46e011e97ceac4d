package labels

import (
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// The built-in sets are well-formed, have sources, and give each of their examples its labels.
func TestBuiltInSets(t *testing.T) {
	all := BuiltIn()
	if len(all) != 5 {
		t.Fatalf("%d sets", len(all))
	}
	c := Choice{}
	for _, s := range all {
		if n, err := s.check(); err != nil || n < 20 || len(s.Sources) == 0 || s.Title == "" || s.Version < 1 {
			t.Errorf("%s: %d codes, %v", s.Name, n, err)
		}
		c.Sets = append(c.Sets, s.Name)
	}
	r := compiled(t, c)
	for code, want := range map[fhir.Coding][]string{
		{System: "http://hl7.org/fhir/sid/icd-10", Code: "F32.1"}:             {"MH", "PSY"},
		{System: "http://hl7.org/fhir/sid/icd-10-cm", Code: "f321"}:           {"MH", "PSY"},
		{System: "http://fhir.de/CodeSystem/bfarm/icd-10-gm", Code: "U60.1!"}: {"HIV"},
		{System: "http://hl7.org/fhir/sid/icd-10", Code: "U60.1"}:             nil,
		{System: "http://hl7.org/fhir/sid/icd-10", Code: "B25"}:               nil,
		{System: "http://hl7.org/fhir/sid/icd-10", Code: "B2"}:                nil,
		{System: "http://hl7.org/fhir/sid/icd-10", Code: "F17.2"}:             nil,
		{System: "http://hl7.org/fhir/sid/icd-10-cm", Code: "D57.1"}:          {"GDIS", "SICKLE"},
		{System: "http://hl7.org/fhir/sid/icd-10", Code: "A53"}:               {"SEX", "STD"},
		{System: "http://www.whocc.no/atc", Code: "N07BC02"}:                  {"ETH", "SUD"},
		{System: "http://www.whocc.no/atc", Code: "J05AF05"}:                  nil,
		{System: "http://snomed.info/sct", Code: "86406008"}:                  {"HIV"},
		{System: "", Code: "86406008"}:                                        nil,
	} {
		var got []string
		for _, l := range r.Of("Condition", []fhir.Coding{code}) {
			got = append(got, l.Code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %q, want %q", code, got, want)
		}
	}
	if got := r.Of("MolecularSequence"); len(got) != 1 || got[0].Code != "GDIS" {
		t.Error(got)
	}
}

func compiled(t testing.TB, c Choice) *Rules {
	t.Helper()
	text, err := Resolve(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What is contained has labels of its own, which the whole has, too; other rules replace them.
func TestApply(t *testing.T) {
	r := compiled(t, Choice{Sets: []string{"hiv", "genetics"}})
	f := &fhir.Facts{Type: "Bundle", Codes: []fhir.Coding{{System: "http://snomed.info/sct", Code: "86406008"}}, Inside: []fhir.Facts{
		{Type: "Condition", Codes: []fhir.Coding{{System: "http://snomed.info/sct", Code: "86406008"}}}, {Type: "MolecularSequence"},
	}}
	r.Apply(f, 3)
	if len(f.Inside[0].Ruled) != 1 || len(f.Inside[1].Ruled) != 1 || !slices.Contains(f.AllLabels(), f.Inside[0].Ruled[0]) || !slices.Contains(f.AllLabels(), f.Inside[1].Ruled[0]) {
		t.Errorf("%+v", f)
	}
	var none *Rules
	if none.Apply(f, 0); len(f.AllLabels()) > 0 || len(f.Inside[0].AllLabels()) > 0 {
		t.Errorf("%+v", f)
	}
}

// A choice has bounds.
func TestChoicesAreBounded(t *testing.T) {
	var many Choice
	for i := range MostSets + 1 {
		many.Own = append(many.Own, Set{Name: string(rune('A' + i)), Rules: []Rule{{Labels: []string{"HIV"}, Types: []string{"Basic"}}}})
	}
	if _, err := Resolve(many); err == nil {
		t.Error("more sets")
	}
	big := Choice{Own: []Set{{Name: "x", Rules: []Rule{{Labels: []string{"HIV"}, Codes: []Codes{{Systems: []string{"urn:s"}, Are: slices.Repeat([]string{"a"}, MostCodes+1)}}}}}}}
	if _, err := Resolve(big); err == nil {
		t.Error("more codes")
	}
}

// BenchmarkOf is what it costs to label a resource with all built-in sets.
func BenchmarkOf(b *testing.B) {
	r := compiled(b, Choice{Sets: []string{"mental-health", "hiv", "substance-use", "sexual-and-reproductive-health", "genetics"}})
	has := []fhir.Coding{{System: "http://hl7.org/fhir/sid/icd-10", Code: "I10"}, {System: "http://snomed.info/sct", Code: "38341003"}, {System: "http://terminology.hl7.org/CodeSystem/condition-clinical", Code: "active"}}
	for b.Loop() {
		r.Of("Condition", has)
	}
}
