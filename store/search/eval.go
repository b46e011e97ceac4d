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
		if set := x.keySet(c); set != nil {
			return x.hasOne(set, r)
		}
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
	x.spent.steps++ // looked at with the next row
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

// manyKeys is from how many alternatives on it is cheaper to look for the keys of a row
// among them than for each of them in the row.
const manyKeys = 8

// keySet is a long list of alternative keys, sorted.
type keySet []string

// keySet is nil for a short list, and for one that has not only keys.
func (x *searcher) keySet(c search.Any) keySet {
	if len(c) < manyKeys {
		return nil
	}
	set, known := x.sets[&c[0]]
	if known {
		return set
	}
	for _, m := range c {
		k, ok := m.(search.HasKey)
		if !ok {
			set = nil
			break
		}
		set = append(set, k.Key)
	}
	slices.Sort(set)
	if x.sets == nil {
		x.sets = map[*search.Condition]keySet{}
	}
	x.sets[&c[0]] = set
	return set
}

// hasOne says whether a row has one of the keys, as search.Match does.
func (x *searcher) hasOne(set keySet, r *Row) (bool, error) {
	index, err := r.Index()
	if err != nil {
		return false, err
	}
	first, _ := slices.BinarySearch(index.Keys, set[0])
	for _, k := range index.Keys[first:] {
		x.spent.steps++
		if k > set[len(set)-1] {
			break
		}
		if _, found := slices.BinarySearch(set, k); found {
			return true, nil
		}
	}
	return false, nil
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
	holds := false
	err = x.published(r, c.Param, c.Types, func(target *Row) (bool, error) {
		holds, err = x.holds(c.Where, target)
		return !holds, err
	})
	return holds, err
}

func (x *searcher) holdsReverse(c search.Reverse, r *Row) (bool, error) {
	holds := false
	if err := x.count(); err != nil { // to go to the place costs as much as a row
		return false, err
	}
	links, err := keysTo(c.Type, c.Param, r)
	for _, link := range links {
		if holds || err != nil {
			break
		}
		err = x.scan(x.joinKeys(c.Type, []search.Condition{link, c.Where}), 0, func(*Row) (bool, error) {
			holds = true
			return false, nil
		})
	}
	return holds, err
}
