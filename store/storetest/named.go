package storetest

import (
	"fmt"
	"slices"
	"sync"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

var binary = fhir.Ref{Type: "Binary", ID: "1"}

// naming is a version of a resource whose attachments and references are these.
func (w *world) naming(g *generator, name string, expect int64, contents, references []string) store.Write {
	ref, err := fhir.ParseRef(name)
	w.check(err)
	c := g.write(ref, expect, w.tick())
	c.Facts.Contents, c.Facts.References = contents, references
	return c
}

// named are the types and ids of what names a Binary.
func (w *world) named(ref fhir.Ref, limit int) (names []string) {
	w.Helper()
	all, err := w.store.Naming(w.Context(), ref, limit)
	w.check(err)
	for _, f := range all {
		names = append(names, fmt.Sprint(f.Type, "/", f.ID, " ", len(f.Contents)+len(f.References)))
	}
	slices.Sort(names)
	return names
}

// testNaming: whatever names a Binary, in an attachment or a reference, is found, written
// before it or after it, changed or deleted since.
func testNaming(w *world) {
	g := newGenerator(801, 5)
	w.commit(w.naming(g, "DocumentReference/d", 0, []string{"Binary/1", "Binary/10"}, nil))
	w.commit(g.write(binary, 0, w.tick()))
	w.commit(w.naming(g, "DocumentReference/d", 1, nil, []string{"Patient/1"}), w.naming(g, "Media/m", 0, []string{"Binary/1"}, nil))
	w.commit(w.naming(g, "List/l", 0, nil, []string{"Binary/1", "Binary/2"}), w.naming(g, "Basic/b", 0, []string{"Observation/1"}, []string{"Binary/12"}))
	w.commit(tombstone(w.get(fhir.Ref{Type: "Media", ID: "m"}), w.tick()))
	for _, c := range []struct {
		binary string
		limit  int
		want   []string
	}{
		{"1", 9, []string{"DocumentReference/d 2", "List/l 2", "Media/m 1", "Media/m 1"}},
		{"10", 9, []string{"DocumentReference/d 2"}},
		{"12", 9, []string{"Basic/b 2"}},
		{"13", 9, nil},
	} {
		if got := w.named(fhir.Ref{Type: "Binary", ID: c.binary}, c.limit); !slices.Equal(got, c.want) {
			w.Errorf("Binary/%s is named by %q, want %q", c.binary, got, c.want)
		}
	}
	if got := w.named(binary, 2); len(got) != 2 {
		w.Errorf("limit 2: %q", got)
	}
	failed := w.naming(g, "Media/m", 7, []string{"Binary/13"}, nil)
	if _, err := w.store.Commit(w.Context(), store.Change{Writes: []store.Write{failed}, Entry: w.entry()}); err == nil {
		w.Error("a wrong version was committed")
	}
	if got := w.named(fhir.Ref{Type: "Binary", ID: "13"}, 9); got != nil {
		w.Errorf("what was not written names a Binary: %q", got)
	}
}

// testJudgingSearches: what a visibility function asks does not wait for the searches that
// wait for it.
func testJudgingSearches(w *world) {
	g := newGenerator(802, 5)
	w.commit(g.write(anna, 0, w.tick()), w.naming(g, "Media/m", 0, []string{"Binary/1"}, nil))
	query := &search.Query{Type: anna.Type, Where: search.All{}}
	everything := func(store.Row) (bool, error) { return true, nil }
	judge := func(store.Row) (bool, error) {
		page, err := w.store.Search(w.Context(), store.Search{Query: query, Visible: everything, Limit: 9, Judging: true})
		if err != nil || len(page.Matches) != 1 {
			return false, fmt.Errorf("%d matches: %w", len(page.Matches), err)
		}
		names, err := w.store.Naming(w.Context(), binary, 9)
		return len(names) == 1, err
	}
	var wait sync.WaitGroup
	for range 24 {
		wait.Go(func() {
			page, err := w.store.Search(w.Context(), store.Search{Query: query, Visible: judge, Limit: 9})
			if err != nil || len(page.Matches) != 1 {
				w.Errorf("%d matches: %v", len(page.Matches), err)
			}
		})
	}
	wait.Wait()
}

// testSeen: a record that rests on what another node has changed meanwhile is refused; one
// that rests on what is there now is not.
func testSeen(w, other *world) {
	g := newGenerator(803, 5)
	other.commit(g.write(anna, 0, w.tick()), other.naming(g, "Media/m", 0, []string{"Binary/1"}, nil))
	other.commit(g.write(anna, 1, w.tick()))
	missing := fhir.Ref{Type: "List", ID: "none"}
	for _, c := range []struct {
		seen    store.Seen
		changed bool
	}{
		{store.Seen{Ref: anna, Version: 2, Names: -1}, false},
		{store.Seen{Ref: anna, Version: 1, Names: -1}, true},
		{store.Seen{Ref: anna, Version: 0, Names: -1}, true},
		{store.Seen{Ref: missing, Version: 0, Names: -1}, false},
		{store.Seen{Ref: missing, Version: 1, Names: -1}, true},
		{store.Seen{Ref: binary, Version: 0, Names: 1}, false},
		{store.Seen{Ref: binary, Version: -1, Names: 0}, true},
		{store.Seen{Ref: binary, Version: -1, Names: 2}, true},
		{store.Seen{Ref: binary, Version: 1, Names: 1}, true},
	} {
		err := w.judge(store.Judged{Seen: []store.Seen{{Ref: anna, Version: 2, Names: -1}, c.seen}})
		if !c.changed {
			w.check(err)
		} else {
			w.wantChanged(err)
		}
	}
}
