package search

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/RoaringBitmap/roaring/v2/roaring64"
)

// set is places of one type, compressed. Those that came from elsewhere are never changed:
// others may hold them.
type set = *roaring64.Bitmap

func noPlaces() set { return roaring64.New() }

// gatherer makes a set of places that come in any order, and perhaps several times.
type gatherer struct {
	list  []uint64
	dense []uint64 // one bit for each place from 0 on; nil while that would waste memory
	next  int      // how long list may be before dense is tried
}

// The form that a gatherer chooses. Places of one store are numbered from 1 on, and a set
// of a million of them is made in a fifth of the time in the dense form. Those of another
// are moments.
const (
	listed    = 1 << 14 // places that are always listed
	wasteful  = 64      // words for each place that are too many for the dense form
	highest32 = 1 << 32 // places from here on are always listed
)

func (g *gatherer) add(place int64) {
	p := uint64(place)
	if w := p / 64; w < uint64(len(g.dense)) {
		g.dense[w] |= 1 << (p % 64)
		return
	}
	if g.list = append(g.list, p); len(g.list) >= max(listed, g.next) {
		g.thicken()
	}
}

// thicken moves the list into the dense form if that is worth while.
func (g *gatherer) thicken() {
	top := slices.Max(g.list)
	words := int(top/64) + 1
	if g.next = 2 * len(g.list); top >= highest32 || words > wasteful*len(g.list) && words > 2*len(g.dense) {
		return
	}
	g.dense = append(g.dense, make([]uint64, max(words+words/4-len(g.dense), 0))...)
	for _, p := range g.list {
		g.dense[p/64] |= 1 << (p % 64)
	}
	g.list, g.next = g.list[:0], 0
}

// set ends the gathering.
func (g *gatherer) set() set {
	slices.Sort(g.list)
	g.list = slices.Compact(g.list)
	all := noPlaces()
	if g.dense != nil {
		all = roaring64.Roaring32AsRoaring64(roaring.FromDense(g.dense, true))
	}
	all.AddMany(g.list)
	g.list, g.dense = nil, nil
	return all
}

// setOf is the set of some places.
func setOf(places []int64) set {
	all := noPlaces()
	for _, place := range places {
		all.Add(uint64(place))
	}
	return all
}

// placesOf is the set of the places of some rows.
func placesOf(rows []*Row) set {
	all := noPlaces()
	for _, r := range rows {
		all.Add(uint64(r.Place))
	}
	return all
}

// union is what is in any of some sets.
func union(sets ...set) set {
	all := noPlaces()
	for _, s := range sets {
		if s != nil {
			all.Or(s)
		}
	}
	return all
}

// without is what is in a and not in b; nil is empty.
func without(a, b set) set {
	switch {
	case a == nil:
		return noPlaces()
	case b == nil:
		return a
	}
	return roaring64.AndNot(a, b)
}

// within is what is in both; nil is empty.
func within(a, b set) set {
	if a == nil || b == nil {
		return noPlaces()
	}
	return roaring64.And(a, b)
}

// sample gives up to n places of a set, spread over all of it.
func sample(s set, n int) []int64 {
	size := s.GetCardinality()
	places := make([]int64, 0, min(uint64(n), size))
	if size <= uint64(n) {
		return append(places, after(s, 0, n)...)
	}
	for i := range uint64(n) {
		place, err := s.Select(i * size / uint64(n))
		if err != nil {
			break // there are as many
		}
		places = append(places, int64(place))
	}
	return places
}

// after gives the first n places above one.
func after(s set, place int64, n int) (places []int64) {
	it := s.Iterator()
	it.AdvanceIfNeeded(uint64(place) + 1)
	for len(places) < n && it.HasNext() {
		places = append(places, int64(it.Next()))
	}
	return places
}

func contains(s set, place int64) bool { return s != nil && s.Contains(uint64(place)) }
