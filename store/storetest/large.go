package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// members are the members of a Group from one number to before another.
func members(from, to int) string {
	var all strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&all, `{"entity":{"reference":"Patient/m%d"}},`, i)
	}
	return `[` + strings.TrimSuffix(all.String(), ",") + `]`
}

// A resource with very many keys is found by each of them and by any two together, and by
// none that it had before.
func testLarge(w *world) {
	const n = 20_000
	group := func(expect int64, code string, from, to int) {
		w.commit(w.document("large", expect, `{"resourceType":"Group","type":"person","actual":true,"code":{"text":"%s"},"member":%s}`, code, members(from, to)))
	}
	w.commit(w.document("small", 0, `{"resourceType":"Group","type":"person","actual":true,"code":{"text":"first"},"member":%s}`, members(0, 3)))
	group(0, "first", 0, n)
	w.commit(w.document("after", 0, `{"resourceType":"Group","type":"person","actual":true,"code":{"text":"first"},"member":%s}`, members(2, 5)))
	w.finds("Group?member=Patient/m19999", "large")
	w.finds("Group?member=Patient/m1", "small", "large")
	w.finds("Group?member=Patient/m2&_sort=-_id", "small", "large", "after")
	w.finds("Group?member=Patient/m1&member=Patient/m19999&type=person", "large")
	w.finds("Group?member=Patient/m1,Patient/m19999&code:text=first", "small", "large")
	w.finds("Group?type=person&member=Patient/m19999", "large")
	w.finds("Group?type=person&code:text=first", "small", "large", "after")
	w.costsItsKeys()
	group(1, "second", 5, n-1)
	w.finds("Group?member=Patient/m19999")
	w.finds("Group?member=Patient/m1", "small")
	w.finds("Group?member=Patient/m19998&code:text=second", "large")
	w.finds("Group?member=Patient/m2,Patient/m19998", "small", "large", "after")
	group(2, "third", 0, 4)
	w.finds("Group?member=Patient/m19998")
	w.finds("Group?member=Patient/m3", "large", "after")
	group(3, "fourth", 0, n)
	w.commit(tombstone(w.get(fhir.Ref{Type: "Group", ID: "large"}), w.tick()))
	w.finds("Group?member=Patient/m19999")
	w.finds("Group?member=Patient/m0&type=person", "small")
	w.walkHistory(store.History{Type: "Group", Limit: 2, Count: true})
}

// finds compares the ids of what a search finds, whatever plan it follows.
func (w *world) finds(text string, want ...string) {
	w.Helper()
	page, err := w.store.Search(w.Context(), store.Search{Query: w.parse(text), Limit: 100, Count: true})
	w.check(err)
	var got []string
	for _, v := range page.Matches {
		got = append(got, v.Ref.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || page.Total != int64(len(want)) {
		w.Errorf("%s finds %v, total %d, want %v", text, got, page.Total, want)
	}
}

// costsItsKeys says that to decode very many keys counts as more than a row.
func (w *world) costsItsKeys() {
	w.Helper()
	_, err := w.store.Search(w.Context(), store.Search{Query: w.parse("Group?code:not=x"), Limit: 100, Most: 150})
	var refusal *fhir.Error
	if !errors.As(err, &refusal) || refusal.Kind != fhir.TooCostly {
		w.Errorf("a search that decodes 40,000 keys may examine 150 rows: %v", err)
	}
}
