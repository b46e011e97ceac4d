package sqlite

import (
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
)

// A plan visits the rows of source in the order of rid and keeps those of type
// typ for which all of rest holds.
type plan struct {
	typ    string
	source source
	rest   []fhir.Condition
}

// source gives up to n row ids greater than after, ascending; fewer than n only
// at the end.
type source interface {
	next(after int64, n int) ([]int64, error)
}

// patience is how many row ids of a condition are collected before it counts as
// unselective: first few of each condition, then, if none was that selective, many.
type patience struct{ few, many int }

var usualPatience = patience{few: 256, many: 8192}

// plan chooses what drives a search: the rows that all selective conditions have in
// common. If every condition has many, all rows with the plain keys among them, or
// all rows of the type, are visited in order, so that a page is complete before the
// end is reached. A nil plan has no matches.
func (x *searcher) plan(typ string, where fhir.Condition) (*plan, error) {
	typeID, ok := x.names.id(typ, "")
	if !ok {
		return nil, nil
	}
	all := flatten(nil, where)
	slices.SortStableFunc(all, func(a, b fhir.Condition) int { return rank(a) - rank(b) })
	for _, limit := range []int{x.few, x.many} {
		p, err := x.intersect(typ, all, limit)
		if p != nil || err != nil {
			return p, err
		}
	}
	if p := x.joinKeys(typ, all); p != nil {
		return p, nil
	}
	return &plan{typ, &typeSource{x, typeID}, all}, nil
}

// intersect collects up to limit rows of each condition until few are left that all
// have in common; nil if none was so selective.
func (x *searcher) intersect(typ string, all []fhir.Condition, limit int) (*plan, error) {
	if limit == x.many {
		all = keysLast(all)
	}
	p := &plan{typ: typ}
	var common setSource
	found := false
	for i, c := range all {
		if _, plain := c.(fhir.HasKey); plain && limit == x.many && !found {
			return nil, nil // plain keys alone are joined in order instead
		}
		rids, ok, err := x.collect(typ, c, limit)
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
			common, found = rids, true
		default:
			common = both(common, rids)
		}
		if len(common) <= x.few/4 {
			p.rest = append(p.rest, all[i+1:]...)
			break
		}
	}
	if !found {
		return nil, nil
	}
	p.source = common
	return p, nil
}

// both gives what two sorted lists have in common.
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
func keysLast(all []fhir.Condition) []fhir.Condition {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b fhir.Condition) int {
		_, x := a.(fhir.HasKey)
		_, y := b.(fhir.HasKey)
		switch {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	})
	return all
}

// flatten lists the conditions that must all hold.
func flatten(to []fhir.Condition, c fhir.Condition) []fhir.Condition {
	all, ok := c.(fhir.All)
	if !ok {
		return append(to, c)
	}
	for _, m := range all {
		to = flatten(to, m)
	}
	return to
}

// rank is the order in which conditions are tried: what is probably rare comes first.
func rank(c fhir.Condition) int {
	switch c := c.(type) {
	case fhir.HasKey:
		switch {
		case strings.HasPrefix(c.Key, "_id=") || strings.HasPrefix(c.Key, "¤pt"):
			return 0
		case strings.Contains(c.Key, ">"):
			return 1
		}
		return 2
	case fhir.Any, fhir.KeyRange:
		return 3
	case fhir.InDates, fhir.InNumbers:
		return 4
	case fhir.Chain, fhir.Reverse:
		return 6
	}
	return 5
}

// exact says whether collect gives exactly the rows of a condition and not more.
func exact(c fhir.Condition) bool {
	switch c := c.(type) {
	case fhir.HasKey, fhir.InDates, fhir.InNumbers:
		return true
	case fhir.Any:
		return !slices.ContainsFunc(c, func(m fhir.Condition) bool { return !exact(m) })
	}
	return false
}

// joinKeys drives with up to four plain keys at once.
func (x *searcher) joinKeys(typ string, all []fhir.Condition) *plan {
	p := &plan{typ: typ}
	var keys []keyAt
	for _, c := range all {
		h, ok := c.(fhir.HasKey)
		key, _ := x.key(typ, h.Key) // an unknown key would have been selective
		if !ok || len(keys) == 4 || !drives(key.v) {
			p.rest = append(p.rest, c)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil
	}
	p.source = &keySource{x, keys}
	return p
}

// keyAt is where the rows of a key are in ix.
type keyAt struct {
	p int64
	v string
}

func (x *searcher) key(typ, key string) (keyAt, bool) {
	param, rest := cutKey(key)
	p, ok := x.names.id(typ, param)
	return keyAt{p, rest}, ok
}

// keySource gives the rows that have all of up to four keys.
type keySource struct {
	x    *searcher
	keys []keyAt
}

var keyQueries = [...]string{
	1: "SELECT a.rid FROM ix a WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
	2: "SELECT a.rid FROM ix a CROSS JOIN ix b ON b.rid = a.rid AND b.p = ? AND b.v = ?" +
		" WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
	3: "SELECT a.rid FROM ix a CROSS JOIN ix b ON b.rid = a.rid AND b.p = ? AND b.v = ?" +
		" CROSS JOIN ix c ON c.rid = a.rid AND c.p = ? AND c.v = ?" +
		" WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
	4: "SELECT a.rid FROM ix a CROSS JOIN ix b ON b.rid = a.rid AND b.p = ? AND b.v = ?" +
		" CROSS JOIN ix c ON c.rid = a.rid AND c.p = ? AND c.v = ?" +
		" CROSS JOIN ix d ON d.rid = a.rid AND d.p = ? AND d.v = ?" +
		" WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
}

func (s *keySource) next(after int64, n int) ([]int64, error) {
	args := make([]any, 0, 2*len(s.keys)+2)
	for _, k := range s.keys[1:] {
		args = append(args, k.p, k.v)
	}
	args = append(args, s.keys[0].p, s.keys[0].v, after, n)
	return s.x.rids(n, keyQueries[len(s.keys)], args...)
}

// typeSource gives all current rows of a type.
type typeSource struct {
	x   *searcher
	typ int64
}

func (s *typeSource) next(after int64, n int) ([]int64, error) {
	return s.x.rids(n, "SELECT rid FROM resources WHERE type = ? AND deleted = 0 AND rid > ? ORDER BY rid LIMIT ?", s.typ, after, n)
}

// setSource is a collected list of rows.
type setSource []int64

func (s setSource) next(after int64, n int) ([]int64, error) {
	i, found := slices.BinarySearch(s, after)
	if found {
		i++
	}
	return s[i:min(len(s), i+n)], nil
}

// rids runs a query for row ids.
func (x *searcher) rids(room int, query string, args ...any) ([]int64, error) {
	rids := make([]int64, 0, min(room, 64))
	err := x.each(query, func(st *sqlite.Stmt) error {
		rids = append(rids, st.ColumnInt64(0))
		return nil
	}, args...)
	return rids, err
}
