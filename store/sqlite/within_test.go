package sqlite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// withinHouse has 1,300 Observations of 1,300 patients: 200 old ones that are preliminary, and newer
// ones that are final.
func withinHouse(t *testing.T, sets *plan.Sets) *author {
	a := newAuthor(t, open(t, t.TempDir(), options()))
	a.sets = sets
	var writes []store.Write
	for i := range 1300 {
		status, year := "final", 2020
		if i < 200 {
			status, year = "preliminary", 2000
		}
		writes = append(writes, a.version(fmt.Sprintf("o%d", i), 0, within(status, i, year, 1+i%9)))
	}
	_, err := a.Commit(t.Context(), store.Change{Writes: writes, Entry: a.entry()})
	a.must(err)
	return a
}

func within(status string, patient, year, day int) string {
	return fmt.Sprintf(`{"resourceType":"Observation","status":%q,"code":{"text":"x"},"subject":{"reference":"Patient/%d"},"effectiveDateTime":"%d-01-0%d"}`, status, patient, year, day)
}

// askWithin asks for the first of what is preliminary, and gives what that took.
func (a *author) askWithin(query string, limit int) (page store.Page, steps int64) {
	a.Helper()
	params, err := fhir.ParseParams(query)
	a.must(err)
	q, err := search.ParseQuery("Observation", params, search.QueryOptions{})
	a.must(err)
	w := &store.Work{Left: 1 << 40}
	page, err = a.Search(a.Context(), store.Search{
		Query: q, Limit: limit, Work: w, Visible: func(r store.Row) (bool, error) { return r.Within, nil },
		Within: func(string) search.Condition { return search.HasKey{Key: "status=preliminary"} },
	})
	a.must(err)
	return page, 1<<40 - w.Left
}

// A page within what few and far ones satisfy comes from a ranking of those, once searches have
// passed over as much as it costs; it follows what is written, and the record still names others.
func TestPagesWithinComeFromARanking(t *testing.T) {
	a := withinHouse(t, &plan.Sets{Bytes: 1 << 20, Most: 20_000})
	_, before := a.askWithin("_sort=-date", 1)
	steps := before
	for range 9 {
		_, steps = a.askWithin("_sort=-date", 1)
	}
	if steps > before/2 {
		t.Errorf("a page takes %d steps at first, and %d at last", before, steps)
	}
	want := func(ids string) {
		t.Helper()
		page, took := a.askWithin("_sort=-date", 3)
		var found []string
		for _, m := range page.Matches {
			found = append(found, m.Ref.ID)
		}
		if got := strings.Join(found, " "); got != ids || took > before {
			t.Errorf("found %s in %d steps, not %s", got, took, ids)
		}
		if len(page.Selected.Hidden) == 0 || !page.Selected.Broad() {
			t.Errorf("%d are named as hidden", len(page.Selected.Hidden))
		}
	}
	want("o197 o188 o179")
	a.put("o197", 1, within("final", 197, 2000, 9))
	a.put("o188", 1, within("preliminary", 188, 2000, 1))
	a.put("o500", 1, within("preliminary", 500, 2021, 1))
	want("o500 o179 o170")
}

// A search that sets do not answer at once, or that leaves out dates, walks in the index.
func TestSomePagesWithinComeFromNoRanking(t *testing.T) {
	for _, query := range []string{"_sort=-date&date=ge1999", "_sort=-date&subject:Patient._id=o1,o2"} {
		a := withinHouse(t, &plan.Sets{Bytes: 1 << 20, Most: 20_000})
		for range 9 {
			a.askWithin("_sort=-date", 1)
		}
		_, once := a.askWithin(query, 1)
		b := withinHouse(t, &plan.Sets{Bytes: 1 << 20, Most: 20_000})
		b.askWithin(query, 1)
		if _, alone := b.askWithin(query, 1); once < alone/2 {
			t.Errorf("%s: %d steps with a ranking, %d without", query, once, alone)
		}
	}
}

// What is required is known from a set that is kept from the second search on, though it is small.
func TestSmallSetsOfWhatIsRequiredAreKept(t *testing.T) {
	a := withinHouse(t, plan.UsualSets())
	a.askWithin("", 1)
	_, second := a.askWithin("", 1)
	if _, third := a.askWithin("", 1); third >= second {
		t.Errorf("the second page takes %d steps, the third %d", second, third)
	}
	a.put("o0", 1, within("final", 0, 2000, 1))
	if page, _ := a.askWithin("", 1); len(page.Matches) != 1 || page.Matches[0].Ref.ID != "o1" {
		t.Errorf("found %v", page.Matches)
	}
}

// What is required of other resources may change without a write to the type: no set of it is kept.
func TestWhatRestsOnOthersIsNotKept(t *testing.T) {
	a := newAuthor(t, open(t, t.TempDir(), options()))
	a.sets = plan.UsualSets()
	a.put("p", 0, malePatient)
	a.put("o", 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}}`)
	males, err := search.ParseQuery("Patient", []fhir.Param{{Name: "gender", Value: "male"}}, search.QueryOptions{})
	a.must(err)
	chain := search.Chain{Param: "subject", Types: []string{"Patient"}, Where: males.Where}
	q, err := search.ParseQuery("Observation", nil, search.QueryOptions{})
	a.must(err)
	ask := func(want int) {
		t.Helper()
		page, err := a.Search(t.Context(), store.Search{
			Query: q, Limit: 1, Visible: func(r store.Row) (bool, error) { return r.Within || r.Ref.Type == "Patient", nil },
			Within: func(typ string) search.Condition {
				if typ == "Patient" {
					return nil
				}
				return chain
			},
		})
		a.must(err)
		if len(page.Matches) != want {
			t.Errorf("%d matches of %d", len(page.Matches), want)
		}
	}
	for range 3 {
		ask(1)
	}
	a.put("p", 1, `{"resourceType":"Patient","gender":"female"}`)
	ask(0)
}
