package sqlite

import (
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store/search"
)

// Collect looks for the rids of a condition.
func (x *reader) Collect(typ string, c fhir.Condition, limit int) (rids []int64, err error) {
	switch c := c.(type) {
	case fhir.HasKey:
		return x.collectKey(typ, c.Key, limit)
	case fhir.Any:
		return x.collectKeys(typ, c, limit)
	case fhir.KeyRange:
		return x.collectRange(typ, c, limit)
	case fhir.Contains:
		return x.collectContains(typ, c, limit)
	case fhir.InDates:
		return x.collectDates(typ, c, limit)
	case fhir.InNumbers:
		return x.collectNumbers(typ, c, limit)
	}
	return nil, fmt.Errorf("collect %T", c)
}

func (x *reader) collectKey(typ, key string, limit int) ([]int64, error) {
	p, v, known := x.key(typ, key)
	if !known {
		return nil, nil
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v = ? ORDER BY rid LIMIT ?", p, v, limit+1)
}

// collectKeys unites the rids of keys.
func (x *reader) collectKeys(typ string, keys fhir.Any, limit int) (all []int64, err error) {
	for _, k := range keys {
		rids, err := x.collectKey(typ, k.(fhir.HasKey).Key, limit-len(all))
		if all = append(all, rids...); err != nil || len(all) > limit {
			return all, err
		}
	}
	return all, nil
}

// collectRange finds keys by prefix.
func (x *reader) collectRange(typ string, c fhir.KeyRange, limit int) ([]int64, error) {
	param, from := search.CutKey(c.From)
	p, ok := x.names.id(typ, param)
	if !ok {
		return nil, nil
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= ? AND v < ? LIMIT ?", p, from, c.To[len(param):], limit+1)
}

func (x *reader) collectContains(typ string, c fhir.Contains, limit int) ([]int64, error) {
	p, ok := x.names.id(typ, c.Param)
	if !ok {
		return nil, nil
	}
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= '^' AND v < '_' AND instr(v, ?) > 0 LIMIT ?", p, c.Needle, limit+1)
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

func (x *reader) collectDates(typ string, c fhir.InDates, limit int) ([]int64, error) {
	param, u := search.CutKey(c.Param)
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
		from, to := search.DateSpan(c, int(class))
		rids, err := x.rids(limit, "SELECT rid FROM dates WHERE p = ?3 AND u = ?4 AND class = ?5 AND lo >= ?6 AND lo <= ?7 AND "+
			compareSQL[c.Prefix]+" LIMIT ?8", c.Lo, c.Hi, p, u, class, from, to, limit+1)
		if all = append(all, rids...); err != nil || len(all) > limit {
			return all, err
		}
	}
}

func (x *reader) collectNumbers(typ string, c fhir.InNumbers, limit int) ([]int64, error) {
	param, u := search.CutKey(c.Param)
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
