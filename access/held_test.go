package access

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// What is remembered of one version says nothing of another, nor of another scope: a store
// that asks nobody is still noticed.
func TestWhatScopesShowIsRememberedByVersion(t *testing.T) {
	h := newHouse(t)
	final := observationDoc("a", "1")
	h.putAll([]string{patientDoc("1"), final, strings.ReplaceAll(observationDoc("b", "1"), `"final"`, `"amended"`)})
	page := func(scope string) ([]Version, error) {
		res, err := h.Search(t.Context(), h.with(h.as(agent.Practitioner, "TREAT"), scope), SearchRequest{Type: "Observation"})
		if err != nil {
			return nil, err
		}
		return res.Matches, nil
	}
	for range 2 {
		if shown, err := page("user/Observation.rs?status=final"); err != nil || len(shown) != 1 {
			t.Fatalf("%d are shown: %v", len(shown), err)
		}
	}
	h.faulty.careless = true
	for _, scope := range []string{"user/Observation.rs?status=amended", "user/Observation.rs?status=final"} {
		if shown, err := page(scope); kindOf(err) != fhir.Unavailable {
			t.Errorf("%s: %d are shown: %v", scope, len(shown), err)
		}
	}
}
