package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/fhir"
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

// What leads to some resources is kept, and what is written then is found, too: what leads to
// one of them, to another, or no longer to any.
func TestKeptLinksCatchUp(t *testing.T) {
	a := eager(t)
	observation := func(id string, version int64, patient string) {
		a.put(id, version, fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%s"}}`, patient))
	}
	want := func(total int64) {
		t.Helper()
		params, err := fhir.ParseParams("patient.gender=male")
		a.must(err)
		q, err := search.ParseQuery("Observation", params, search.QueryOptions{})
		a.must(err)
		page, err := a.Search(t.Context(), store.Search{Query: q, Count: true, NoBody: true})
		if err != nil || page.Total != total {
			t.Errorf("total %d, want %d: %v", page.Total, total, err)
		}
	}
	a.put("he", 0, malePatient)
	a.put("she", 0, `{"resourceType":"Patient","gender":"female"}`)
	observation("1", 0, "he")
	observation("2", 0, "he")
	want(2)
	observation("3", 0, "he")
	observation("4", 0, "she")
	want(3)
	observation("1", 1, "she")
	want(2)
	a.put("she", 1, malePatient)
	want(4)
}

// alone is a sorted search of somebody who sees the data of one patient, and of these one
// resource only if that is named.
func (a *author) alone(patient, order string, only ...string) string {
	a.Helper()
	params, err := fhir.ParseParams("_sort=" + order)
	a.must(err)
	q, err := search.ParseQuery("Observation", params, search.QueryOptions{})
	a.must(err)
	sight := &store.Sight{Rest: store.Hidden, Groups: []store.Group{{Name: patient, Is: store.Shown, Patients: []string{patient}}}}
	ask, ids := store.Search{
		Query: q, Limit: 1, Sight: func(string, int64) (*store.Sight, error) { return sight, nil },
		Visible: func(r store.Row) (bool, error) {
			return slices.Equal(r.Facts.Patients, []string{patient}) && (only == nil || slices.Contains(only, r.Ref.ID)), nil
		},
	}, ""
	if only != nil {
		ask.Within = func(string) search.Condition { return search.HasKey{Key: search.IDKey(only[0])} }
	}
	for {
		page, err := a.Search(a.Context(), ask)
		a.must(err)
		for _, m := range page.Matches {
			ids += m.Ref.ID
		}
		if ask.After = page.Next; ask.After == nil {
			return ids
		}
	}
}

// A ranking that is kept is of what one sees, in one order, as it is now.
func TestRankings(t *testing.T) {
	a := eager(t)
	a.choice = plan.RankWhatIsSeen
	put := func(id string, version int64, patient, day int) {
		a.put(id, version, fmt.Sprintf(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%d"},"effectiveDateTime":"2020-01-0%d"}`, patient, day))
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		put(id, 0, i/2, 1+i)
	}
	want := func(first, firstDown, second, secondDown string) {
		t.Helper()
		got := []string{a.alone("Patient/0", "date"), a.alone("Patient/0", "-date"), a.alone("Patient/1", "date"), a.alone("Patient/1", "-date")}
		if want := []string{first, firstDown, second, secondDown}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if got := a.alone("Patient/0", "date", "b"); got != "b" {
		t.Errorf("within what one resource satisfies: %s", got)
	}
	want("ab", "ba", "cd", "dc")
	put("a", 1, 0, 9)
	put("c", 1, 0, 3)
	put("e", 0, 1, 7)
	want("bca", "acb", "de", "ed")
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
