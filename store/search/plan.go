package search

import (
	"iter"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir/search"
)

// A plan visits rows in the order of their places and keeps those of type typ for
// which all of rest holds.
type plan struct {
	typ  string
	rows func(after int64) iter.Seq2[*Row, error]
	rest []search.Condition
	sure set // places of rows for which rest is known to hold; may be nil

	places  []int64 // sorted, of all rows; nil if they are too many to know
	selects bool    // what is asked for, not what a chain leads through
}

// Patience is how many places a condition may have and still be selective: Few at
// first, then, if all conditions have more, Many. Written is how many resources may be
// written during a sorted walk, 0 for as many as usual. Unseen is how many versions of a type
// a history judges and does not show before it passes over what is certainly hidden.
type Patience struct{ Few, Many, Written, Unseen int }

// UsualPatience suits both many small searches and few large ones.
var UsualPatience = Patience{Few: 256, Many: 8192, Unseen: 64}

// plan chooses what drives a search: the places that all selective conditions share.
// If no condition is selective, it visits all rows with the plain keys among them, or
// all rows of the type, in order, so that a page can be complete before the end.
func (x *searcher) plan(typ string, where search.Condition) (*plan, error) {
	all := byRank(where)
	for _, limit := range []int{x.Patience.Few, x.Patience.Many} {
		p, err := x.intersect(typ, all, limit)
		if p != nil || err != nil {
			return p, err
		}
	}
	return x.joinKeys(typ, all), nil
}

// byRank lists the conditions that must all hold.
func byRank(where search.Condition) []search.Condition {
	all := flatten(nil, where)
	slices.SortStableFunc(all, func(a, b search.Condition) int { return rank(a) - rank(b) })
	return all
}

// intersect collects up to limit places of each condition until the conditions share
// only a few; nil if none was that selective.
func (x *searcher) intersect(typ string, all []search.Condition, limit int) (*plan, error) {
	if limit == x.Patience.Many {
		all = keysLast(all)
	}
	p := &plan{typ: typ}
	var common []int64
	found := false
	for i, c := range all {
		if _, plain := c.(search.HasKey); plain && limit == x.Patience.Many && !found {
			return nil, nil // plain keys alone are joined in order instead
		}
		places, ok, err := x.collect(typ, c, limit)
		if err != nil {
			return nil, err
		}
		if !ok || !exact(c) {
			p.rest = append(p.rest, c)
		}
		switch {
		case !ok:
			continue
		case !found:
			common, found = places, true
		default:
			common = both(common, places)
		}
		if len(common) <= x.Patience.Few/4 {
			p.rest = append(p.rest, all[i+1:]...)
			break
		}
	}
	if !found {
		return nil, nil
	}
	p.places = append([]int64{}, common...)
	p.rows = func(after int64) iter.Seq2[*Row, error] {
		i, there := slices.BinarySearch(common, after)
		if there {
			i++
		}
		return x.Rows(typ, common[i:])
	}
	return p, nil
}

// both gives what two sorted lists share.
func both(a, b []int64) []int64 {
	var common []int64
	for _, n := range a {
		i, found := slices.BinarySearch(b, n)
		if b = b[i:]; found {
			common = append(common, n)
		}
	}
	return common
}

// keysLast moves the plain keys to the end.
func keysLast(all []search.Condition) []search.Condition {
	isKey := func(c search.Condition) bool { _, key := c.(search.HasKey); return key }
	others := slices.DeleteFunc(slices.Clone(all), isKey)
	return append(others, slices.DeleteFunc(slices.Clone(all), func(c search.Condition) bool { return !isKey(c) })...)
}

// flatten lists the conditions that must all hold.
func flatten(to []search.Condition, c search.Condition) []search.Condition {
	all, ok := c.(search.All)
	if !ok {
		return append(to, c)
	}
	for _, m := range all {
		to = flatten(to, m)
	}
	return to
}

// rank is the order in which conditions are tried: probably rare ones first.
func rank(c search.Condition) int {
	switch c := c.(type) {
	case search.HasKey:
		switch {
		case strings.HasPrefix(c.Key, "_id=") || strings.HasPrefix(c.Key, "¤pt"):
			return 0
		case strings.Contains(c.Key, ">"):
			return 1
		}
		return 2
	case search.Any, search.KeyRange:
		return 3
	case search.InDates, search.InNumbers:
		return 4
	case search.Chain, search.Reverse:
		return 6
	}
	return 5
}

// exact says whether collect gives no more than the places of a condition.
func exact(c search.Condition) bool {
	switch c := c.(type) {
	case search.HasKey, search.KeyRange, search.InDates, search.InNumbers, search.Chain, search.Reverse:
		return true
	case search.Any:
		return !slices.ContainsFunc(c, func(m search.Condition) bool { return !exact(m) })
	}
	return false
}

// joinKeys drives with up to four plain keys at once, or with the whole type.
func (x *searcher) joinKeys(typ string, all []search.Condition) *plan {
	p := &plan{typ: typ}
	var keys []string
	for _, c := range all {
		h, ok := c.(search.HasKey)
		if !ok || len(keys) == 4 || !drives(h.Key) {
			p.rest = append(p.rest, c)
			continue
		}
		keys = append(keys, h.Key)
	}
	p.rows = func(after int64) iter.Seq2[*Row, error] { return x.Scan(typ, keys, after) }
	return p
}

func drives(key string) bool {
	_, rest := CutKey(key)
	return Drives(rest)
}
