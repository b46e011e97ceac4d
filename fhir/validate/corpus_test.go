package validate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/validate"
)

// invalidExamples are the official examples that fhir.Parse accepts and that break R4's
// own definitions.
var invalidExamples = map[string]string{
	"Bundle-types.json": "extensions of types stand where their definitions do not allow them (fhir-type on type instead of type.code)",
}

// Every example of R4 that fhir.Parse accepts satisfies R4's constraints, extensions and
// profiles, but for those listed.
func TestOfficialExamplesAreValid(t *testing.T) {
	v := validatorOf(t)
	valid := 0
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		name := filepath.Base(file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(data)
		if err != nil {
			continue // the test of fhir.Parse lists them
		}
		issues, err := v.Check(t.Context(), r, validate.Options{Declared: true, Warnings: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ok := true
		for _, i := range issues {
			ok = ok && i.Warning
			if !i.Warning && invalidExamples[name] == "" || i.Code == "not-supported" {
				t.Errorf("%s: %s %s %s", name, i.Code, i.Expression, i.Detail)
			}
		}
		if ok {
			valid++
		}
		if ok && invalidExamples[name] != "" {
			t.Errorf("%s is valid, but listed", name)
		}
	}
	if valid != 724-11-len(invalidExamples) {
		t.Errorf("%d examples are valid", valid)
	}
}

// Synthea's resources satisfy R4's constraints: an import of them is not refused.
func TestSyntheaIsValid(t *testing.T) {
	v := validatorOf(t)
	files := fhirtest.Corpus(t, "synthea-r4-100")
	if testing.Short() {
		files = files[:10]
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(data, &bundle); err != nil {
			t.Fatal(err)
		}
		for i, e := range bundle.Entry {
			r, err := fhir.Parse(e.Resource)
			if err != nil {
				t.Fatal(err)
			}
			if issues, err := v.Check(t.Context(), r, validate.Options{Declared: true}); err != nil || len(issues) > 0 {
				t.Errorf("%s entry %d: %+v, %v", filepath.Base(file), i, issues, err)
			}
		}
	}
}
