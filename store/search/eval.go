package search

import (
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
)

// holds judges a row by its stored index. search.Match, the one definition of what a
// condition means, judges what a single resource decides; references are followed
// through visible rows only.
func (x *searcher) holds(c search.Condition, r *Row) (bool, error) {
	switch c := c.(type) {
	case search.All:
		return x.holdsAll(c, r)
	case search.Any:
		for _, m := range c {
			if ok, err := x.holds(m, r); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case search.Not:
		ok, err := x.holds(c.C, r)
		return !ok && err == nil, err
	case search.Chain:
		return x.holdsChain(c, r)
	case search.Reverse:
		return x.holdsReverse(c, r)
	}
	load := r.Index
	switch c.(type) {
	case search.InDates, search.InNumbers:
		load = r.Ranges
	}
	index, err := load()
	if err != nil {
		return false, err
	}
	return search.Match(c, search.Holder{Ref: r.Ref, Index: index}, nil), nil
}

func (x *searcher) holdsAll(all []search.Condition, r *Row) (bool, error) {
	for _, m := range all {
		if ok, err := x.holds(m, r); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (x *searcher) holdsChain(c search.Chain, r *Row) (bool, error) {
	index, err := r.Index()
	if err != nil {
		return false, err
	}
	for _, ref := range index.Targets(c.Param) {
		if !slices.Contains(c.Types, ref.Type) {
			continue
		}
		target, err := x.find(ref)
		if err != nil {
			return false, err
		}
		if target == nil {
			continue
		}
		if ok, err := x.holds(c.Where, target); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (x *searcher) holdsReverse(c search.Reverse, r *Row) (bool, error) {
	holds := false
	p := x.joinKeys(c.Type, []search.Condition{search.HasKey{Key: search.RefKey(c.Param, r.Ref)}, c.Where})
	err := x.scan(p, 0, func(*Row) (bool, error) {
		holds = true
		return false, nil
	})
	return holds, err
}
