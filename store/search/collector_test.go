package search

import (
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// What one type adds to a page over several can be taken back; what others added stays.
func TestTypesBeginAnew(t *testing.T) {
	q := &search.Query{Among: []search.Part{{Type: "Patient", Where: search.All{}}, {Type: "Group", Where: search.All{}}}}
	c := newCollector(&store.Search{Query: q, Limit: 1}, cursor{})
	add := func(place int64) (bool, error) {
		r := &Row{Place: place, facts: &fhir.Facts{}}
		return c.add(r, r)
	}
	c.begin()
	for _, place := range []int64{2, 5} {
		if _, err := add(place); err != nil {
			t.Fatal(err)
		}
	}
	c.begin()
	if more, err := add(1); err != nil || !more {
		t.Fatal(more, err)
	}
	c.reset()
	if len(c.kept) != 2 || c.kept[0].place != 2 || c.kept[1].place != 5 || c.total != 2 {
		t.Errorf("kept %v, %d in all", c.kept, c.total)
	}
	if more, _ := add(9); more {
		t.Error("more is wanted than the page has")
	}
}
