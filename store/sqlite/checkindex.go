package sqlite

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"zombiezen.com/go/sqlite"
)

// tally is a sum over a set of rows that does not depend on their order.
type tally struct {
	sum  uint64
	rows int64
}

// tallies are sums of the rows of ix, dates and numbers, by parameter. Comparing
// sums needs no memory for the rows; only where they differ is every row looked up.
type tallies struct {
	seed                 maphash.Seed
	keys, dates, numbers map[int64]tally
}

func newTallies() tallies {
	return tallies{maphash.MakeSeed(), map[int64]tally{}, map[int64]tally{}, map[int64]tally{}}
}

func count[R comparable](seed maphash.Seed, to map[int64]tally, p int64, row R) {
	t := to[p]
	to[p] = tally{t.sum + maphash.Comparable(seed, row), t.rows + 1}
}

func (t *tallies) add(r rows) {
	for _, k := range r.keys {
		count(t.seed, t.keys, k.p, k)
	}
	for _, d := range r.dates {
		count(t.seed, t.dates, d.p, d)
	}
	for _, n := range r.numbers {
		count(t.seed, t.numbers, n.p, n)
	}
}

// The rows of the index tables.
const (
	allKeys    = "SELECT p, v, rid FROM ix"
	allDates   = "SELECT p, u, class, lo, hi, rid FROM dates"
	allNumbers = "SELECT p, u, lo, hi, rid FROM numbers"
)

func scanKey(st *sqlite.Stmt) keyRow {
	return keyRow{st.ColumnInt64(0), st.ColumnText(1), st.ColumnInt64(2)}
}

func scanDate(st *sqlite.Stmt) dateRow {
	return dateRow{st.ColumnInt64(0), st.ColumnText(1), st.ColumnInt64(2), st.ColumnInt64(3), st.ColumnInt64(4), st.ColumnInt64(5)}
}

func scanNumber(st *sqlite.Stmt) numberRow {
	return numberRow{st.ColumnInt64(0), st.ColumnText(1), st.ColumnText(2), st.ColumnText(3), st.ColumnInt64(4)}
}

// checkIndex compares the index tables with what the current versions need.
func (k *checker) checkIndex() error {
	there := newTallies()
	there.seed = k.expected.seed
	err := k.each(allKeys, func(st *sqlite.Stmt) error {
		r := scanKey(st)
		count(there.seed, there.keys, r.p, r)
		return k.ctx.Err()
	})
	if err != nil {
		return err
	}
	err = k.each(allDates, func(st *sqlite.Stmt) error {
		r := scanDate(st)
		count(there.seed, there.dates, r.p, r)
		return k.ctx.Err()
	})
	if err != nil {
		return err
	}
	err = k.each(allNumbers, func(st *sqlite.Stmt) error {
		r := scanNumber(st)
		count(there.seed, there.numbers, r.p, r)
		return k.ctx.Err()
	})
	if err != nil {
		return err
	}
	if err := explain(k, "ix", allKeys, k.expected.keys, there.keys, scanKey, func(r *rows) []keyRow { return r.keys }); err != nil {
		return err
	}
	if err := explain(k, "dates", allDates, k.expected.dates, there.dates, scanDate, func(r *rows) []dateRow { return r.dates }); err != nil {
		return err
	}
	return explain(k, "numbers", allNumbers, k.expected.numbers, there.numbers, scanNumber, func(r *rows) []numberRow { return r.numbers })
}

// explain names the rows of parameters whose sums differ: those that are there and
// should not be, and those that are missing.
func explain[R comparable](k *checker, table, all string, want, got map[int64]tally, scan func(*sqlite.Stmt) R, of func(*rows) []R) error {
	suspects := map[int64]bool{}
	for _, m := range []map[int64]tally{want, got} {
		for p := range m {
			if want[p] != got[p] {
				suspects[p] = true
			}
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	need := map[R]bool{}
	err := k.current(func(r rows) {
		for _, row := range of(&r) {
			need[row] = true
		}
	})
	if err != nil {
		return err
	}
	for p := range suspects {
		err := k.each(all+" WHERE p = ?", func(st *sqlite.Stmt) error {
			row := scan(st)
			if need[row] {
				delete(need, row)
				return nil
			}
			return k.found(table, k.describe(row), "", "belongs to no current version")
		}, p)
		if err != nil {
			return err
		}
	}
	for row := range need {
		if !suspects[paramOf(row)] {
			continue
		}
		if err := k.found(table, k.describe(row), "", "is missing"); err != nil {
			return err
		}
	}
	return nil
}

// current visits the index rows of all current versions.
func (k *checker) current(visit func(rows)) error {
	return k.each("SELECT r.rid, r.type, v.idx FROM resources r JOIN versions v ON v.stamp = r.stamp WHERE v.idx IS NOT NULL", func(st *sqlite.Stmt) error {
		x, err := storedIndex(blob(st, 2))
		if err != nil {
			return nil // reported already
		}
		typ := k.nameByID[st.ColumnInt64(1)].typ
		r, err := indexRows(x, st.ColumnInt64(0), func(param string) (int64, error) { return k.names[name{typ, param}], nil })
		if err == nil {
			visit(r)
		}
		return k.ctx.Err()
	})
}

func paramOf(row any) int64 {
	switch r := row.(type) {
	case keyRow:
		return r.p
	case dateRow:
		return r.p
	case numberRow:
		return r.p
	}
	return 0
}

// describe names an index row without its value, which may be a patient's name.
func (k *checker) describe(row any) string {
	var rid int64
	switch r := row.(type) {
	case keyRow:
		rid = r.rid
	case dateRow:
		rid = r.rid
	case numberRow:
		rid = r.rid
	}
	n := k.nameByID[paramOf(row)]
	return fmt.Sprintf("%s %s of rid %d", n.typ, n.name, rid)
}

// checkLists compares the small tables that follow from the versions.
func (k *checker) checkLists() error {
	err := k.each("SELECT rid FROM resources r WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.rid = r.rid)", func(st *sqlite.Stmt) error {
		return k.found("versions", fmt.Sprintf("of rid %d in resources", st.ColumnInt64(0)), "rid", "the resource has no version")
	})
	if err != nil {
		return err
	}
	err = k.each("SELECT patient, rid FROM consents", func(st *sqlite.Stmt) error {
		row := consentRow{st.ColumnText(0), st.ColumnInt64(1)}
		if k.consents[row] {
			delete(k.consents, row)
			return nil
		}
		return k.found("consents", fmt.Sprintf("of rid %d", row.rid), "", "belongs to no current Consent")
	})
	if err != nil {
		return err
	}
	for row := range k.consents {
		if err := k.found("consents", fmt.Sprintf("of rid %d", row.rid), "", "is missing"); err != nil {
			return err
		}
	}
	if err := k.checkConsentWrites(); err != nil {
		return err
	}
	epoch := int64(-1)
	err = k.each("SELECT name, value FROM counters", func(st *sqlite.Stmt) error {
		if n := st.ColumnText(0); n != "epoch" {
			return k.found("counters", fmt.Sprintf("%q", n), "name", "does not belong here")
		}
		epoch = st.ColumnInt64(1)
		return nil
	})
	if err == nil && epoch != int64(len(k.touched)) {
		err = k.found("counters", "epoch", "value", fmt.Sprintf("is %d, but %d changes wrote what governs access", epoch, len(k.touched)))
	}
	return err
}

// checkConsentWrites compares consent_writes with the changes that wrote what governs access:
// the nth of them has epoch n.
func (k *checker) checkConsentWrites() error {
	type write struct {
		epoch   int64
		patient string
	}
	want := map[write]bool{}
	for i, seq := range slices.Sorted(maps.Keys(k.touched)) {
		for _, p := range k.touched[seq] {
			want[write{int64(i) + 1, p}] = true
		}
	}
	err := k.each("SELECT epoch, patient FROM consent_writes", func(st *sqlite.Stmt) error {
		w := write{st.ColumnInt64(0), st.ColumnText(1)}
		if want[w] {
			delete(want, w)
			return nil
		}
		return k.found("consent_writes", fmt.Sprintf("of epoch %d", w.epoch), "", "belongs to no change")
	})
	for w := range want {
		if err != nil {
			return err
		}
		err = k.found("consent_writes", fmt.Sprintf("of epoch %d", w.epoch), "", "is missing")
	}
	return err
}
