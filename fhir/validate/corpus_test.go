package validate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/validate"
)

// Every example of R4 that fhir.Parse accepts satisfies R4's constraints, but for those
// listed.
func TestOfficialExamples(t *testing.T) {
	profiles, err := validate.NewProfiles(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &validate.Validator{Profiles: profiles}
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		name := filepath.Base(file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(data)
		if err != nil {
			continue
		}
		issues, err := v.Check(t.Context(), r, validate.Options{Declared: true, Warnings: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, i := range issues {
			if !i.Warning || i.Code == "not-supported" {
				t.Errorf("%s: %s %s %s", name, i.Code, i.Expression, i.Detail)
			}
		}
	}
}
