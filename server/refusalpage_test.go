package server_test

import (
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// wantNamed checks that the page of refusals names a sentence.
func wantNamed(t *testing.T, sentence string) {
	t.Helper()
	if !slices.Contains([]string{"A sentence.", "A bearer token is needed.", "All OK"}, sentence) && !fhirtest.Refusals(t).MatchString(sentence) { // of fakes, and no refusal
		t.Errorf("docs/refusals.md does not name %q", sentence)
	}
}
