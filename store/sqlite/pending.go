package sqlite

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// Index rows of one version, as they will be inserted.
type (
	keyRow struct {
		p   int64
		v   string
		rid int64
	}
	dateRow struct {
		p      int64
		u      string
		class  int64
		lo, hi int64
		rid    int64
	}
	numberRow struct {
		p         int64
		u, lo, hi string
		rid       int64
	}
)

func (a keyRow) compare(b keyRow) int {
	return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.v, b.v), cmp.Compare(a.rid, b.rid))
}

func (a dateRow) compare(b dateRow) int {
	return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.u, b.u), cmp.Compare(a.class, b.class),
		cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi), cmp.Compare(a.rid, b.rid))
}

func (a numberRow) compare(b numberRow) int {
	return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.u, b.u),
		cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi), cmp.Compare(a.rid, b.rid))
}

// rows are all index rows of one version.
type rows struct {
	keys    []keyRow
	dates   []dateRow
	numbers []numberRow
}

// indexRows gives the rows of the index of a resource, and of its marks. intern
// returns the id of a parameter. The id of the resource has no row: it is in the table of
// resources.
func indexRows(typ string, x *search.Index, marks []string, rid int64, intern func(param string) (int64, error)) (rows, error) {
	r := rows{keys: make([]keyRow, 0, len(x.Keys)+len(marks)+1), dates: make([]dateRow, 0, len(x.Dates)), numbers: make([]numberRow, 0, len(x.Numbers))}
	var failed error
	last, lastID := "", int64(-1)
	id := func(key string) (int64, string) {
		param, rest := plan.CutKey(key)
		if failed == nil && (param != last || lastID < 0) {
			last = param
			lastID, failed = intern(param)
		}
		return lastID, rest
	}
	for _, k := range x.Keys {
		if strings.HasPrefix(k, idKey) {
			continue
		}
		if p, v := id(k); plan.Drives(v) {
			r.keys = append(r.keys, keyRow{p, v, rid})
		}
	}
	for _, m := range marks {
		p, v := id(m)
		r.keys = append(r.keys, keyRow{p, v, rid})
	}
	date, name := search.Principal(typ)
	for _, param := range []string{date, name} {
		if param != "" && !slices.ContainsFunc(x.Sorts, func(s search.Sort) bool { return s.Param == param }) {
			p, _ := id(param)
			r.keys = append(r.keys, keyRow{p, withoutValue, rid})
		}
	}
	for _, d := range x.Dates {
		p, u := id(d.Param)
		r.dates = append(r.dates, dateRow{p, u, int64(plan.Width(d.Lo, d.Hi)), d.Lo, d.Hi, rid})
	}
	for _, n := range x.Numbers {
		p, u := id(n.Param)
		r.numbers = append(r.numbers, numberRow{p, u, n.Lo, n.Hi, rid})
	}
	r.sort()
	return r, failed
}

// sort orders the rows and drops duplicates (two dates on one day).
func (r *rows) sort() {
	slices.SortFunc(r.keys, keyRow.compare)
	slices.SortFunc(r.dates, dateRow.compare)
	slices.SortFunc(r.numbers, numberRow.compare)
	r.keys = slices.Compact(r.keys)
	r.dates = slices.Compact(r.dates)
	r.numbers = slices.Compact(r.numbers)
}

// change is a row to be inserted or deleted.
type change[R any] struct {
	row    R
	order  int32 // in which it was added
	remove bool
}

// pending collects the index changes of a group. Inserting them in the order of
// the index touches each page once instead of once per row.
type pending struct {
	keys    []change[keyRow]
	dates   []change[dateRow]
	numbers []change[numberRow]
	order   int32
}

// add notes the difference between the rows of the old and the new version.
func (p *pending) add(before, after rows) {
	p.order++
	p.keys = diff(p.keys, p.order, before.keys, after.keys, keyRow.compare)
	p.dates = diff(p.dates, p.order, before.dates, after.dates, dateRow.compare)
	p.numbers = diff(p.numbers, p.order, before.numbers, after.numbers, numberRow.compare)
}

// diff merges two sorted lists of rows.
func diff[R any](to []change[R], order int32, before, after []R, compare func(a, b R) int) []change[R] {
	to = slices.Grow(to, len(before)+len(after))
	for len(before) > 0 && len(after) > 0 {
		switch c := compare(before[0], after[0]); {
		case c < 0:
			to, before = append(to, change[R]{before[0], order, true}), before[1:]
		case c > 0:
			to, after = append(to, change[R]{after[0], order, false}), after[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
	for _, r := range before {
		to = append(to, change[R]{r, order, true})
	}
	for _, r := range after {
		to = append(to, change[R]{r, order, false})
	}
	return to
}

// lengths marks a state of pending to which cut returns.
type lengths struct{ keys, dates, numbers int }

func (p *pending) length() lengths { return lengths{len(p.keys), len(p.dates), len(p.numbers)} }

func (p *pending) cut(n lengths) {
	p.keys, p.dates, p.numbers = p.keys[:n.keys], p.dates[:n.dates], p.numbers[:n.numbers]
}

// flush writes everything in the order of the index. The last of several changes to one
// row counts.
func (p *pending) flush(c conn) error {
	err := errors.Join(write(c, p.keys, keyTable), write(c, p.dates, dateTable), write(c, p.numbers, numberTable))
	p.cut(lengths{})
	return err
}

// table says how rows of one kind are written.
type table[R any] struct {
	insert, remove string
	compare        func(a, b R) int
	bind           func(*sqlite.Stmt, *R)
}

var keyTable = table[keyRow]{
	insert:  "INSERT OR IGNORE INTO ix VALUES (?, ?, ?)",
	remove:  "DELETE FROM ix WHERE p = ? AND v = ? AND rid = ?",
	compare: keyRow.compare,
	bind: func(st *sqlite.Stmt, r *keyRow) {
		st.BindInt64(1, r.p)
		st.BindText(2, r.v)
		st.BindInt64(3, r.rid)
	},
}

var dateTable = table[dateRow]{
	insert:  "INSERT OR IGNORE INTO dates VALUES (?, ?, ?, ?, ?, ?)",
	remove:  "DELETE FROM dates WHERE p = ? AND u = ? AND class = ? AND lo = ? AND hi = ? AND rid = ?",
	compare: dateRow.compare,
	bind: func(st *sqlite.Stmt, r *dateRow) {
		st.BindInt64(1, r.p)
		st.BindText(2, r.u)
		st.BindInt64(3, r.class)
		st.BindInt64(4, r.lo)
		st.BindInt64(5, r.hi)
		st.BindInt64(6, r.rid)
	},
}

var numberTable = table[numberRow]{
	insert:  "INSERT OR IGNORE INTO numbers VALUES (?, ?, ?, ?, ?)",
	remove:  "DELETE FROM numbers WHERE p = ? AND u = ? AND lo = ? AND hi = ? AND rid = ?",
	compare: numberRow.compare,
	bind: func(st *sqlite.Stmt, r *numberRow) {
		st.BindInt64(1, r.p)
		st.BindText(2, r.u)
		st.BindText(3, r.lo)
		st.BindText(4, r.hi)
		st.BindInt64(5, r.rid)
	},
}

// write prepares each statement once: this is the hottest loop of every write.
func write[R any](c conn, all []change[R], t table[R]) error {
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b change[R]) int { return cmp.Or(t.compare(a.row, b.row), cmp.Compare(a.order, b.order)) })
	insert, err := c.Prepare(t.insert)
	if err != nil {
		return err
	}
	remove, err := c.Prepare(t.remove)
	if err != nil {
		return err
	}
	for i := range all {
		if i+1 < len(all) && t.compare(all[i].row, all[i+1].row) == 0 {
			continue
		}
		st := insert
		if all[i].remove {
			st = remove
		}
		t.bind(st, &all[i].row)
		if _, err := st.Step(); err != nil {
			return err
		}
		if err := st.Reset(); err != nil {
			return err
		}
	}
	return nil
}
