package search

import (
	"crypto/sha256"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// fewOf says whether n of size places are few enough to go to each of them, instead of
// passing over all in an index.
func fewOf(n, size uint64) bool { return n <= glance || n*50 < size }

// setOfChain finds the visible targets first, then what refers to them.
func (x *searcher) setOfChain(typ string, c search.Chain) (set, error) {
	live, err := x.live(typ)
	if err != nil {
		return nil, err
	}
	all := noPlaces()
	for _, target := range c.Types {
		found, err := x.visibleOf(target, c.Where)
		if err != nil {
			return nil, err
		}
		ids, err := x.idsOf(target, found)
		if err != nil {
			return nil, err
		}
		prefix := search.RefKey(c.Param, fhir.Ref{Type: target})
		linked, err := x.linked(typ, prefix, ids, live)
		if err != nil {
			return nil, err
		}
		all.Or(linked)
		if err := x.chainTo(typ, c.Param, target, found, all, live); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// linked is joined, kept for the next question that leads through the same resources.
func (x *searcher) linked(typ, prefix string, rests []string, live set) (set, error) {
	if len(rests) == 0 {
		return noPlaces(), nil
	}
	return x.kept(typ, newLinks(prefix, rests), func(to Sink) error {
		return x.Joined(typ, prefix, rests, int64(live.GetCardinality()), to)
	})
}

// links is what has a key of prefix and one of rests, which are sorted: the subject of linked.
type links struct {
	prefix string
	rests  []string
	sum    string // of rests
}

func newLinks(prefix string, rests []string) links {
	h := sha256.New()
	for _, rest := range rests {
		io.WriteString(h, rest)
		h.Write([]byte{0})
	}
	return links{prefix, rests, string(h.Sum(nil))}
}

func (l links) name() string { return "links " + l.prefix + l.sum }

func (l links) has(r *Row) (bool, error) {
	index, err := r.Index()
	if err != nil {
		return false, err
	}
	first, _ := slices.BinarySearch(index.Keys, l.prefix)
	for _, key := range index.Keys[first:] {
		rest, has := strings.CutPrefix(key, l.prefix)
		if !has {
			break
		}
		if _, in := slices.BinarySearch(l.rests, rest); in {
			return true, nil
		}
	}
	return false, nil
}

// size is about what the rests take.
func (l links) size() (bytes int) {
	for _, rest := range l.rests {
		bytes += 16 + len(rest)
	}
	return bytes
}

// joined is what has a key of prefix and one of rests, which are sorted.
func (x *searcher) joined(typ, prefix string, rests []string, live set) (set, error) {
	if len(rests) == 0 {
		return noPlaces(), nil
	}
	return x.gather(func(to Sink) error { return x.Joined(typ, prefix, rests, int64(live.GetCardinality()), to) })
}

// idsOf gives the sorted ids of some places.
func (x *searcher) idsOf(typ string, of set) (ids []string, err error) {
	n := of.GetCardinality()
	if n == 0 {
		return nil, nil
	}
	live, err := x.live(typ)
	if err != nil {
		return nil, err
	}
	var places []int64
	if n*8 < live.GetCardinality() || n <= glance {
		places = after(of, 0, int(n))
	}
	ids = make([]string, 0, n)
	err = x.IDs(typ, places, func(place int64, id string) {
		if of.Contains(uint64(place)) {
			ids = append(ids, id)
		}
	}, x.skim)
	slices.Sort(ids)
	return ids, err
}

// setOfReverse finds what refers here first, then what it refers to.
func (x *searcher) setOfReverse(typ string, c search.Reverse) (set, error) {
	from, err := x.visibleOf(c.Type, c.Where)
	if err != nil {
		return nil, err
	}
	meant, err := x.reverseOf(c.Type, from, c.Param, typ)
	if err != nil {
		return nil, err
	}
	ids, err := x.targetsOf(c.Type, from, c.Param, typ)
	if err != nil || len(ids) == 0 {
		return meant, err
	}
	found, err := x.gather(func(to Sink) error { return x.Places(typ, ids, to) })
	if err != nil {
		return nil, err
	}
	live, err := x.live(typ)
	return union(within(found, live), meant), err
}

// targetsOf gives the sorted ids of what some places of a type refer to.
func (x *searcher) targetsOf(typ string, of set, param, target string) ([]string, error) {
	live, err := x.live(typ)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	if n := of.GetCardinality(); !fewOf(n, live.GetCardinality()) {
		prefix := search.RefKey(param, fhir.Ref{Type: target})
		err = x.Targets(typ, prefix, func(p int64) bool { return of.Contains(uint64(p)) }, func(id string) { ids[id] = true }, x.skim)
		return slices.Sorted(maps.Keys(ids)), err
	}
	err = x.read(typ, of, func(r *Row) error {
		index, err := r.Index()
		if err != nil {
			return err
		}
		for _, ref := range index.Targets(param) {
			if ref.Type == target {
				ids[ref.ID] = true
			}
		}
		return nil
	})
	return slices.Sorted(maps.Keys(ids)), err
}

// read reads the rows of a set.
func (x *searcher) read(typ string, at set, visit func(*Row) error) error {
	return x.readAs(x.Rows, typ, at, visit)
}

// readBriefly reads neither documents nor search keys.
func (x *searcher) readBriefly(typ string, at set, visit func(*Row) error) error {
	return x.readAs(x.Brief, typ, at, visit)
}

func (x *searcher) readAs(rows func(string, []int64) iter.Seq2[*Row, error], typ string, at set, visit func(*Row) error) error {
	for from := int64(0); ; {
		places := after(at, from, readAtOnce)
		if len(places) == 0 {
			return nil
		}
		from = places[len(places)-1]
		for r, err := range rows(typ, places) {
			if err != nil {
				return err
			}
			if err := x.count(); err != nil {
				return err
			}
			if err := visit(r); err != nil {
				return err
			}
		}
	}
}

// readAtOnce is how many rows read reads together.
const readAtOnce = 1024
