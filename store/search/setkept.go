package search

import (
	"maps"

	"github.com/aceso-health/aceso/fhir/search"
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
		x.use(k)
		return k.set, nil
	}
	s, err := x.gather(gather)
	if err != nil {
		return nil, err
	}
	k := &keptSet{set: s, of: of, size: int(s.GetSizeInBytes()) + 2*len(name)}
	if l, is := of.(links); is {
		k.size += l.size()
	}
	if x.Sets == nil || !always(of) && s.GetCardinality() < uint64(x.Sets.Least) || len(name) > longestName {
		k.passing = true
	}
	x.hold(e, name, k)
	return s, nil
}

// always says whether a set is kept however small it is: most searches that use sets ask for it.
func always(of subject) bool {
	switch of := of.(type) {
	case all, answered:
		return true
	case condition:
		h, is := of.Condition.(search.HasKey)
		return is && (h.Key == search.FreeKey || h.Key == search.RowKey)
	}
	return false
}

// hold keeps a set for this search, and unless it is passing for others.
func (x *searcher) hold(e *edition, name string, k *keptSet) {
	e.sets[name] = k
	e.fresh = e.fresh || !k.passing
	x.use(k)
}

func (x *searcher) use(k *keptSet) {
	if x.Sets != nil && !k.passing {
		x.Sets.use(k)
	}
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
		if e.sets[name], err = k.with(x, typ, rows); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// with is the set after some resources have changed.
func (k *keptSet) with(x *searcher, typ string, rows []*Row) (_ *keptSet, err error) {
	next := &keptSet{set: k.Clone(), of: k.of, used: k.used}
	for _, r := range rows {
		has := false
		if !r.Deleted || dead(k.of) {
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
	if next.entries, err = k.again(x, typ, rows, next.set); err != nil {
		return nil, err
	}
	next.size = k.size - int(k.GetSizeInBytes()) + int(next.GetSizeInBytes()) - sizeOf(k.entries) + sizeOf(next.entries)
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
