package sqlite

import (
	"testing"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// A search whose snapshot has names that are committed but not published yet finds what was
// written with them.
func TestSearchKnowsTheNamesOfItsSnapshot(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	a := newAuthor(t, s)
	before := s.names.p.Load()
	a.put("p", 0, `{"resourceType":"Patient","name":[{"family":"last"}]}`)
	s.names.p.Store(before)
	page, err := s.Search(t.Context(), store.Search{
		Query: &search.Query{Type: "Patient", Where: search.HasKey{Key: "family^last"}}, Limit: 1,
		Visible: func(store.Row) (bool, error) { return true, nil },
	})
	if err != nil || len(page.Matches) != 1 {
		t.Errorf("found %d, %v", len(page.Matches), err)
	}
}
