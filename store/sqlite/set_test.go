package sqlite

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// eager keeps every set, and looks at nothing row by row that a set decides.
func eager(t *testing.T) *author {
	t.Helper()
	s := open(t, t.TempDir(), options())
	s.patience, s.sets = plan.Patience{Few: 0, Many: 1}, &plan.Sets{Bytes: 1 << 20, Most: 2000}
	return newAuthor(t, s)
}

// males is a question about all patients that are male, counted.
func males(t *testing.T) store.Search {
	t.Helper()
	return store.Search{Query: &search.Query{Type: "Patient", Where: search.HasKey{Key: "gender=male"}}, Count: true, NoBody: true}
}

func (a *author) males(t *testing.T, want int64) {
	t.Helper()
	page, err := a.Search(t.Context(), males(t))
	if err != nil || page.Total != want {
		t.Errorf("total %d, want %d: %v", page.Total, want, err)
	}
}

const malePatient = `{"resourceType":"Patient","gender":"male"}`

// A search that reads an older snapshot than the one that sets were kept of begins again.
func TestOlderSnapshotsUseNoLaterSets(t *testing.T) {
	a := eager(t)
	a.put("1", 0, malePatient)
	a.males(t, 1)
	err := a.snapshot(t.Context(), a.searches, "search", func(x *reader) error {
		a.put("2", 0, malePatient)
		a.males(t, 2)
		_, err := a.search(t.Context(), x, males(t), a.sets)
		if !errors.Is(err, plan.ErrOlder) {
			t.Errorf("a search in an older snapshot: %v", err)
		}
		page, err := a.search(t.Context(), x, males(t), nil)
		if page.Total != 1 {
			t.Errorf("without what is kept: total %d, want 1", page.Total)
		}
		return err
	})
	a.must(err)
	a.males(t, 2)
}

// Sets do not outlive the search keys that they were made of.
func TestReindexForgetsSets(t *testing.T) {
	a := eager(t)
	a.put("1", 0, malePatient)
	a.put("2", 0, malePatient)
	a.must(a.write.do(t.Context(), true, func(u *changeUnit) error { return u.exec("DELETE FROM ix WHERE rid = 2") }))
	a.males(t, 1)
	a.must(a.Reindex(t.Context()))
	a.males(t, 2)
}

// What was written in between is counted, whether it is little or so much that the sets are
// made anew.
func TestSetsCatchUp(t *testing.T) {
	a := eager(t)
	a.sets.Most = 3
	want := int64(0)
	for round := range 4 {
		for i := range 3 + round%2 {
			a.put(fmt.Sprint(round, "-", i), 0, malePatient)
			want++
		}
		a.males(t, want)
	}
	a.put("0-0", 1, `{"resourceType":"Patient","gender":"female"}`)
	a.males(t, want-1)
}
