package search

import (
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// nameHidden notes whom some of the hidden resources in upper are about, if they match, until
// that is so many that the question singles nobody out.
func (x *searcher) nameHidden(m *matching, hidden set) error {
	sure := hidden
	if !m.exact() {
		sure = within(hidden, m.lower)
	}
	if err := x.nameSure(m.typ, sure); err != nil {
		return err
	}
	doubtful := without(hidden, sure)
	for place := int64(0); !x.selected.broad(); {
		places := after(doubtful, place, glance)
		if len(places) == 0 {
			break
		}
		place = places[len(places)-1]
		for r, err := range x.counting(x.Rows(m.typ, places)) {
			if err != nil {
				return err
			}
			matches, visible, err := x.judge(m, r)
			if err == nil && matches {
				err = x.selected.add(r, visible)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// nameSure is nameHidden for those that match. It looks at some, leaves out what else is of
// these patients and of those whose resources are shown, and goes on with the rest.
func (x *searcher) nameSure(typ string, of set) error {
	if of.IsEmpty() || x.selected.broad() {
		return nil
	}
	free, err := x.gathered(typ, search.HasKey{Key: search.FreeKey})
	if err != nil {
		return err
	}
	rest, known, n := without(of, free), x.selected.visible.list, store.SingledOut+1
	if len(known) > store.SingledOut { // with anybody else the question is a broad one
		known, n = nil, 1
	}
	for ; !rest.IsEmpty(); n = min(4*n, 4*namedFirst) {
		if rest, err = x.notOf(typ, rest, known); err != nil {
			return err
		}
		if known, err = x.patientsOf(typ, rest, sample(rest, n), &x.selected.hidden); err != nil || x.selected.broad() {
			return err
		}
	}
	return nil
}

// notOf leaves out of some resources those of some patients. Where these have very many, and
// only a few are asked about, it leaves out none: to read them is cheaper.
func (x *searcher) notOf(typ string, some set, patients []string) (set, error) {
	if len(patients) == 0 || some.GetCardinality() <= glance/4 {
		return some, nil
	}
	theirs, err := x.theirs(typ, some, patients)
	if err != nil {
		return nil, err
	}
	single, err := x.gathered(typ, search.HasKey{Key: search.RowKey}) // may be others', too
	return without(some, without(theirs, single)), err
}

// theirs are what some patients have, at least of some resources.
func (x *searcher) theirs(typ string, some set, patients []string) (set, error) {
	if n := some.GetCardinality(); n <= 2*glance {
		return x.fewOf(typ, patients, perBrief*int(n))
	}
	live, err := x.live(typ)
	if err != nil {
		return nil, err
	}
	return x.joined(typ, search.CompartmentKey(""), slices.Sorted(slices.Values(patients)), live)
}

// fewOf is what is in the compartments of some patients, nothing if it is more than limit.
func (x *searcher) fewOf(typ string, patients []string, limit int) (set, error) {
	keys := make(search.Any, len(patients))
	for i, p := range patients {
		keys[i] = search.HasKey{Key: search.CompartmentKey(p)}
	}
	if err := x.pass(len(keys) * seekSteps); err != nil {
		return nil, err
	}
	places, err := x.Collect(typ, keys, limit, x.pass)
	if err != nil || len(places) > limit {
		return noPlaces(), err
	}
	return setOf(places), x.skim(len(places))
}

// What it costs to read whose a row is, and how many entries of the index cost as much.
const (
	briefSteps = store.RowSteps / 4
	perBrief   = 16
)

// patientsOf reads whose some resources are, and takes them out of rest.
func (x *searcher) patientsOf(typ string, rest set, places []int64, to *distinct) ([]string, error) {
	var all distinct
	for r, err := range x.Brief(typ, places) {
		if err == nil {
			err = x.pass(briefSteps)
		}
		if err != nil {
			return nil, err
		}
		facts, err := r.Facts()
		if err != nil {
			return nil, err
		}
		for _, p := range facts.Whose() {
			to.add(p)
			all.add(p)
		}
	}
	for _, p := range places {
		rest.Remove(uint64(p))
	}
	slices.Sort(all.list)
	return all.list, nil
}
