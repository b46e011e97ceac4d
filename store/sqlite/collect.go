package sqlite

import (
	"math"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// collect gives the rows of a type that a condition may hold for, sorted; every
// row for which it holds is among them. ok is false if there are more than limit
// or if the condition has no rows of its own (a negation).
func (x *searcher) collect(typ string, c fhir.Condition, limit int) (rids []int64, ok bool, err error) {
	switch c := c.(type) {
	case fhir.HasKey:
		key, known := x.key(typ, c.Key)
		if !known {
			return nil, true, nil
		}
		if !drives(key.v) {
			return nil, false, nil
		}
		rids, err = x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v = ? ORDER BY rid LIMIT ?", key.p, key.v, limit+1)
		return rids, len(rids) <= limit, err // in order and unique already
	case fhir.KeyRange:
		rids, err = x.collectRange(typ, c, limit)
	case fhir.Contains:
		rids, err = x.collectContains(typ, c, limit)
	case fhir.InDates:
		rids, err = x.collectDates(typ, c, limit)
	case fhir.InNumbers:
		rids, err = x.collectNumbers(typ, c, limit)
	case fhir.All:
		return x.collectAll(typ, c, limit)
	case fhir.Any:
		return x.collectAny(typ, c, limit)
	case fhir.Chain:
		return x.collectChain(typ, c, limit)
	case fhir.Reverse:
		return x.collectReverse(typ, c, limit)
	default:
		return nil, false, nil
	}
	if err != nil || len(rids) > limit {
		return nil, false, err
	}
	slices.Sort(rids)
	return slices.Compact(rids), true, nil
}

// collectRange finds keys by prefix. Both ends belong to one parameter.
func (x *searcher) collectRange(typ string, c fhir.KeyRange, limit int) ([]int64, error) {
	param, from := cutKey(c.From)
	p, ok := x.names.id(typ, param)
	if !ok {
		return nil, nil
	}
	if len(c.To) < len(param) || c.To[:len(param)] != param {
		return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= ? LIMIT ?", p, from, limit+1)
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= ? AND v < ? LIMIT ?", p, from, c.To[len(param):], limit+1)
}

func (x *searcher) collectContains(typ string, c fhir.Contains, limit int) ([]int64, error) {
	p, ok := x.names.id(typ, c.Param)
	if !ok {
		return nil, nil
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= '^' AND v < '_' AND instr(v, ?) > 0 LIMIT ?", p, c.Needle, limit+1)
}

// dateSpan is the part of the index on lo that can hold matches: intervals of
// class k are narrower than 2^k, so one that ends after a time begins at most
// that long before it.
func dateSpan(c fhir.InDates, class int64) (from, to int64) {
	wide := int64(math.MaxInt64)
	if class < 63 {
		wide = int64(1)<<class - 1
	}
	back := func(t int64) int64 {
		if class > 63 || t < math.MinInt64+wide {
			return math.MinInt64
		}
		return t - wide
	}
	switch c.Prefix {
	case fhir.Eq:
		return c.Lo, c.Hi
	case fhir.Gt:
		return back(c.Hi), math.MaxInt64
	case fhir.Ge:
		return min(back(c.Hi), c.Lo), math.MaxInt64
	case fhir.Sa:
		return c.Hi, math.MaxInt64
	case fhir.Lt, fhir.Eb:
		return math.MinInt64, c.Lo
	case fhir.Le:
		return math.MinInt64, max(c.Lo, c.Hi)
	case fhir.Ap:
		return back(c.Lo), c.Hi
	}
	return math.MinInt64, math.MaxInt64
}

// compareSQL says in SQL what the prefixes mean; ?1 and ?2 are the search range.
var compareSQL = map[fhir.Prefix]string{
	fhir.Eq: "?1 <= lo AND hi <= ?2",
	fhir.Ne: "NOT (?1 <= lo AND hi <= ?2)",
	fhir.Gt: "hi > ?2",
	fhir.Lt: "lo < ?1",
	fhir.Ge: "(hi > ?2 OR (?1 <= lo AND hi <= ?2))",
	fhir.Le: "(lo < ?1 OR (?1 <= lo AND hi <= ?2))",
	fhir.Sa: "lo > ?2",
	fhir.Eb: "hi < ?1",
	fhir.Ap: "lo <= ?2 AND ?1 <= hi",
}

func (x *searcher) collectDates(typ string, c fhir.InDates, limit int) ([]int64, error) {
	param, u := cutKey(c.Param)
	p, ok := x.names.id(typ, param)
	if !ok {
		return nil, nil
	}
	var all []int64
	for class := int64(-1); ; {
		next, err := x.rids(1, "SELECT class FROM dates WHERE p = ? AND u = ? AND class > ? ORDER BY class LIMIT 1", p, u, class)
		if err != nil || len(next) == 0 {
			return all, err
		}
		class = next[0]
		from, to := dateSpan(c, class)
		rids, err := x.rids(limit, "SELECT rid FROM dates WHERE p = ?3 AND u = ?4 AND class = ?5 AND lo >= ?6 AND lo <= ?7 AND "+
			compareSQL[c.Prefix]+" LIMIT ?8", c.Lo, c.Hi, p, u, class, from, to, limit+1)
		if all = append(all, rids...); err != nil || len(all) > limit {
			return all, err
		}
	}
}

func (x *searcher) collectNumbers(typ string, c fhir.InNumbers, limit int) ([]int64, error) {
	param, u := cutKey(c.Param)
	p, ok := x.names.id(typ, param)
	if !ok {
		return nil, nil
	}
	from, to := "", ""
	switch c.Prefix {
	case fhir.Eq, fhir.Le, fhir.Lt, fhir.Eb, fhir.Ap:
		to = " AND lo <= max(?1, ?2)"
	}
	switch c.Prefix {
	case fhir.Eq:
		from = " AND lo >= ?1"
	case fhir.Sa:
		from = " AND lo > ?2"
	}
	return x.rids(limit, "SELECT rid FROM numbers WHERE p = ?3 AND u = ?4"+from+to+" AND "+compareSQL[c.Prefix]+" LIMIT ?5",
		c.Lo, c.Hi, p, u, limit+1)
}

// collectAll takes the member with the fewest rows.
func (x *searcher) collectAll(typ string, all fhir.All, limit int) (best []int64, ok bool, err error) {
	for _, m := range all {
		rids, fits, err := x.collect(typ, m, limit)
		if err != nil {
			return nil, false, err
		}
		if fits && (!ok || len(rids) < len(best)) {
			best, ok = rids, true
		}
	}
	return best, ok, nil
}

// collectAny unites the members; one without rows of its own spoils it.
func (x *searcher) collectAny(typ string, anyOf fhir.Any, limit int) (all []int64, ok bool, err error) {
	for _, m := range anyOf {
		rids, fits, err := x.collect(typ, m, limit)
		if err != nil || !fits {
			return nil, false, err
		}
		if all = append(all, rids...); len(all) > limit {
			return nil, false, nil
		}
	}
	slices.Sort(all)
	return slices.Compact(all), true, nil
}

// collectChain finds the targets first, then what refers to them.
func (x *searcher) collectChain(typ string, c fhir.Chain, limit int) (all []int64, ok bool, err error) {
	if limit == x.few {
		return nil, false, nil // only if nothing cheaper is selective
	}
	for _, target := range c.Types {
		refs, fits, err := x.refsOf(target, c.Where, x.few)
		if err != nil || !fits {
			return nil, false, err
		}
		for _, r := range refs {
			rids, fits, err := x.collect(typ, fhir.HasKey{Key: fhir.RefKey(c.Param, r.ref)}, limit-len(all))
			if err != nil || !fits {
				return nil, false, err
			}
			all = append(all, rids...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), true, nil
}

// collectReverse finds what refers here first, then what it refers to.
func (x *searcher) collectReverse(typ string, c fhir.Reverse, limit int) (all []int64, ok bool, err error) {
	if limit == x.few {
		return nil, false, nil
	}
	refs, fits, err := x.refsOf(c.Type, c.Where, limit)
	if err != nil || !fits {
		return nil, false, err
	}
	for _, r := range refs {
		index, err := r.loadIndex()
		if err != nil {
			return nil, false, err
		}
		for _, ref := range index.Targets(c.Param) {
			if ref.Type != typ {
				continue
			}
			target, err := x.find(ref)
			if err != nil {
				return nil, false, err
			}
			if target != nil {
				all = append(all, target.rid)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), true, nil
}

// refsOf gives the visible resources of a type for which a condition holds.
func (x *searcher) refsOf(typ string, where fhir.Condition, limit int) (found []*row, ok bool, err error) {
	p, err := x.plan(typ, where)
	if err != nil || p == nil {
		return nil, p == nil, err
	}
	examined := x.examined
	err = x.scan(p, 0, func(r *row) (bool, error) {
		found = append(found, r)
		return len(found) <= limit && x.examined-examined < 4*x.many, nil
	})
	return found, len(found) <= limit && x.examined-examined < 4*x.many, err
}
