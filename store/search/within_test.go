package search

import (
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/fhir/search"
)

// However many scopes ask, few sets and rankings of what they require are kept: those that were
// used last, and all others.
func TestFewSetsOfWhatIsRequiredAreKept(t *testing.T) {
	s := UsualSets()
	e := &edition{sets: map[string]*keptSet{"": {set: noPlaces(), of: all{}}}}
	for i := range 3 * mostRequired {
		var of subject = requirementOf(search.HasKey{Key: fmt.Sprintf("status=%d", i)})
		if i%2 == 0 {
			of = sortedList{of, Order{SortBy: search.SortBy{Param: "date"}}}
		}
		e.sets[of.name()] = &keptSet{set: noPlaces(), of: of, used: int64(i)}
	}
	s.keep("Observation", e)
	kept := s.of("Observation").sets
	last := requirementOf(search.HasKey{Key: fmt.Sprintf("status=%d", 3*mostRequired-1)})
	if len(kept) != mostRequired+1 || kept[""] == nil || kept[last.name()] == nil {
		t.Errorf("%d are kept", len(kept))
	}
}
