package search_test

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

func TestConstraints(t *testing.T) {
	laboratory := `{"resourceType":"Observation","id":"o","status":"final","category":[{"coding":[{"system":"http://c","code":"laboratory"}]}],"code":{"text":"Heart rate"},` +
		`"subject":{"reference":"Patient/1"},"effectiveDateTime":"2020-05-04"}`
	for text, holds := range map[string]bool{
		"category=http://c|laboratory": true, "category=laboratory": true, "category=|laboratory": false, "category=http://c|": true,
		"category=vital-signs,laboratory": true, "category=laboratory&status=amended": false, "category:not=laboratory": false, "category:not=x": true,
		"code:text=heart": true, "category:missing=true": false, "performer:missing=true": true, "subject=Patient/1": true, "subject:Patient=1": true, "subject=1": true,
		"subject=https://here.example/fhir/Patient/1": true, "subject=Patient/2": false, "date=ge2020": true, "date=lt2020-05-04": false, "date=2020-05": true, "date=sa2020-05-03": true,
		"_id=o": true, "_id:not=o": false, "_tag=x": false, "combo-code=x": false, "combo-code:not=x": true,
	} {
		params, err := fhir.ParseParams(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := search.ParseConstraint("Observation", params, "https://here.example/fhir")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := search.Holds(c, []byte(laboratory), "https://here.example/fhir"); err != nil || got != holds {
			t.Errorf("%s holds: %t, %v", text, got, err)
		}
	}
}

// What cannot be enforced is refused, with a reason, and never left out.
func TestConstraintsThatAreRefused(t *testing.T) {
	for text, why := range map[string]string{
		"subject.name=x": "chain", "subject:Patient.name=x": "chain", "_has:Observation:subject:code=x": "chain", "nothing=x": "no such", "_count=1": "no such", "_sort=date": "no such",
		"_filter=code eq x": "no such", "_list=1": "no such", "_text=x": "", "value-quantity=5": "kind quantity", "code-value-quantity=x$5": "kind composite", "value-string=x": "kind string",
		"_profile=x": "kind uri", "category:in=http://v": "modifiers", "category:not-in=http://v": "modifiers", "code:below=x": "modifiers", "date=ap2020": "prefix ap", "date=2020,ap2020": "prefix ap",
		"date=x": "date", "category:exact=x": "modifier", "category:nothing=x": "modifier", "category=a|b|c": "token", "category=a,": "empty", "category:text=-": "word", "subject:Device=Patient/1": "type",
		"_include=Observation:subject": "no such", "_summary=count": "no such", "_format=json": "no such",
	} {
		params, err := fhir.ParseParams(text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := search.ParseConstraint("Observation", params, "https://here.example/fhir")
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, %v, want a reason with %q", text, c, err, why)
		}
	}
	for _, typ := range []string{"AuditEvent", "Nothing", "", "*"} {
		if _, err := search.ParseConstraint(typ, []fhir.Param{{Name: "_id", Value: "x"}}, ""); err == nil {
			t.Errorf("a restriction of the type %q is accepted", typ)
		}
	}
}
