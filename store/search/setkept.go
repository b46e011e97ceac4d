package search

import (
	"maps"

	"github.com/aceso-health/aceso/store"
)

// longestName is that of a subject whose set is kept.
const longestName = 4096

// kept gives a set from what is kept, or gathers it.
func (x *searcher) kept(typ string, of subject, gather func(Sink) error) (set, error) {
	e, err := x.edition(typ)
	if err != nil {
		return nil, err
	}
	name := of.name()
	if k := e.sets[name]; k != nil {
		if k.of != nil {
			x.Sets.use(k)
		}
		return k.set, nil
	}
	s, err := x.gather(gather)
	if err != nil {
		return nil, err
	}
	k := &keptSet{set: s, of: of, size: int(s.GetSizeInBytes()) + 2*len(name)}
	if _, every := of.(all); x.Sets == nil || !every && s.GetCardinality() < uint64(x.Sets.Least) || len(name) > longestName {
		k.of = nil
	}
	e.sets[name] = k
	e.fresh = e.fresh || k.of != nil
	if k.of != nil {
		x.Sets.use(k)
	}
	return s, nil
}

// edition is that of this search.
func (x *searcher) edition(typ string) (e *edition, err error) {
	if e := x.editions[typ]; e != nil {
		return e, nil
	}
	e = &edition{sets: map[string]*keptSet{}}
	if x.Sets != nil {
		if e, err = x.catchUp(typ, x.Sets.of(typ)); err != nil {
			return nil, err
		}
		if e.mark, err = x.snapshot(); err != nil {
			return nil, err
		}
	}
	if x.editions == nil {
		x.editions = map[string]*edition{}
	}
	x.editions[typ] = e
	return e, nil
}

// catchUp adds what was written since.
func (x *searcher) catchUp(typ string, from *edition) (*edition, error) {
	e := &edition{from: from, sets: map[string]*keptSet{}}
	if from == nil {
		return e, nil
	}
	rows, is, err := x.Since(typ, from.mark, x.Sets.Most)
	switch {
	case err != nil:
		return nil, err
	case is == Later:
		return nil, ErrOlder
	case is == Distant:
		return e, nil
	}
	if err := x.pass(len(rows) * store.RowSteps); err != nil {
		return nil, err
	}
	if e.sets = maps.Clone(from.sets); len(rows) == 0 {
		return e, nil
	}
	e.fresh = true
	for name, k := range e.sets {
		if e.sets[name], err = k.with(rows); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// with is the set after some resources have changed.
func (k *keptSet) with(rows []*Row) (*keptSet, error) {
	next := &keptSet{set: k.Clone(), of: k.of, used: k.used}
	for _, r := range rows {
		has := false
		if !r.Deleted {
			var err error
			if has, err = k.of.has(r); err != nil {
				return nil, err
			}
		}
		if has {
			next.Add(uint64(r.Place))
		} else {
			next.Remove(uint64(r.Place))
		}
	}
	next.size = k.size - int(k.GetSizeInBytes()) + int(next.GetSizeInBytes())
	return next, nil
}

// keepSets hands on what is new.
func (x *searcher) keepSets() {
	if x.Sets == nil {
		return
	}
	for typ, e := range x.editions {
		if e.fresh {
			x.Sets.keep(typ, e)
		}
	}
}
