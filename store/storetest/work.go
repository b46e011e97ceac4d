package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// crowd writes observations that have only a key each.
func (w *world) crowd(n int) {
	w.Helper()
	g := newGenerator(11, 3)
	var writes []store.Write
	for i := range n {
		write := g.write(fhir.Ref{Type: "Observation", ID: fmt.Sprintf("crowd%d", i)}, 0, w.tick())
		write.Index = &search.Index{Keys: []string{fmt.Sprintf("code=%d", i), "code^text", "status=final"}}
		writes = append(writes, write)
	}
	w.commit(writes...)
}

// none is a condition that no row of a crowd satisfies, and with which each must be
// compared n times.
func none(n int) search.Condition {
	var all search.Any
	for i := range n {
		all = append(all, search.KeyRange{From: fmt.Sprintf("code^x%d", i), To: fmt.Sprintf("code^x%d~", i)})
	}
	return search.All{search.HasKey{Key: "status=final"}, search.Not{C: search.Not{C: all}}}
}

func isCostly(err error) bool {
	var refusal *fhir.Error
	return errors.As(err, &refusal) && refusal.Kind == fhir.TooCostly
}

// testWork searches a crowd of 60, within bounds.
func testWork(w *world) {
	w.crowd(60)
	observations := func(where search.Condition) *search.Query { return &search.Query{Type: "Observation", Where: where} }
	keys := search.Any{}
	for i := range 1000 {
		keys = append(keys, search.HasKey{Key: fmt.Sprintf("code=absent%d", i)})
	}
	for _, c := range []struct {
		name   string
		where  search.Condition
		most   int
		costly bool
	}{
		{"every row counts", search.All{}, 59, true},
		{"rows are all that counts, and to find them", search.All{}, 130, false},
		{"each twentieth comparison counts like a row", none(200), 600, true},
		{"comparisons count no more than that", none(200), 1500, false},
		{"a long list of keys is compared with at once", search.Not{C: keys}, 450, false},
		{"keys to look up count", keys, 900, true},
		{"each row that _has is looked for counts", search.All{search.HasKey{Key: "status=final"}, search.Not{C: search.Reverse{Type: "Patient", Param: "x", Where: search.All{}}}}, 100, true},
	} {
		s := store.Search{Query: observations(c.where), Limit: 100, Count: true, Most: c.most}
		if _, err := w.store.Search(w.Context(), s); isCostly(err) != c.costly || !c.costly && err != nil {
			w.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := w.store.History(w.Context(), store.History{Limit: 100, Most: 59}); !isCostly(err) {
		w.Errorf("a history examines more than it may: %v", err)
	}
	work := &store.Work{Left: 150 * store.RowSteps}
	_, first := w.store.Search(w.Context(), store.Search{Query: observations(search.All{}), Limit: 100, Work: work})
	_, second := w.store.History(w.Context(), store.History{Limit: 100, Work: work})
	_, third := w.store.Search(w.Context(), store.Search{Query: observations(search.All{}), Limit: 100, Work: work})
	if first != nil || second != nil || !isCostly(third) {
		w.Errorf("what a request may spend is no bound for all its searches: %v, %v, %v", first, second, third)
	}
	w.turns(observations(none(200)))
}

// turns lets others have a turn during a search, and ends it when there is none.
func (w *world) turns(q *search.Query) {
	turns, none := 0, errors.New("no more turns")
	work := &store.Work{Left: 1 << 40, Turn: func(context.Context) error { turns++; return nil }}
	if _, err := w.store.Search(w.Context(), store.Search{Query: q, Limit: 10, Work: work}); err != nil || turns < 3 {
		w.Errorf("%d turns, %v", turns, err)
	}
	work.Turn = func(context.Context) error { return none }
	if _, err := w.store.Search(w.Context(), store.Search{Query: q, Limit: 10, Work: work}); !errors.Is(err, none) {
		w.Errorf("without a turn a search goes on: %v", err)
	}
}

// testGuardWork commits what depends on conditions that cost too much to search for again
// while all other writers wait.
func testGuardWork(w *world) {
	w.crowd(60)
	guard := func(n int) store.Guard {
		return store.Guard{Query: &search.Query{Type: "Observation", Where: none(n)}}
	}
	one := guard(1000)
	if _, err := w.store.Search(w.Context(), one.Search(store.GuardWork(1))); !isCostly(err) {
		w.Errorf("a condition is decided, whatever it costs: %v", err)
	}
	work := store.GuardWork(30)
	var err error
	for range 30 {
		affordable := guard(500)
		if _, err = w.store.Search(w.Context(), affordable.Search(work)); err != nil {
			break
		}
	}
	if !isCostly(err) {
		w.Errorf("all conditions of a change together are decided, whatever they cost: %v", err)
	}
	g := newGenerator(12, 3)
	commit := func(guards ...store.Guard) error {
		write := g.write(fhir.Ref{Type: "Patient", ID: "guarded"}, 0, w.tick())
		_, err := w.store.Commit(w.Context(), store.Change{Writes: []store.Write{write}, Guards: guards, Entry: w.entry()})
		return err
	}
	w.wantChanged(commit(one))
	var many []store.Guard
	for range 30 {
		many = append(many, guard(500))
	}
	w.wantChanged(commit(many...))
	w.check(commit(guard(3)))
}

// hurt calls do, which panics.
func (w *world) hurt(do func()) {
	w.Helper()
	defer func() {
		if recover() == nil {
			w.Error("nothing has panicked")
		}
	}()
	do()
}

// testPanics lets visibility functions panic more often than any store has connections.
func testPanics(w *world) {
	w.crowd(3)
	panics := func(store.Row) (bool, error) { panic("a fault") }
	all := &search.Query{Type: "Observation", Where: search.All{}}
	for range 40 {
		w.hurt(func() { _, _ = w.store.Search(w.Context(), store.Search{Query: all, Visible: panics, Limit: 1}) })
		w.hurt(func() { _, _ = w.store.History(w.Context(), store.History{Visible: panics, Limit: 1}) })
	}
	g := newGenerator(13, 3)
	var wait sync.WaitGroup
	for i := range 16 {
		write := g.write(fhir.Ref{Type: "Patient", ID: fmt.Sprintf("calm%d", i)}, 0, w.tick())
		c := store.Change{Writes: []store.Write{write}, Entry: w.entry()}
		if i%2 > 0 {
			c.Guards = []store.Guard{{Query: all, Visible: panics}}
		}
		wait.Go(func() {
			_, err := w.store.Commit(w.Context(), c)
			var failed *fhir.Error
			if i%2 > 0 && !(errors.As(err, &failed) && failed.Kind == fhir.Internal) || i%2 == 0 && err != nil {
				w.Errorf("change %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	for i := range 16 {
		_, err := w.store.Get(w.Context(), fhir.Ref{Type: "Patient", ID: fmt.Sprintf("calm%d", i)})
		if written := err == nil; written == (i%2 > 0) {
			w.Errorf("resource %d: %v", i, err)
		}
	}
	w.searched(all, nil)
	page, err := w.store.History(w.Context(), store.History{Limit: 20})
	w.check(err)
	if len(page.Matches) != 3+8 {
		w.Errorf("the history has %d versions", len(page.Matches))
	}
}

// testUnchanged commits under costly conditions, which are searched for again only if a
// type on which they rest was written since.
func testUnchanged(w *world) {
	w.crowd(20)
	g := newGenerator(14, 3)
	looked := 0
	counts := func(store.Row) (bool, error) { looked++; return true, nil }
	chain := search.Chain{Param: "subject", Types: []string{"Device"}, Where: search.HasKey{Key: "identifier=x"}}
	query := &search.Query{Type: "Observation", Where: search.All{search.Any{chain, search.HasKey{Key: "code=3"}, none(500)}}}
	n := 0
	write := func(typ string) store.Write {
		n++
		return g.write(fhir.Ref{Type: typ, ID: fmt.Sprintf("unchanged%d", n)}, 0, w.tick())
	}
	decided := func() store.Guard {
		guard := store.Guard{Query: query, Visible: counts, Want: []fhir.Ref{{Type: "Observation", ID: "crowd3"}}}
		page, err := w.store.Search(w.Context(), guard.Search(nil))
		w.check(err)
		w.check(guard.Check(page, nil))
		guard.At = page.At
		return guard
	}
	commit := func(writes []store.Write, guards ...store.Guard) (searched bool) {
		w.Helper()
		looked = 0
		_, err := w.store.Commit(w.Context(), store.Change{Writes: writes, Guards: guards, Entry: w.entry()})
		w.check(err)
		return looked > 0
	}
	for _, c := range []struct {
		since    string // type written between the decision and the commit
		searched bool
	}{{"", false}, {"Patient", false}, {"Observation", true}, {"Device", true}, {"Encounter", false}} {
		guard := decided()
		if c.since != "" {
			commit([]store.Write{write(c.since)})
		}
		if got := commit([]store.Write{write("Patient")}, guard); got != c.searched {
			w.Errorf("after %q was written, searched again: %v", c.since, got)
		}
	}
	stale := decided()
	other := write("Observation")
	other.Index = &search.Index{Keys: []string{"code=3", "status=final"}}
	commit([]store.Write{other})
	_, err := w.store.Commit(w.Context(), store.Change{Writes: []store.Write{write("Patient")}, Guards: []store.Guard{stale}, Entry: w.entry()})
	w.wantChanged(err)
}
