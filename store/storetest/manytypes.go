package storetest

import (
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// testManyTypes walks over several types whose resources have the same ids, in pages of any
// size and in every order.
func testManyTypes(w *world) {
	var writes []store.Write
	for i := range 4 {
		for _, typ := range []string{"Group", "Patient", "Location"} {
			text := `{"resourceType":"%s"}`
			if typ == "Group" {
				text = `{"resourceType":"%s","type":"person","actual":true}`
			}
			writes = append(writes, w.document(fmt.Sprint("same", i), 0, text, typ))
		}
	}
	w.commit(writes...)
	for _, sort := range []string{"", "_id", "-_id", "_lastUpdated", "-_lastUpdated"} {
		q, err := w.parsed("?_type=Patient,Group,Location" + map[bool]string{true: "&_sort=" + sort}[sort != ""])
		w.check(err)
		want := w.model.search(q, nil)
		for limit := 1; limit < 6; limit++ {
			w.walkTypes(q, limit, names(want))
		}
	}
}

func (w *world) walkTypes(q *search.Query, limit int, want []string) {
	w.Helper()
	var got []string
	s := store.Search{Query: q, Limit: limit, Count: limit%2 == 0}
	for {
		page, err := w.store.Search(w.Context(), s)
		w.check(err)
		if s.Count && page.Total != int64(len(want)) {
			w.Errorf("total %d, want %d", page.Total, len(want))
		}
		got = append(got, names(refs(page.Matches))...)
		if s.After = page.Next; s.After == nil {
			break
		}
	}
	if !slices.Equal(got, want) {
		w.Errorf("by %v, %d at once:\n got %v\nwant %v", q.Sort, limit, got, want)
	}
}
