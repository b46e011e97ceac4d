package storetest

import (
	"errors"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

func sizeOf(versions []store.Version) (n int64) {
	for _, v := range versions {
		n += v.Weight()
	}
	return n
}

// endsInTime checks that a page has the document that reaches the bytes, and none after it.
func (w *world) endsInTime(page *store.Page, bytes int64) {
	w.Helper()
	n := len(page.Matches)
	if n == 0 && page.Next != nil {
		w.Fatal("an empty page is not the last")
	}
	if n > 1 && sizeOf(page.Matches[:n-1]) >= bytes {
		w.Errorf("%d matches of %d bytes on a page of %d", n, sizeOf(page.Matches), bytes)
	}
	if page.Next != nil && sizeOf(page.Matches)+sizeOf(page.Included) < bytes {
		w.Errorf("a page ends at %d bytes of %d", sizeOf(page.Matches), bytes)
	}
}

// testBytes pages by bytes: pages of a few documents, in any order, add up to the whole.
func testBytes(w *world) {
	g := newGenerator(310, 20)
	w.fill(g)
	for i, by := range append(sorts, nil) {
		for _, bytes := range []int64{1, 400, 2000} {
			typ := types[i%len(types)]
			q := &search.Query{Type: typ, Where: search.All{g.condition(typ, 1)}, Sort: by}
			var got []fhir.Ref
			s := store.Search{Query: q, Visible: hideOthers, Limit: 1000, Bytes: bytes, Count: bytes == 400}
			for {
				page, err := w.store.Search(w.Context(), s)
				w.check(err)
				w.endsInTime(&page, bytes)
				got = append(got, refs(page.Matches)...)
				if s.After = page.Next; page.Next == nil {
					break
				}
			}
			if want := w.model.search(q, hideOthers); !slices.Equal(got, want) {
				w.Errorf("%s sort %v in pages of %d bytes:\n got %v\nwant %v", typ, by, bytes, got, want)
			}
		}
	}
	for _, h := range []store.History{{}, {Type: "Patient", Visible: hideOthers}, {Type: "Patient", ID: g.ref("Patient").ID}} {
		for _, bytes := range []int64{1, 700} {
			h.Limit, h.Bytes, h.Count = 1000, bytes, bytes == 1
			w.walkHistory(h)
			page, err := w.store.History(w.Context(), h)
			w.check(err)
			w.endsInTime(&page, bytes)
		}
	}
}

// testIncludedBytes pages by bytes where matches include others: a page has fewer matches,
// and all that they include. A match that includes more than a page may have is refused.
func testIncludedBytes(w *world) {
	w.ward()
	q := w.parse("Patient?_revinclude=Observation:patient&_sort=_id")
	whole, err := w.store.Search(w.Context(), store.Search{Query: q, Limit: 1000})
	w.check(err)
	bytes := (sizeOf(whole.Matches) + sizeOf(whole.Included)) / 3
	var matches, included []fhir.Ref
	s := store.Search{Query: q, Limit: 1000, Bytes: bytes}
	for pages := 1; ; pages++ {
		page, err := w.store.Search(w.Context(), s)
		w.check(err)
		if size := sizeOf(page.Matches) + sizeOf(page.Included); size >= bytes+1000 {
			w.Errorf("%d bytes on a page of %d", size, bytes)
		}
		matches, included = append(matches, refs(page.Matches)...), append(included, refs(page.Included)...)
		if s.After = page.Next; page.Next == nil {
			if pages < 3 {
				w.Errorf("%d pages", pages)
			}
			break
		}
	}
	byName := func(a, b fhir.Ref) int { return strings.Compare(a.String(), b.String()) }
	all := refs(whole.Included)
	slices.SortFunc(all, byName)
	slices.SortFunc(included, byName)
	if !slices.Equal(matches, refs(whole.Matches)) || !slices.Equal(included, all) {
		w.Errorf("pages do not add up:\n%v\n%v", matches, included)
	}
	_, err = w.store.Search(w.Context(), store.Search{Query: q, Limit: 1000, Bytes: 600})
	var refusal *fhir.Error
	before, after, _ := strings.Cut("One match would include more than … resources, or documents of more bytes than an answer may have. Leave out some _include and _revinclude parameters, or ask for these resources by themselves.", "…")
	if !errors.As(err, &refusal) || refusal.Kind != fhir.TooCostly || !strings.HasPrefix(refusal.Detail, before) || !strings.HasSuffix(refusal.Detail, after) {
		w.Errorf("a match with too much around it: %v", err)
	}
}
