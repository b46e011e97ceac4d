package search

import (
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
)

// keysTo are the keys, one of which whatever refers to a row by a parameter of a type has.
func keysTo(typ, param string, r *Row) (links search.Any, err error) {
	links = search.Any{search.HasKey{Key: search.RefKey(param, r.Ref)}}
	if !search.IsCanonical(typ, param) {
		return links, nil
	}
	index, err := r.Index()
	if err != nil {
		return nil, err
	}
	for _, k := range search.CanonicalKeys(param, index) {
		links = append(links, search.HasKey{Key: k})
	}
	return links, nil
}

// published visits the visible resources of some types that the canonicals of a row mean,
// until visit says stop.
func (x *searcher) published(r *Row, param string, types []string, visit func(*Row) (bool, error)) error {
	if !search.IsCanonical(r.Ref.Type, param) {
		return nil
	}
	index, err := r.Index()
	if err != nil {
		return err
	}
	for _, c := range index.Canonicals(param) {
		for _, typ := range types {
			more, err := x.publishedAs(typ, c, visit)
			if err != nil || !more {
				return err
			}
		}
	}
	return nil
}

func (x *searcher) publishedAs(typ string, c search.Canonical, visit func(*Row) (bool, error)) (more bool, err error) {
	more = true
	err = x.scan(x.joinKeys(typ, keysOf(c)), 0, func(r *Row) (bool, error) {
		more, err = visit(r)
		return more, err
	})
	if err == nil {
		err = x.count() // to go to the place costs as much as a row
	}
	return more, err
}

func keysOf(c search.Canonical) (all []search.Condition) {
	for _, k := range c.Keys() {
		all = append(all, search.HasKey{Key: k})
	}
	return all
}

// chainTo adds what refers by canonicals to some resources of a type.
func (x *searcher) chainTo(typ, param, target string, of, all, live set) error {
	if !search.IsCanonical(typ, param) {
		return nil
	}
	var rests []string
	prefix := search.CanonicalPrefix(param)
	err := x.read(target, of, func(r *Row) error {
		index, err := r.Index()
		if err == nil {
			for _, k := range search.CanonicalKeys(param, index) {
				rests = append(rests, k[len(prefix):])
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(rests)
	linked, err := x.joined(typ, prefix, slices.Compact(rests), live)
	if err == nil {
		all.Or(linked)
	}
	return err
}

// reverseOf gives the places of a type that the canonicals of some resources mean.
func (x *searcher) reverseOf(typ string, of set, param, target string) (set, error) {
	all := noPlaces()
	if !search.IsCanonical(typ, param) {
		return all, nil
	}
	meant := map[search.Canonical]bool{}
	err := x.read(typ, of, func(r *Row) error {
		index, err := r.Index()
		if err == nil {
			for _, c := range index.Canonicals(param) {
				meant[c] = true
			}
		}
		return err
	})
	for c := range meant {
		if err != nil {
			break
		}
		var b bounds
		if b, err = x.bounds(target, search.All(keysOf(c))); err == nil {
			err = x.read(target, b.upper, func(r *Row) error {
				holds, err := x.holdsAll(keysOf(c), r)
				if holds {
					all.Add(uint64(r.Place))
				}
				return err
			})
		}
	}
	return all, err
}
