package storetest

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// searched compares the answer to a query, in one page, with the model.
func (w *world) searched(q *search.Query, visible store.Visible) {
	w.Helper()
	want := w.model.search(q, visible)
	page, err := w.store.Search(w.Context(), store.Search{Query: q, Visible: visible, Limit: 1000, Count: true})
	w.check(err)
	if got := refs(page.Matches); !slices.Equal(got, want) {
		w.Errorf("%s where %#v sort %v:\n got %v\nwant %v", q.Type, q.Where, q.Sort, got, want)
	}
	if page.Total != int64(len(want)) || page.Next != nil {
		w.Errorf("%s where %#v: total %d, next %q, want %d and none", q.Type, q.Where, page.Total, page.Next, len(want))
	}
	if page.Epoch != w.model.epoch {
		w.Errorf("epoch %d, want %d", page.Epoch, w.model.epoch)
	}
	for _, v := range page.Matches {
		all := w.model.of(v.Ref)
		w.same(v, all[len(all)-1])
	}
}

var callers = map[string]store.Visible{"all": nil, "unrestricted": hideRestricted, "own": hideOthers}

func testSearch(w *world) {
	for seed := range uint64(6) {
		g := newGenerator(100+seed, 12)
		if seed == 0 {
			w.fill(g)
		}
		for range 5 {
			w.mutate(g, g.ref(g.pick(types...)))
		}
		for i := range 150 {
			typ := g.pick(types...)
			q := &search.Query{Type: typ, Where: search.All{g.condition(typ, i%4)}}
			if i%3 == 0 {
				q.Where = search.All{g.condition(typ, 1), g.condition(typ, 2)}
			}
			for _, visible := range callers {
				w.searched(q, visible)
			}
		}
	}
	w.searched(&search.Query{Type: "Observation", Where: search.All{}}, hideOthers)
	w.searched(&search.Query{Type: "Observation", Where: search.Any{}}, nil)
	w.searched(&search.Query{Type: "Device", Where: search.All{}}, nil)
	page, err := w.store.Search(w.Context(), store.Search{
		Query: &search.Query{Type: "Patient", Where: search.All{}}, Visible: hideOthers, Count: true, NoBody: true,
	})
	w.check(err)
	if want := len(w.model.search(&search.Query{Type: "Patient", Where: search.All{}}, hideOthers)); page.Total != int64(want) || len(page.Matches) > 0 {
		w.Errorf("counted %d with %d matches, want %d and none", page.Total, len(page.Matches), want)
	}
	broken := func(store.Row) (bool, error) { return false, errBroken }
	if _, err := w.store.Search(w.Context(), store.Search{Query: &search.Query{Type: "Patient", Where: search.All{}}, Visible: broken, Limit: 1}); err == nil {
		w.Error("an error of the visibility function was swallowed")
	}
}

var errBroken = fmt.Errorf("visibility is broken")

var sorts = [][]search.SortBy{
	{{Param: "code"}},
	{{Param: "name", Desc: true}},
	{{Param: "code", Desc: true}, {Param: "name"}},
	{{Param: "_id", Desc: true}},
	{{Param: "_lastUpdated"}},
	{{Param: "_lastUpdated", Desc: true}},
	{{Param: "nothing"}},
}

func testSort(w *world) {
	g := newGenerator(200, 20)
	w.fill(g)
	for _, by := range sorts {
		for _, typ := range types {
			w.searched(&search.Query{Type: typ, Where: search.All{g.condition(typ, 1)}, Sort: by}, hideRestricted)
			w.searched(&search.Query{Type: typ, Where: search.All{}, Sort: by}, nil)
		}
	}
}

func testPages(w *world) {
	g := newGenerator(300, 20)
	w.fill(g)
	for i, by := range append(sorts, nil) {
		for _, limit := range []int{1, 3, 7} {
			typ := types[i%len(types)]
			q := &search.Query{Type: typ, Where: search.All{g.condition(typ, 1)}, Sort: by}
			want := w.model.search(q, hideOthers)
			var got []fhir.Ref
			s := store.Search{Query: q, Visible: hideOthers, Limit: limit, Count: limit == 3}
			for {
				page, err := w.store.Search(w.Context(), s)
				w.check(err)
				got = append(got, refs(page.Matches)...)
				if s.Count && page.Total != int64(len(want)) {
					w.Errorf("total %d on a page, want %d", page.Total, len(want))
				}
				if page.Next == nil {
					break
				}
				if len(page.Matches) != limit {
					w.Fatalf("%d matches on a page of %d that is not the last", len(page.Matches), limit)
				}
				s.After = page.Next
			}
			if !slices.Equal(got, want) {
				w.Errorf("%s sort %v in pages of %d:\n got %v\nwant %v", typ, by, limit, got, want)
			}
		}
	}
	for _, junk := range []string{"", "x", "{", `{"s":"a"}`} {
		_, err := w.store.Search(w.Context(), store.Search{Query: &search.Query{Type: "Patient", Where: search.All{}}, After: []byte(junk), Limit: 1})
		if err == nil {
			w.Errorf("the paging position %q was accepted", junk)
		}
	}
}

// testWalk pages through a search while everything changes. What matches all the time
// must come exactly once, in its old position; nothing may come twice, nor anything
// created later.
func testWalk(w *world) {
	for i, by := range append(sorts, nil) {
		g := newGenerator(400+uint64(i), 25)
		w.fill(g)
		typ := types[i%len(types)]
		q := &search.Query{Type: typ, Where: search.All{search.HasKey{Key: "code?"}}, Sort: by}
		start := w.model.search(q, hideRestricted)
		always := map[fhir.Ref]bool{}
		for _, r := range start {
			always[r] = true
		}
		var got []fhir.Ref
		s := store.Search{Query: q, Visible: hideRestricted, Limit: 4}
		for step := 0; ; step++ {
			page, err := w.store.Search(w.Context(), s)
			w.check(err)
			got = append(got, refs(page.Matches)...)
			if page.Next == nil {
				break
			}
			s.After = page.Next
			for range 6 {
				w.mutate(g, g.ref(typ))
			}
			w.commit(g.write(fhir.Ref{Type: typ, ID: fmt.Sprintf("new-%d-%d", i, step)}, 0, w.tick()))
			now := w.model.search(q, hideRestricted)
			for r := range always {
				if !slices.Contains(now, r) {
					delete(always, r)
				}
			}
		}
		w.walked(got, start, always)
	}
}

func (w *world) walked(got, start []fhir.Ref, always map[fhir.Ref]bool) {
	w.Helper()
	count := map[fhir.Ref]int{}
	for _, r := range got {
		if count[r]++; count[r] > 1 {
			w.Errorf("%s came twice", r)
		}
		if !slices.Contains(start, r) && len(r.ID) > 3 {
			w.Errorf("%s came although it was created during the walk", r)
		}
	}
	var stayed, shown []fhir.Ref
	for _, r := range start {
		if always[r] {
			stayed = append(stayed, r)
		}
	}
	for _, r := range got {
		if always[r] {
			shown = append(shown, r)
		}
	}
	if !reflect.DeepEqual(stayed, shown) {
		w.Errorf("what matched all the time:\n got %v\nwant %v", shown, stayed)
	}
}
