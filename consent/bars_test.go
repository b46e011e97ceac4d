package consent

import (
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// A label bars what has it or falls under it, and nothing else.
func TestBars(t *testing.T) {
	const oldSecrecy = "http://hl7.org/fhir/v3/Confidentiality"
	label := func(system, code string) []fhir.Coding { return []fhir.Coding{{System: system, Code: code}} }
	for _, c := range []struct {
		name   string
		barred string
		labels []fhir.Coding
		want   bool
	}{
		{"itself", secretOf + "|R", label(secretOf, "R"), true},
		{"above", secretOf + "|R", label(secretOf, "V"), true},
		{"below", secretOf + "|R", label(secretOf, "N"), false},
		{"by an older name", secretOf + "|R", label(oldSecrecy, "V"), true},
		{"older criterion", oldSecrecy + "|R", label(secretOf, "R"), true},
		{"without a system", secretOf + "|R", label("", "V"), true},
		{"not a level", secretOf + "|R", label(secretOf, "x"), false},
		{"one that is no level", secretOf + "|x", label(secretOf, "R"), false},
		{"no label", secretOf + "|R", nil, false},
		{"the second", secretOf + "|R", append(label(tagsOf, "PSY"), fhir.Coding{System: secretOf, Code: "R"}), true},
		{"subsumed", tagsOf + "|SPI", label(tagsOf, "OPIOIDUD"), true},
		{"broader", tagsOf + "|PSY", label(tagsOf, "SPI"), false},
		{"another", tagsOf + "|PSY", label(tagsOf, "HIV"), false},
		{"of another system", tagsOf + "|PSY", label("urn:own", "PSY"), false},
		{"of an own system", "urn:own|x", label("urn:own", "x"), true},
		{"an own one without a system", "urn:own|x", label("", "x"), true},
		{"another own one", "urn:own|x", label("urn:own", "y"), false},
		{"a level of another system", "urn:own|R", label(secretOf, "V"), false},
	} {
		if got := Bars([]string{"urn:none|none", c.barred}, c.labels); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
