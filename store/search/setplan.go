package search

import (
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// bounds enclose the places for which a condition holds: it certainly holds for lower, and
// certainly not outside of upper. What is between has to be looked at.
type bounds struct{ lower, upper set }

func exactly(s set) bounds { return bounds{s, s} }

// exact says that nothing has to be looked at.
func (b bounds) exact() bool { return b.lower == b.upper }

// with is what is in both.
func (b bounds) with(c bounds) bounds {
	if b.exact() && c.exact() {
		return exactly(within(b.upper, c.upper))
	}
	return bounds{within(b.lower, c.lower), within(b.upper, c.upper)}
}

// glance is how few places are cheaper to look at than to narrow down further.
const glance = 64

// bounds gives those of a condition. Both are within the resources that there are.
func (x *searcher) bounds(typ string, c search.Condition) (b bounds, err error) {
	switch c := c.(type) {
	case search.All:
		return x.boundsOfAll(typ, c)
	case search.Any:
		return x.boundsOfAny(typ, c)
	case search.Not:
		live, err := x.live(typ)
		if err != nil {
			return b, err
		}
		b, err = x.bounds(typ, c.C)
		return bounds{without(live, b.upper), without(live, b.lower)}, err
	case search.Chain:
		s, err := x.setOfChain(typ, c)
		return exactly(s), err
	case search.Reverse:
		s, err := x.setOfReverse(typ, c)
		return exactly(s), err
	}
	if !looksUp(c) {
		live, err := x.live(typ)
		return bounds{noPlaces(), live}, err
	}
	s, err := x.gathered(typ, c)
	if !exact(c) {
		return bounds{noPlaces(), s}, err
	}
	return exactly(s), err
}

// looksUp says whether a reader can gather a condition.
func looksUp(c search.Condition) bool {
	switch c := c.(type) {
	case search.HasKey:
		return drives(c.Key)
	case search.KeyRange:
		param, _ := CutKey(c.From)
		return len(c.To) >= len(param) && c.To[:len(param)] == param
	case search.Contains, search.InDates, search.InNumbers:
		return true
	case search.Any:
		return !slices.ContainsFunc(c, func(m search.Condition) bool { h, ok := m.(search.HasKey); return !ok || !drives(h.Key) })
	}
	return false
}

// boundsOfAll takes probably rare conditions first, and leaves the others for those few
// that are left.
func (x *searcher) boundsOfAll(typ string, all search.All) (b bounds, err error) {
	list := byRank(all)
	if len(list) == 0 {
		live, err := x.live(typ)
		return exactly(live), err
	}
	for i, c := range list {
		one, err := x.bounds(typ, c)
		if err != nil {
			return b, err
		}
		if i == 0 {
			b = one
		} else {
			b = b.with(one)
		}
		if i < len(list)-1 && b.upper.GetCardinality() <= glance && !b.upper.IsEmpty() {
			return bounds{noPlaces(), b.upper}, nil
		}
		if b.upper.IsEmpty() {
			break
		}
	}
	return b, nil
}

func (x *searcher) boundsOfAny(typ string, anyOf search.Any) (b bounds, err error) {
	if looksUp(anyOf) {
		s, err := x.gathered(typ, anyOf)
		return exactly(s), err
	}
	b = exactly(noPlaces())
	for _, c := range anyOf {
		one, err := x.bounds(typ, c)
		if err != nil {
			return b, err
		}
		b = bounds{union(b.lower, one.lower), union(b.upper, one.upper)}
	}
	return b, nil
}

// live are the resources that there are of a type.
func (x *searcher) live(typ string) (set, error) {
	return x.kept(typ, all{}, func(to Sink) error { return x.Live(typ, to) })
}

// seekSteps is what it costs to go to a place of an index to gather what follows.
const seekSteps = store.RowSteps / 4

// gathered is the set of a condition that the reader can look up.
func (x *searcher) gathered(typ string, c search.Condition) (set, error) {
	seeks := 1
	if keys, several := c.(search.Any); several {
		seeks = len(keys)
	}
	return x.kept(typ, condition{c}, func(to Sink) error {
		if err := x.pass(seeks * seekSteps); err != nil {
			return err
		}
		return x.Gather(typ, c, to)
	})
}

// gather makes a set of what a reader gives.
func (x *searcher) gather(from func(Sink) error) (set, error) {
	var g gatherer
	if err := from(Sink{Add: g.add, Pass: x.skim}); err != nil {
		return nil, err
	}
	return g.set(), nil
}

// skimmed is how many entries of an index a reader passes over in one step of work. They
// are much cheaper than rows, and bounded so that a hundred million are not too many.
const skimmed = 16

// skim is pass for entries of an index that are only passed over.
func (x *searcher) skim(entries int) error {
	x.skipped += entries
	steps := x.skipped / skimmed
	x.skipped %= skimmed
	return x.pass(steps)
}
