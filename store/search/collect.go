package search

import (
	"maps"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// collect gives the sorted places of a type that may satisfy a condition, and misses
// none that does. ok is false if there are more than limit or if the condition cannot
// be looked up (a negation).
func (x *searcher) collect(typ string, c search.Condition, limit int) (places []int64, ok bool, err error) {
	switch c := c.(type) {
	case search.HasKey:
		if !drives(c.Key) {
			return nil, false, nil
		}
		return x.lookUp(typ, c, limit)
	case search.KeyRange:
		if param, _ := CutKey(c.From); !strings.HasPrefix(c.To, param) {
			return nil, false, nil
		}
		return x.lookUp(typ, c, limit)
	case search.Contains, search.InDates, search.InNumbers:
		return x.lookUp(typ, c, limit)
	case search.All:
		return x.collectAll(typ, c, limit)
	case search.Any:
		return x.collectAny(typ, c, limit)
	case search.Chain:
		return x.collectChain(typ, c, limit)
	case search.Reverse:
		return x.collectReverse(typ, c, limit)
	}
	return nil, false, nil
}

// lookUp collects the places of a condition that the store can look up. To go to a place
// of an index costs as much as a row.
func (x *searcher) lookUp(typ string, c search.Condition, limit int) (places []int64, ok bool, err error) {
	seeks := 1
	if keys, several := c.(search.Any); several {
		seeks = len(keys)
	}
	if err := x.pass(seeks * store.RowSteps); err != nil {
		return nil, false, err
	}
	places, err = x.Collect(typ, c, limit, x.pass)
	if err != nil || len(places) > limit {
		return nil, false, err
	}
	slices.Sort(places)
	return slices.Compact(places), true, nil
}

// collectAll takes the member with the fewest places.
func (x *searcher) collectAll(typ string, all search.All, limit int) (best []int64, ok bool, err error) {
	for _, m := range all {
		places, fits, err := x.collect(typ, m, limit)
		if err != nil {
			return nil, false, err
		}
		if fits && (!ok || len(places) < len(best)) {
			best, ok = places, true
		}
	}
	return best, ok, nil
}

// collectAny unites the members; one that cannot be looked up spoils it.
func (x *searcher) collectAny(typ string, anyOf search.Any, limit int) (all []int64, ok bool, err error) {
	if !slices.ContainsFunc(anyOf, func(m search.Condition) bool { h, ok := m.(search.HasKey); return !ok || !drives(h.Key) }) {
		return x.lookUp(typ, anyOf, limit)
	}
	for _, m := range anyOf {
		places, fits, err := x.collect(typ, m, limit)
		if err != nil || !fits {
			return nil, false, err
		}
		if all = append(all, places...); len(all) > limit {
			return nil, false, nil
		}
	}
	slices.Sort(all)
	return slices.Compact(all), true, nil
}

// collectChain finds the targets first, then what refers to them.
func (x *searcher) collectChain(typ string, c search.Chain, limit int) (all []int64, ok bool, err error) {
	if limit == x.Patience.Few {
		return nil, false, nil // only if nothing cheaper is selective
	}
	var links search.Any
	for _, target := range c.Types {
		fits, err := x.allOf(target, c.Where, x.Patience.Few, func(r *Row) error {
			some, err := keysTo(typ, c.Param, r)
			links = append(links, some...)
			return err
		})
		if err != nil || !fits {
			return nil, false, err
		}
	}
	return x.lookUp(typ, links, limit)
}

// collectReverse finds what refers here first, then what it refers to.
func (x *searcher) collectReverse(typ string, c search.Reverse, limit int) (all []int64, ok bool, err error) {
	if limit == x.Patience.Few || search.IsCanonical(c.Type, c.Param) {
		return nil, false, nil
	}
	targets := map[fhir.Ref]bool{}
	fits, err := x.allOf(c.Type, c.Where, limit, func(r *Row) error {
		index, err := r.Index()
		if err != nil {
			return err
		}
		for _, ref := range index.Targets(c.Param) {
			if ref.Type == typ {
				targets[ref] = true
			}
		}
		return nil
	})
	if err != nil || !fits {
		return nil, false, err
	}
	return x.placesOf(slices.Collect(maps.Keys(targets)))
}

// placesOf gives the places of the visible ones among some resources.
func (x *searcher) placesOf(refs []fhir.Ref) (all []int64, ok bool, err error) {
	if err := x.announce(refs); err != nil {
		return nil, false, err
	}
	for _, ref := range refs {
		target, err := x.find(ref)
		if err != nil {
			return nil, false, err
		}
		if target != nil {
			all = append(all, target.Place)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), true, nil
}

// allOf visits the visible rows of a type for which a condition holds, up to a limit. It
// keeps none of them: they may be thousands.
func (x *searcher) allOf(typ string, where search.Condition, limit int, visit func(*Row) error) (ok bool, err error) {
	p, err := x.plan(typ, where)
	if err != nil {
		return false, err
	}
	found := 0
	most := x.spent.steps + int64(4*x.Patience.Many*store.RowSteps)
	err = x.scan(p, 0, func(r *Row) (bool, error) {
		found++
		return found <= limit && x.spent.steps < most, visit(r)
	})
	return found <= limit && x.spent.steps < most, err
}
