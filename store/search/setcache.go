package search

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Sets keeps sets between the searches of one store, so that they need not be gathered again.
// What it keeps is of one snapshot, and each search that uses it adds what was written
// since: no answer depends on it. It may forget at any time.
type Sets struct {
	Bytes int // how much it may hold
	Least int // places; smaller sets are gathered at once
	Most  int // resources written since; after more all is gathered anew

	mu       sync.Mutex
	editions map[string]*edition // by type
	clock    int64
	vain     map[string]int64 // see inVain
}

// UsualSets suits one store.
func UsualSets() *Sets { return &Sets{Bytes: 64 << 20, Least: 1000, Most: 2000} }

// edition is the sets of one type in one snapshot. It is never changed once others can see
// it.
type edition struct {
	mark json.RawMessage
	sets map[string]*keptSet // by subject.name

	from  *edition // what it was made of
	fresh bool     // it has what that has not
}

type keptSet struct {
	set
	entries []Entry // of a ranking
	of      subject
	size    int
	used    int64 // by Sets.clock
	passing bool  // it is of this search only
}

// subject is what a kept set is of.
type subject interface {
	// name is the same for the same set.
	name() string
	// has says whether a resource belongs to it: an undeleted one, unless it is about past ones, too.
	has(*Row) (bool, error)
}

// The subjects: everything, everything deleted, a condition that rests on the resource alone, what is in the
// compartments of a group, and what has one of some marks.
type (
	all       struct{}
	gone      struct{}
	condition struct{ search.Condition }
	member    struct{ *store.Group }
	marked    []string
)

func (all) name() string              { return "" }
func (all) has(*Row) (bool, error)    { return true, nil }
func (gone) name() string             { return "gone" }
func (gone) has(r *Row) (bool, error) { return r.Deleted, nil }
func (c condition) name() string      { return fmt.Sprintf("%#v", c.Condition) }
func (m member) name() string         { return "group " + m.Name }
func (m marked) name() string {
	sum := sha256.Sum256([]byte(strings.Join(m, "\n")))
	return "marked " + string(sum[:])
}

// dead says whether deleted resources may belong to a subject.
func dead(of subject) bool {
	switch of.(type) {
	case gone, pastVersions:
		return true
	}
	return false
}

// has judges a condition. Marks are in no index.
func (c condition) has(r *Row) (bool, error) {
	if h, ok := c.Condition.(search.HasKey); ok && strings.HasPrefix(h.Key, search.RowKey) {
		return marked{h.Key}.has(r)
	}
	index, err := r.Index()
	return err == nil && search.Match(c.Condition, search.Holder{Ref: r.Ref, Index: index}, nil), err
}

func (m marked) has(r *Row) (bool, error) {
	facts, err := r.Facts()
	if err != nil {
		return false, err
	}
	theirs := search.Marks(facts, r.Owner)
	if slices.ContainsFunc(m, search.IsRuled) {
		index, err := r.Index()
		if err != nil {
			return false, err
		}
		theirs = append(theirs, index.Keys...)
	}
	return slices.ContainsFunc(m, func(mark string) bool { return slices.Contains(theirs, mark) }), nil
}

func (m member) has(r *Row) (bool, error) {
	facts, err := r.Facts()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(facts.Patients, func(p string) bool {
		_, in := slices.BinarySearch(m.Patients, p)
		return in
	}), nil
}

// ErrOlder says that the snapshot of a search is older than what is kept. The search begins
// again in a new one.
var ErrOlder = errors.New("search: the snapshot is older than the sets that are kept")

// Fresh runs a search with the sets of a store: again, in a new snapshot, if its own is too
// old, and at last without them.
func (s *Sets) Fresh(search func(*Sets) error) error {
	for range 3 {
		if err := search(s); !errors.Is(err, ErrOlder) {
			return err
		}
	}
	return search(nil)
}

// Forget drops everything, after search keys were written anew.
func (s *Sets) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.editions = nil
}

func (s *Sets) of(typ string) *edition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.editions[typ]
}

func (s *Sets) use(k *keptSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	k.used = s.clock
}

// keep takes over what a search has made, unless another was faster.
func (s *Sets) keep(typ string, e *edition) {
	next := &edition{mark: e.mark, sets: maps.Clone(e.sets)}
	maps.DeleteFunc(next.sets, func(_ string, k *keptSet) bool { return k.passing })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.editions[typ] != e.from {
		return
	}
	if s.editions == nil {
		s.editions = map[string]*edition{}
	}
	next.boundRequired()
	s.editions[typ] = next
	s.shrink()
}

// shrink forgets what was not used for the longest time until the rest fits.
func (s *Sets) shrink() {
	type place struct {
		typ, name string
		*keptSet
	}
	var all []place
	size := 0
	for typ, e := range s.editions {
		for name, k := range e.sets {
			all = append(all, place{typ, name, k})
			size += k.size
		}
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Compare(a.used, b.used) })
	for _, p := range all {
		if size <= s.Bytes {
			return
		}
		old := s.editions[p.typ]
		next := &edition{mark: old.mark, sets: maps.Clone(old.sets)}
		delete(next.sets, p.name)
		s.editions[p.typ] = next
		size -= p.size
	}
}
