package search

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// Criteria that name an identifier are pinned to a value that each resource bearing it has,
// however system and value are spelled; other criteria are pinned to nothing.
func TestCriteriaArePinnedToIdentifiers(t *testing.T) {
	long := "https://github.com/synthetichealth/synthea" // with a UUID longer than a key
	uuid := "0199e5a4-0000-7000-8000-000000000001"
	vast := "urn:" + strings.Repeat("x", 70)
	for _, c := range []struct {
		system, value, criteria string
		pinned                  bool
	}{
		{"urn:mrn", "1", "identifier=urn:mrn|1", true},
		{"urn:mrn", "1", "identifier=1", true},
		{"", "1", "identifier=|1", true},
		{"urn:mrn", "a|b", `identifier=urn:mrn|a\|b`, true},
		{"urn:mrn", "1", "identifier=urn:mrn|1&active=true", true},
		{"urn:mrn", "1", "identifier=urn:mrn|1,urn:mrn|2", true},
		{long, uuid, "identifier=" + long + "|" + uuid, true},
		{long, uuid, "identifier=" + uuid, true},
		{"urn:mrn", "1", "identifier=urn:mrn|", false},
		{"urn:mrn", "1", "identifier:missing=false", false},
		{"urn:mrn", "1", "identifier:not=2", false},
		{"urn:mrn", "1", "active=true", false},
		{vast, "1", "identifier=" + vast + "|1", false},
	} {
		doc, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p","active":true,"identifier":[{"system":"` + c.system + `","value":"` + c.value + `"},{"system":"` + vast + `","value":"0"}]}`))
		if c.system == "" {
			doc, err = fhir.Parse([]byte(`{"resourceType":"Patient","id":"p","identifier":[{"value":"` + c.value + `"}]}`))
		}
		if err != nil {
			t.Fatal(err)
		}
		x, err := IndexOf(doc, "")
		if err != nil {
			t.Fatal(err)
		}
		params, err := fhir.ParseParams(c.criteria)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseQuery("Patient", params, QueryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pinned, borne := Pinned(q.Where), x.Identifiers()
		shares := slices.ContainsFunc(pinned, func(v string) bool { return slices.Contains(borne, v) })
		if !Match(q.Where, Holder{Ref: fhir.Ref{Type: "Patient", ID: "p"}, Index: x}, nil) || shares != c.pinned || !c.pinned && len(pinned) > 0 {
			t.Errorf("%s: pinned to %q, borne %q", c.criteria, pinned, borne)
		}
		if slices.ContainsFunc(borne, func(v string) bool { return strings.HasPrefix(v, "urn:x") }) {
			t.Errorf("a system alone is locked: %q", borne)
		}
	}
}

// Alternatives of which one names no identifier are pinned to nothing.
func TestAlternativesArePinnedTogether(t *testing.T) {
	named, other := HasKey{"identifier=1"}, HasKey{"active=true"}
	if got := Pinned(Any{named, other}); got != nil {
		t.Errorf("%q", got)
	}
	if got := Pinned(All{other, Any{named, HasKey{"identifier=urn:a|2"}}}); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q", got)
	}
}
