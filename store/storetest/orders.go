package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Orders pages through every order of every type of a ward, up and down, with and without
// writes between pages, and compares with the brute-force evaluator. open returns an empty
// store that finds sorted pages in the n-th of its ways.
func Orders(t *testing.T, ways int, open func(t *testing.T, n int) store.Store) {
	for n := range ways {
		t.Run(fmt.Sprint("way ", n), func(t *testing.T) {
			t.Parallel()
			seed := Setting(t, "ACESO_TEST_SEED", rand.Uint64N(1<<40))
			t.Logf("to repeat this: ACESO_TEST_SEED=%d", seed)
			w := newWorld(t, open(t, n))
			w.order(seed)
		})
	}
}

func (w *world) order(seed uint64) {
	a := &asker{author: newAuthor(seed, 16)}
	w.populate(a.author)
	walks, moved := 0, 0
	for _, typ := range wardTypes {
		for _, by := range sortsOf(typ) {
			if testing.Short() && !a.once(3) {
				continue
			}
			text := fmt.Sprintf("%s?_sort=%s", typ, by)
			k := &walk{world: w, text: text, q: w.parse(text), changes: a.once(2)}
			k.visible, k.sight = w.caller(a)
			k.run(a)
			if walks++; k.changes {
				moved++
			}
			if w.Failed() {
				w.Fatalf("walk %d: %s", walks, text)
			}
		}
	}
	if walks < 100 || moved < walks/4 {
		w.Errorf("%d walks, %d of them with writes between pages: they test too little", walks, moved)
	}
}

// sortsOf are the values of _sort for every order of a type, alone and before another.
func sortsOf(typ string) (all []string) {
	var params []string
	for _, p := range kinds[typ] {
		if search.OrderOf(typ, p.Name).In != search.InNone {
			params = append(params, p.Name)
		}
	}
	for i, p := range params {
		all = append(all, p, "-"+p, p+",-"+params[(i+1)%len(params)])
	}
	return all
}

// testSortedPages: a page of a list in a usual order examines what it shows, however many
// come before and after it, of those with a value and of those without.
func testSortedPages(w *world) {
	for i := range 300 {
		date := fmt.Sprintf(`,"effectiveDateTime":"2020-%02d-%02d"`, 1+i%12, 1+i%28)
		if i%10 == 0 {
			date = ""
		}
		w.commit(w.document(fmt.Sprint("o", i), 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"}%s}`, date))
	}
	for i, text := range []string{"Observation?_sort=-date", "Observation?_sort=date", "Observation?_sort=_lastUpdated", "Observation?_sort=-_id", "Observation?_sort=-date", "Observation?_sort=_id"} {
		q := w.parse(text)
		want := w.model.search(q, nil)
		var judged int
		s := store.Search{Query: q, Limit: 10, Visible: func(store.Row) (bool, error) { judged++; return true, nil }}
		if s.Count = i >= 4; s.Count { // what is certain is counted unseen
			s.Sight = func(string, int64) (*store.Sight, error) { return &store.Sight{Free: store.Shown}, nil }
		}
		for n := 0; ; n += s.Limit {
			judged = 0
			page, err := w.store.Search(w.Context(), s)
			w.check(err)
			if got := refs(page.Matches); !slices.Equal(got, want[n:n+len(got)]) {
				w.Fatalf("%s from %d on:\n got %v\nwant %v", text, n, got, want[n:n+len(got)])
			}
			if s.Count && page.Total != int64(len(want)) {
				w.Errorf("%s: total %d, want %d", text, page.Total, len(want))
			}
			if judged > 4*s.Limit {
				w.Errorf("%s: %d were judged for the page after %d", text, judged, n)
			}
			if s.After = page.Next; s.After == nil {
				break
			}
		}
	}
}

// FewWritten is how many resources may be written during a sorted walk of WalksEnd.
const FewWritten = 5

// WalksEnd says in which words a sorted walk ends during which too much was written: more
// than FewWritten in the store that open returns.
func WalksEnd(t *testing.T, open func(*testing.T) store.Store) {
	w := newWorld(t, open(t))
	write := func(from, to int) {
		for i := from; i < to; i++ {
			w.commit(w.document(fmt.Sprint("o", i), 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"effectiveDateTime":"20%02d"}`, i))
		}
	}
	write(10, 20)
	s := store.Search{Query: w.parse("Observation?_sort=date"), Limit: 2}
	first, err := w.store.Search(w.Context(), s)
	w.check(err)
	s.After = first.Next
	write(20, 25)
	if _, err := w.store.Search(w.Context(), s); err != nil {
		t.Errorf("after 5 resources: %v", err)
	}
	write(25, 26)
	_, err = w.store.Search(w.Context(), s)
	var refusal *fhir.Error
	if !errors.As(err, &refusal) || refusal.Kind != fhir.TooCostly || refusal.Detail != strings.ReplaceAll("Since the first page more than … resources of the type were written. Begin again with the first page.", "…", "5") {
		t.Errorf("after 6 resources: %v", err)
	}
}
