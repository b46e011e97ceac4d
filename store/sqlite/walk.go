package sqlite

import (
	"encoding/json"
	"iter"
	"math"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// withoutValue is the key of a resource that has no value of one of the parameters by
// which most lists of its type are sorted (search.Principal): they come last in such a
// list, and are few.
const withoutValue = "-"

// Ordered says that every order is kept whose values are in an index.
func (x *reader) Ordered(typ string, by search.SortBy) bool {
	return search.OrderOf(typ, by.Param).In != search.InNone
}

// Walk merges the lanes that hold the values of the order; then come the resources
// without a value.
func (x *reader) Walk(typ string, o plan.Order, pass func(int) error) iter.Seq2[plan.Entry, error] {
	return func(yield func(plan.Entry, error) bool) {
		if o.After == nil || o.After.Value != nil {
			lanes, err := x.lanes(typ, o)
			if err != nil {
				yield(plan.Entry{}, err)
				return
			}
			for _, l := range lanes {
				l.after, l.skip = o.After, o.Skip
			}
			if !x.merge(lanes, o, pass, yield) {
				return
			}
		}
		if !o.Valued && o.Param != "_id" && o.Param != "_lastUpdated" {
			x.merge([]*lane{x.without(typ, o)}, o, pass, yield)
		}
	}
}

// lanes are the parts of the index that hold the values of an order.
func (x *reader) lanes(typ string, o plan.Order) (lanes []*lane, err error) {
	p := x.names.id(typ, o.Param)
	switch in := search.OrderOf(typ, o.Param); in.In {
	case search.InIDs:
		from := "SELECT id, rid FROM resources INDEXED BY resources_id WHERE type = ? AND deleted = 0"
		lanes = append(lanes, &lane{from: from, args: []any{x.names.id(typ, "")}, column: "id", kind: texts{}})
	case search.InDateStarts:
		return x.dateLanes(p, o)
	case search.InNumberStarts:
		return x.numberLanes(p)
	case search.InKeys:
		for _, sign := range []byte(in.Signs) {
			lanes = append(lanes, &lane{from: "SELECT v, rid FROM ix WHERE p = ?", args: []any{p}, column: "v", kind: keys{sign}})
		}
	}
	return lanes, nil
}

// dateLanes are the classes. Each has the starts of its ranges in their order.
func (x *reader) dateLanes(p int64, o plan.Order) (lanes []*lane, err error) {
	if o.Within != nil {
		several, err := x.number("SELECT EXISTS (SELECT 1 FROM dates WHERE p = ? AND u = '*')", p)
		if err != nil {
			return nil, err
		}
		if several > 0 {
			o.Within = nil
		}
	}
	for class := int64(-1); ; {
		next, err := x.rids(1, "SELECT class FROM dates WHERE p = ? AND u = '' AND class > ? ORDER BY class LIMIT 1", p, class)
		if err != nil || len(next) == 0 {
			return lanes, err
		}
		class = next[0]
		var span times // one bound for each end: SQLite looks for the first that it is given
		if o.Within != nil {
			from, to := plan.DateSpan(*o.Within, int(class))
			if span.from = from; to < math.MaxInt64 {
				span.above = to + 1
			}
		}
		lanes = append(lanes, &lane{ends: true, from: "SELECT lo, rid, hi FROM dates WHERE p = ? AND u = '' AND class = ?", args: []any{p, class}, column: "lo", kind: span})
	}
}

// numberLanes are the units, without those that have no system: those values are in
// another lane, too.
func (x *reader) numberLanes(p int64) (lanes []*lane, err error) {
	for u, first := "", true; ; first = false {
		found := false
		query := "SELECT u FROM numbers WHERE p = ? AND u > ? ORDER BY u LIMIT 1"
		if first {
			query = "SELECT u FROM numbers WHERE p = ? AND u >= ? ORDER BY u LIMIT 1"
		}
		err := x.each(query, func(st *sqlite.Stmt) error {
			u, found = st.ColumnText(0), true
			return nil
		}, p, u)
		if err != nil || !found {
			return lanes, err
		}
		if len(u) < 2 || u[1] != '|' {
			lanes = append(lanes, &lane{ends: true, from: "SELECT lo, rid, hi FROM numbers WHERE p = ? AND u = ?", args: []any{p, u}, column: "lo", kind: texts{}})
		}
	}
}

// without are the resources without a value or, if nothing says which these are, all.
func (x *reader) without(typ string, o plan.Order) *lane {
	l := &lane{from: "SELECT deleted, rid FROM resources WHERE type = ?", args: []any{x.names.id(typ, "")}, column: "deleted", kind: missing{int64(0)}}
	if date, name := search.Principal(typ); o.Param == date || o.Param == name {
		l = &lane{from: "SELECT v, rid FROM ix WHERE p = ?", args: []any{x.names.id(typ, o.Param)}, column: "v", kind: missing{withoutValue}}
	}
	l.skip = o.Skip
	if l.after = o.After; l.after == nil || l.after.Value != nil {
		l.after = &plan.Entry{Place: plan.Before(o.Desc)}
	}
	return l
}

// Written finds the versions with later stamps.
func (x *reader) Written(typ string, at json.RawMessage, limit int) ([]int64, error) {
	began, err := x.start(at)
	if err != nil {
		return nil, err
	}
	return x.rids(limit, "SELECT DISTINCT rid FROM versions WHERE type = ? AND stamp > ? LIMIT ?", x.names.id(typ, ""), began.Stamp, limit+1)
}
