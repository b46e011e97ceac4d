package sqlite

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// holds judges a row by its stored index. What one resource alone decides is left
// to fhir.Match, so that there is one meaning of a condition; references are
// followed through visible rows only.
func (x *searcher) holds(c fhir.Condition, r *row) (bool, error) {
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
	load := r.loadIndex
	switch c.(type) {
	case fhir.InDates, fhir.InNumbers:
		load = r.loadRanges
	}
	index, err := load()
	if err != nil {
		return false, err
	}
	return fhir.Match(c, fhir.Holder{Ref: r.ref, Index: index}, nil), nil
}

func (x *searcher) holdsAll(all []fhir.Condition, r *row) (bool, error) {
	for _, m := range all {
		if ok, err := x.holds(m, r); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (x *searcher) holdsChain(c fhir.Chain, r *row) (bool, error) {
	index, err := r.loadIndex()
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

func (x *searcher) holdsReverse(c fhir.Reverse, r *row) (bool, error) {
	key, ok := x.key(c.Type, fhir.RefKey(c.Param, r.ref))
	if !ok {
		return false, nil
	}
	holds := false
	p := &plan{typ: c.Type, source: &keySource{x, []keyAt{key}}, rest: []fhir.Condition{c.Where}}
	err := x.scan(p, 0, func(*row) (bool, error) {
		holds = true
		return false, nil
	})
	return holds, err
}
