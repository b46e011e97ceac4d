package sqlite

import (
	"slices"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// Collect looks for the rids of a condition.
func (x *reader) Collect(typ string, c search.Condition, limit int) (rids []int64, ok bool, err error) {
	switch c := c.(type) {
	case search.HasKey:
		rids, err = x.collectKey(typ, c.Key, limit)
		return rids, len(rids) <= limit, err // in order and unique already
	case search.Any:
		rids, err = x.collectKeys(typ, c, limit)
	case search.KeyRange:
		rids, err = x.collectRange(typ, c, limit)
	case search.Contains:
		rids, err = x.collectContains(typ, c, limit)
	case search.InDates:
		rids, err = x.collectDates(typ, c, limit)
	case search.InNumbers:
		rids, err = x.collectNumbers(typ, c, limit)
	default:
		return nil, false, nil
	}
	if err != nil || len(rids) > limit {
		return nil, false, err
	}
	slices.Sort(rids)
	return slices.Compact(rids), true, nil
}

func (x *reader) collectKey(typ, key string, limit int) ([]int64, error) {
	p, v, known := x.key(typ, key)
	if !known {
		return nil, nil
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v = ? ORDER BY rid LIMIT ?", p, v, limit+1)
}

// collectKeys unites the rids of keys.
func (x *reader) collectKeys(typ string, keys search.Any, limit int) (all []int64, err error) {
	for _, k := range keys {
		rids, err := x.collectKey(typ, k.(search.HasKey).Key, limit-len(all))
		if all = append(all, rids...); err != nil || len(all) > limit {
			return all, err
		}
	}
	return all, nil
}

// collectRange finds keys by prefix.
func (x *reader) collectRange(typ string, c search.KeyRange, limit int) ([]int64, error) {
	param, from := plan.CutKey(c.From)
	p, ok := x.names.id(typ, param)
	if !ok {
		return nil, nil
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= ? AND v < ? LIMIT ?", p, from, c.To[len(param):], limit+1)
}

func (x *reader) collectContains(typ string, c search.Contains, limit int) ([]int64, error) {
	p, ok := x.names.id(typ, c.Param)
	if !ok {
		return nil, nil
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= '^' AND v < '_' AND instr(v, ?) > 0 LIMIT ?", p, c.Needle, limit+1)
}

// compareSQL says in SQL what the prefixes mean; ?1 and ?2 are the search range.
var compareSQL = map[search.Prefix]string{
	search.Eq: "?1 <= lo AND hi <= ?2",
	search.Ne: "NOT (?1 <= lo AND hi <= ?2)",
	search.Gt: "hi > ?2",
	search.Lt: "lo < ?1",
	search.Ge: "(hi > ?2 OR (?1 <= lo AND hi <= ?2))",
	search.Le: "(lo < ?1 OR (?1 <= lo AND hi <= ?2))",
	search.Sa: "lo > ?2",
	search.Eb: "hi < ?1",
	search.Ap: "lo <= ?2 AND ?1 <= hi",
}

func (x *reader) collectDates(typ string, c search.InDates, limit int) ([]int64, error) {
	param, u := plan.CutKey(c.Param)
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
		from, to := plan.DateSpan(c, int(class))
		rids, err := x.rids(limit, "SELECT rid FROM dates WHERE p = ?3 AND u = ?4 AND class = ?5 AND lo >= ?6 AND lo <= ?7 AND "+
			compareSQL[c.Prefix]+" LIMIT ?8", c.Lo, c.Hi, p, u, class, from, to, limit+1)
		if all = append(all, rids...); err != nil || len(all) > limit {
			return all, err
		}
	}
}

func (x *reader) collectNumbers(typ string, c search.InNumbers, limit int) ([]int64, error) {
	param, u := plan.CutKey(c.Param)
	p, ok := x.names.id(typ, param)
	if !ok {
		return nil, nil
	}
	from, to := "", ""
	switch c.Prefix {
	case search.Eq, search.Le, search.Lt, search.Eb, search.Ap:
		to = " AND lo <= max(?1, ?2)"
	}
	switch c.Prefix {
	case search.Eq:
		from = " AND lo >= ?1"
	case search.Sa:
		from = " AND lo > ?2"
	}
	return x.rids(limit, "SELECT rid FROM numbers WHERE p = ?3 AND u = ?4"+from+to+" AND "+compareSQL[c.Prefix]+" LIMIT ?5",
		c.Lo, c.Hi, p, u, limit+1)
}
