package search

import (
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// A prefix on a string is a mistake; text that only looks like one is not.
func TestPrefixOnAString(t *testing.T) {
	for _, c := range []struct {
		typ, name, value string
		refused          bool
	}{
		{"Patient", "name", "gt5", true},
		{"Patient", "family", "ge2020-01-01", true},
		{"Patient", "name:exact", "gt5", false},
		{"Patient", "name:contains", "gt5", false},
		{"Patient", "name", "Gerard", false},
		{"Patient", "name", "le", false},
		{"Patient", "name", "Lea2", false},
		{"Patient", "address-postalcode", "NE1", false},
	} {
		_, err := ParseQuery(c.typ, []fhir.Param{{Name: c.name, Value: c.value}}, QueryOptions{})
		if (err != nil) != c.refused {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
		}
	}
}
