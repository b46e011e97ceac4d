package access

import (
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// A record never says 500 of an answer that was something else.
func TestEveryKindHasAStatus(t *testing.T) {
	for _, kind := range fhir.Kinds() {
		if got := status(&fhir.Error{Kind: kind}); (got == 500) != (kind == fhir.Internal) {
			t.Errorf("kind %d: status %d", kind, got)
		}
	}
	if len(statuses) != len(fhir.Kinds()) {
		t.Errorf("%d rows for %d kinds", len(statuses), len(fhir.Kinds()))
	}
}
