package search

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// holds judges a row by its stored index. What one resource alone decides is left
// to fhir.Match, so that there is one meaning of a condition; references are
// followed through visible rows only.
func (x *searcher) holds(c fhir.Condition, r *Row) (bool, error) {
	switch c := c.(type) {
	case fhir.All:
		return x.holdsAll(c, r)
	case fhir.Any:
		for _, m := range c {
			if ok, err := x.holds(m, r); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case fhir.Not:
		ok, err := x.holds(c.C, r)
		return !ok && err == nil, err
	case fhir.Chain:
		return x.holdsChain(c, r)
	case fhir.Reverse:
		return x.holdsReverse(c, r)
	}
	load := r.Index
	switch c.(type) {
	case fhir.InDates, fhir.InNumbers:
		load = r.Ranges
	}
	index, err := load()
	if err != nil {
		return false, err
	}
	return fhir.Match(c, fhir.Holder{Ref: r.Ref, Index: index}, nil), nil
}

func (x *searcher) holdsAll(all []fhir.Condition, r *Row) (bool, error) {
	for _, m := range all {
		if ok, err := x.holds(m, r); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (x *searcher) holdsChain(c fhir.Chain, r *Row) (bool, error) {
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

func (x *searcher) holdsReverse(c fhir.Reverse, r *Row) (bool, error) {
	holds := false
	p := x.joinKeys(c.Type, []fhir.Condition{fhir.HasKey{Key: fhir.RefKey(c.Param, r.Ref)}, c.Where})
	err := x.scan(p, 0, func(*Row) (bool, error) {
		holds = true
		return false, nil
	})
	return holds, err
}
