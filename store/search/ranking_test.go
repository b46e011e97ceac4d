package search

import (
	"testing"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Who sees something else because of marks has another ranking.
func TestRankingsAreOfTheirMarks(t *testing.T) {
	names := map[string]bool{}
	for _, s := range []store.Sight{{}, {Barred: []string{search.OwnerMark("a")}}, {Needed: []string{search.OwnerMark("a")}}, {Needed: []string{search.OwnerMark("b")}}} {
		names[outlook{&s}.name()] = true
	}
	if len(names) != 4 {
		t.Errorf("%d names of 4", len(names))
	}
}
