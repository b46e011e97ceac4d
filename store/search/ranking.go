package search

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"

	"github.com/aceso-health/aceso/store"
)

// A ranking is what somebody may see of a type, or what satisfies what is required of all that
// she may see, in an order. Who sees little of a large type gets pages from it, instead of
// passing over all the rest in an index. It is kept like a set, and is one with entries.

// mostRanked is how many resources a ranking is made of at most.
const mostRanked = 50_000

// ranker is the subject of a ranking.
type ranker interface {
	subject
	// compare orders entries.
	compare(a, b Entry) int
	// rank visits the entries of the resources at some places.
	rank(x *searcher, typ string, of set, visit func(Entry)) error
}

// outlook is what a Sight does not hide.
type outlook struct{ *store.Sight }

// name is the same for those who see the same.
func (o outlook) name() string {
	h := sha256.New()
	fmt.Fprint(h, o.Free, " ", o.Rest)
	for i := range o.Groups {
		if g := &o.Groups[i]; g.Is != o.Rest {
			fmt.Fprintf(h, " %d %q", g.Is, g.Name)
		}
	}
	if o.Marked() {
		fmt.Fprintf(h, " %q %q", o.Barred, o.Needed)
	}
	return string(h.Sum(nil))
}

func (o outlook) has(r *Row) (bool, error) {
	facts, err := r.Facts()
	return err == nil && o.Of(facts, r.Owner) != store.Hidden, err
}

// The rankings: a list in an order, and all versions, newest first.
type (
	sortedList struct {
		subject
		Order // without more than by what
	}
	pastVersions struct{ outlook }
)

func (l sortedList) name() string {
	return fmt.Sprintf("list %s %t %s", l.Param, l.Desc, l.subject.name())
}

func (l sortedList) compare(a, b Entry) int { return l.Compare(a, b) }

func (l sortedList) rank(x *searcher, typ string, of set, visit func(Entry)) error {
	return x.read(typ, of, func(r *Row) error {
		value, err := l.value(r)
		visit(Entry{value, r.Place})
		return err
	})
}

func (p pastVersions) name() string { return "past " + p.outlook.name() }

// has takes all that is deleted for visible: it is judged version by version.
func (p pastVersions) has(r *Row) (bool, error) {
	if r.Deleted {
		return true, nil
	}
	return p.outlook.has(r)
}

func (pastVersions) compare(a, b Entry) int { return bytes.Compare(b.Value, a.Value) }

func (pastVersions) rank(x *searcher, typ string, of set, visit func(Entry)) error {
	for from := int64(0); ; {
		places := after(of, from, readAtOnce)
		if len(places) == 0 {
			return nil
		}
		from = places[len(places)-1]
		if err := x.pass(len(places) * briefSteps); err != nil {
			return err
		}
		err := x.Versions(typ, places, func(v Stamped) { visit(Entry{stampValue(v.Stamp), v.Place}) })
		if err != nil {
			return err
		}
	}
}

// stampValue is a stamp as the value of an entry.
func stampValue(stamp int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(stamp)) }

// stamp is the inverse.
func (e *Entry) stamp() int64 { return int64(binary.BigEndian.Uint64(e.Value)) }

// ranking is one that is kept, nil if it is not.
func (x *searcher) ranking(typ string, of ranker) (*keptSet, error) {
	e, err := x.edition(typ)
	if err != nil {
		return nil, err
	}
	k := e.sets[of.name()]
	if k != nil {
		x.use(k)
	}
	return k, nil
}

// makeRanking makes one of the resources at some places, and keeps it.
func (x *searcher) makeRanking(typ string, of ranker, places set) (*keptSet, error) {
	e, err := x.edition(typ)
	if err != nil {
		return nil, err
	}
	k := &keptSet{set: places, of: of, passing: x.Sets == nil}
	if err := of.rank(x, typ, places, func(e Entry) { k.entries = append(k.entries, e) }); err != nil {
		return nil, err
	}
	slices.SortFunc(k.entries, of.compare)
	x.Sets.notInVain(typ, of)
	k.size = int(places.GetSizeInBytes()) + sizeOf(k.entries)
	x.hold(e, of.name(), k)
	return k, nil
}

// mostVain is of how many rankings and sets it is known how much was done for want of them.
const mostVain = 4096

// inVain adds to what was done in vain, in this search and earlier ones, for want of a ranking or
// a set, and gives it. A ranking is made when as much was passed over as to make it: many who
// pass over little cost as much as one who passes over all.
func (s *Sets) inVain(typ string, of subject, more int64) int64 {
	if s == nil {
		return more
	}
	name := typ + " " + of.name()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.vain) >= mostVain {
		s.vain = nil
	}
	if s.vain == nil {
		s.vain = map[string]int64{}
	}
	if s.vain[name] += more; s.vain[name] == 0 {
		delete(s.vain, name)
		return 0
	}
	return s.vain[name]
}

// notInVain says that there is such a ranking or set from now on.
func (s *Sets) notInVain(typ string, of subject) { s.inVain(typ, of, -s.inVain(typ, of, 0)) }

// sizeOf is about what entries take.
func sizeOf(entries []Entry) (bytes int) {
	for _, e := range entries {
		bytes += 48 + len(e.Value)
	}
	return bytes
}

// again is a ranking after some resources have changed; in are its places now.
func (k *keptSet) again(x *searcher, typ string, rows []*Row, in set) ([]Entry, error) {
	of, ranks := k.of.(ranker)
	if !ranks {
		return nil, nil
	}
	changed := placesOf(rows)
	all := slices.DeleteFunc(slices.Clone(k.entries), func(e Entry) bool { return contains(changed, e.Place) })
	kept := len(all)
	err := of.rank(x, typ, within(changed, in), func(e Entry) { all = append(all, e) })
	if len(all) > kept {
		slices.SortFunc(all, of.compare)
	}
	return all, err
}

// from gives the entries after one; all if that is nil.
func (k *keptSet) from(last *Entry) iter.Seq[Entry] {
	i := 0
	if last != nil {
		var found bool
		if i, found = slices.BinarySearchFunc(k.entries, *last, k.of.(ranker).compare); found {
			i++
		}
	}
	return slices.Values(k.entries[i:])
}
