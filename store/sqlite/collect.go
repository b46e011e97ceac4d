package sqlite

import (
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// Collect looks for the rids of a condition.
func (x *reader) Collect(typ string, c search.Condition, limit int, pass func(int) error) (rids []int64, err error) {
	switch c := c.(type) {
	case search.HasKey:
		return x.collectKey(typ, c.Key, limit)
	case search.Any:
		return x.collectKeys(typ, c, limit)
	case search.KeyRange:
		return x.collectRange(typ, c, limit)
	case search.Contains:
		return x.collectContains(typ, c, limit, pass)
	case search.InDates:
		return x.collectDates(typ, c, limit, pass)
	case search.InNumbers:
		return x.collectNumbers(typ, c, limit, pass)
	}
	return nil, fmt.Errorf("collect %T", c)
}

// idKey begins the key of a resource's id.
const idKey = "_id="

func (x *reader) collectKey(typ, key string, limit int) ([]int64, error) {
	if id, ok := strings.CutPrefix(key, idKey); ok {
		return x.rids(1, "SELECT rid FROM resources WHERE type = ? AND id = ? AND deleted = 0", x.names.id(typ, ""), id)
	}
	p, v := x.key(typ, key)
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
	return x.rids(limit, "SELECT rid FROM ix WHERE p = ? AND v >= ? AND v < ? LIMIT ?", x.names.id(typ, param), from, c.To[len(param):], limit+1)
}

func (x *reader) collectContains(typ string, c search.Contains, limit int, pass func(int) error) ([]int64, error) {
	return x.sift(limit, pass, "SELECT rid, instr(v, ?) > 0 FROM ix WHERE p = ? AND v >= '^' AND v < '_'", c.Needle, x.names.id(typ, c.Param))
}

// passAtOnce is how many entries are passed over between two calls of pass.
const passAtOnce = 1000

// sift runs a query for row ids, of which those count whose second column is true, until
// there are more than room.
func (x *reader) sift(room int, pass func(int) error, query string, args ...any) (rids []int64, err error) {
	n := 0
	err = x.each(query, func(st *sqlite.Stmt) error {
		if st.ColumnBool(1) {
			if rids = append(rids, st.ColumnInt64(0)); len(rids) > room {
				return errStop
			}
		}
		if n++; n%passAtOnce > 0 {
			return nil
		}
		return pass(passAtOnce)
	}, args...)
	if err == nil {
		err = pass(n % passAtOnce)
	}
	return rids, err
}

// compareSQL says in SQL what a prefix means; ?1 and ?2 are the searched range.
func compareSQL(p search.Prefix) string {
	column, parameter := [...]string{search.Lo: "lo", search.Hi: "hi"}, [...]string{search.Lo: "?1", search.Hi: "?2"}
	var alternatives []string
	for _, all := range p.Meaning() {
		var terms []string
		for _, c := range all {
			terms = append(terms, column[c.End]+" "+c.Op+" "+parameter[c.With])
		}
		alternatives = append(alternatives, strings.Join(terms, " AND "))
	}
	return "(" + strings.Join(alternatives, " OR ") + ")"
}

func (x *reader) collectDates(typ string, c search.InDates, limit int, pass func(int) error) ([]int64, error) {
	p, u := x.key(typ, c.Param)
	is := compareSQL(c.Prefix)
	var all []int64
	for class := int64(-1); ; {
		next, err := x.rids(1, "SELECT class FROM dates WHERE p = ? AND u = ? AND class > ? ORDER BY class LIMIT 1", p, u, class)
		if err != nil || len(next) == 0 {
			return all, err
		}
		class = next[0]
		from, to := plan.DateSpan(c, int(class))
		rids, err := x.sift(limit, pass, "SELECT rid, "+is+" FROM dates WHERE p = ?3 AND u = ?4 AND class = ?5 AND lo >= ?6 AND lo <= ?7", c.Lo, c.Hi, p, u, class, from, to)
		if all = append(all, rids...); err != nil || len(all) > limit {
			return all, err
		}
	}
}

func (x *reader) collectNumbers(typ string, c search.InNumbers, limit int, pass func(int) error) ([]int64, error) {
	p, u := x.key(typ, c.Param)
	from, to := plan.NumberSpan(c)
	return x.sift(limit, pass, "SELECT rid, "+compareSQL(c.Prefix)+" FROM numbers WHERE p = ?3 AND u = ?4 AND lo >= ?5 AND lo <= ?6",
		c.Lo, c.Hi, p, u, from, to)
}
