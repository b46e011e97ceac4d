package sqlite

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// FuzzLink: whatever a paging link holds, a search and a history answer it, or say that it
// cannot be used.
func FuzzLink(f *testing.F) {
	s, err := Open(f.Context(), f.TempDir(), options())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	sealer, err := storetest.NewSealer()
	if err != nil {
		f.Fatal(err)
	}
	for i := range 5 {
		doc, err := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"Patient","name":[{"family":"F%d"}],"birthDate":"197%d"}`, i, i))
		if err == nil {
			doc, err = doc.Stamp(fmt.Sprint("p", i), 1, time.Now())
		}
		if err != nil {
			f.Fatal(err)
		}
		index, facts, err := search.Describe(doc, "")
		if err != nil {
			f.Fatal(err)
		}
		entry, err := storetest.Record(sealer, "create", "C", 201)
		if err != nil {
			f.Fatal(err)
		}
		w := store.Write{Ref: fhir.Ref{Type: "Patient", ID: doc.ID()}, LastUpdated: doc.LastUpdated(), Method: "POST", Body: doc.Bytes(), Hash: doc.Hash(), Index: index, Facts: facts}
		if _, err := s.Commit(f.Context(), store.Change{Writes: []store.Write{w}, Entry: entry}); err != nil {
			f.Fatal(err)
		}
	}
	sorts := [][]search.SortBy{nil, {{Param: "birthdate"}}, {{Param: "family", Desc: true}}, {{Param: "_id"}, {Param: "gender"}}, {{Param: "_lastUpdated", Desc: true}}}
	query := func(n uint8) *search.Query {
		return &search.Query{Type: "Patient", Where: search.All{}, Sort: sorts[int(n)%len(sorts)]}
	}
	for i := range sorts {
		page, err := s.Search(f.Context(), store.Search{Query: query(uint8(i)), Limit: 2})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), page.Next)
	}
	past, err := s.History(f.Context(), store.History{Type: "Patient", Limit: 2, Visible: func(store.Row) (bool, error) { return true, nil }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(0), past.Next)
	f.Add(uint8(1), []byte(`{"m":{"s":9e18,"l":-1},"p":1,"v":["/w=="]}`))
	f.Fuzz(func(t *testing.T, n uint8, after []byte) {
		_, err := s.Search(t.Context(), store.Search{Query: query(n), Limit: 2, After: after, Count: n > 100})
		_, failed := s.History(t.Context(), store.History{Type: "Patient", Limit: 2, After: after, Visible: func(store.Row) (bool, error) { return true, nil }})
		for _, err := range []error{err, failed} {
			var known *fhir.Error
			if err != nil && (!errors.As(err, &known) || known.Kind != fhir.Invalid) {
				t.Errorf("%d %q: %v", n, after, err)
			}
		}
	})
}
