package sqlite

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// What all searches pass over for want of a ranking is added up: many pages in vain end like one
// that costs as much, in lists and in histories.
func TestPassingOverIsAddedUp(t *testing.T) {
	a := newAuthor(t, open(t, t.TempDir(), options()))
	a.sets = &plan.Sets{Bytes: 1 << 20, Most: 20_000}
	var writes []store.Write
	for i := range 1300 {
		patient, year := "1", 2020
		if i < 200 {
			patient, year = "0", 2000
		}
		writes = append(writes, a.version(fmt.Sprintf("o%d", i), 0, fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"},"effectiveDateTime":"%d-01-0%d"}`, patient, year, 1+i%9)))
	}
	_, err := a.Commit(t.Context(), store.Change{Writes: writes, Entry: a.entry()})
	a.must(err)
	params, err := fhir.ParseParams("_sort=-date")
	a.must(err)
	q, err := search.ParseQuery("Observation", params, search.QueryOptions{})
	a.must(err)
	sight := &store.Sight{Rest: store.Hidden, Groups: []store.Group{{Name: "seen", Is: store.Shown, Patients: []string{"Patient/0"}}}}
	sights := func(string, int64) (*store.Sight, error) { return sight, nil }
	visible := func(r store.Row) (bool, error) { return slices.Equal(r.Facts.Patients, []string{"Patient/0"}), nil }
	for name, ask := range map[string]func(*store.Work) (store.Page, error){
		"list": func(w *store.Work) (store.Page, error) {
			return a.Search(t.Context(), store.Search{Query: q, Limit: 1, Sight: sights, Visible: visible, Work: w})
		},
		"history": func(w *store.Work) (store.Page, error) {
			return a.History(t.Context(), store.History{Type: "Observation", Limit: 1, Sight: sights, Visible: visible, Work: w})
		},
	} {
		var steps []int64
		for range 10 {
			w := &store.Work{Left: 1 << 40}
			page, err := ask(w)
			if err != nil || len(page.Matches) != 1 {
				t.Fatalf("%s: %d matches, %v", name, len(page.Matches), err)
			}
			steps = append(steps, 1<<40-w.Left)
		}
		if steps[9] >= steps[1] {
			t.Errorf("%s: pages take %v steps, and go on so", name, steps)
		}
	}
}
