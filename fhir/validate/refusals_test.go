package validate

import (
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// One constraint that costs too much is left out; many end the validation.
func TestRefusalsOfCostlyConstraints(t *testing.T) {
	c, costly := check{run: &run{}}, &fhir.Error{Kind: fhir.TooCostly}
	for range mostCostly {
		if c.unclear(0, &constraint{}, costly); c.err != nil {
			t.Fatal(c.err)
		}
	}
	c.unclear(0, &constraint{}, costly)
	var refusal *fhir.Error
	const sentence = "More than … constraints of the resource cost too much to evaluate. Send it in parts."
	if !errors.As(c.err, &refusal) || refusal.Kind.Status() != 400 || refusal.Detail != strings.ReplaceAll(sentence, "…", "10") {
		t.Error(c.err)
	}
}
