package sqlite

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
)

// line is a row of an index table; text is the rest of its columns.
type line struct {
	param
	rid  int64
	text string
}

// param is where the rows of a parameter are.
type param struct {
	table int // in indexTables
	p     int64
}

// indexTables are the index tables with the queries that select their lines.
var indexTables = [...]struct{ name, lines string }{
	{"ix", "SELECT p, rid, v FROM ix"},
	{"dates", "SELECT p, rid, class || ' ' || lo || ' ' || hi || ' ' || u FROM dates"},
	{"numbers", "SELECT p, rid, lo || ' ' || hi || ' ' || u FROM numbers"},
}

func scanLine(table int) func(*sqlite.Stmt) line {
	return func(st *sqlite.Stmt) line {
		return line{param{table, st.ColumnInt64(0)}, st.ColumnInt64(1), st.ColumnText(2)}
	}
}

// lines gives index rows as the queries of indexTables select them.
func (r *rows) lines() []line {
	all := make([]line, 0, len(r.keys)+len(r.dates)+len(r.numbers))
	for _, k := range r.keys {
		all = append(all, line{param{0, k.p}, k.rid, k.v})
	}
	for _, d := range r.dates {
		all = append(all, line{param{1, d.p}, d.rid, fmt.Sprintf("%d %d %d %s", d.class, d.lo, d.hi, d.u)})
	}
	for _, n := range r.numbers {
		all = append(all, line{param{2, n.p}, n.rid, n.lo + " " + n.hi + " " + n.u})
	}
	return all
}

// tally is a sum over a set of lines that does not depend on their order.
type tally struct {
	sum  uint64
	rows int64
}

// tallies are sums of lines by parameter. Comparing sums needs no memory for the
// lines; only where they differ is every line looked up.
type tallies struct {
	seed maphash.Seed
	sums map[param]tally
}

func newTallies(seed maphash.Seed) tallies { return tallies{seed, map[param]tally{}} }

func (t *tallies) add(l line) {
	s := t.sums[l.param]
	t.sums[l.param] = tally{s.sum + maphash.Comparable(t.seed, l), s.rows + 1}
}

// checkIndex compares the index tables with what the current versions need.
func (k *checker) checkIndex() error {
	if k.schema < schemaInside {
		return nil
	}
	there := newTallies(k.expected.seed)
	for i, table := range indexTables {
		scan := scanLine(i)
		err := k.each(table.lines, func(st *sqlite.Stmt) { there.add(scan(st)) })
		if err != nil {
			return err
		}
	}
	suspects := map[param]map[line]bool{} // with the lines that they need
	for _, sums := range []map[param]tally{k.expected.sums, there.sums} {
		for p := range sums {
			if k.expected.sums[p] != there.sums[p] {
				suspects[p] = map[line]bool{}
			}
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	if err := k.need(suspects); err != nil {
		return err
	}
	for p, need := range suspects {
		table := indexTables[p.table]
		err := sameRows(k, table.name, "current version", table.lines+" WHERE p = ?", need, scanLine(p.table), k.describe, p.p)
		if err != nil {
			return err
		}
	}
	return nil
}

// need collects the lines of all current versions for some parameters.
func (k *checker) need(of map[param]map[line]bool) error {
	return k.each("SELECT r.rid, r.type, v.idx, v.facts, v.owner FROM resources r JOIN versions v ON v.stamp = r.stamp WHERE v.idx IS NOT NULL", func(st *sqlite.Stmt) {
		x, err := storedIndex(blob(st, 2))
		if err != nil {
			return // reported already
		}
		typ := k.names.typeOf(st.ColumnInt64(1))
		var marks []string
		if facts, err := store.UnpackFacts(blob(st, 3)); err == nil {
			marks = k.marks(&facts, st.ColumnText(4))
		}
		r, _ := indexRows(typ, x, marks, st.ColumnInt64(0), func(param string) (int64, error) { return k.names.id(typ, param), nil })
		for _, l := range r.lines() {
			if of[l.param] != nil {
				of[l.param][l] = true
			}
		}
	})
}

// describe names a line without its text, which may be a patient's name.
func (k *checker) describe(l line) string {
	n := k.names.p.Load().names[l.p]
	return fmt.Sprintf("%s %s of rid %d", n.typ, n.name, l.rid)
}

// sameRows compares the rows that a query selects with those needed, and reports both
// missing and superfluous ones.
func sameRows[R comparable](k *checker, table, owner, query string, need map[R]bool, scan func(*sqlite.Stmt) R, describe func(R) string, args ...any) error {
	err := k.each(query, func(st *sqlite.Stmt) {
		row := scan(st)
		if !need[row] {
			k.found(table, describe(row), "", "belongs to no "+owner)
		}
		delete(need, row)
	}, args...)
	if err != nil {
		return err
	}
	for row := range need {
		k.found(table, describe(row), "", "is missing")
	}
	return nil
}

// checkLists compares the small tables that follow from the versions.
func (k *checker) checkLists() error {
	err := k.each("SELECT rid FROM resources r WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.rid = r.rid)", func(st *sqlite.Stmt) {
		k.found("versions", fmt.Sprintf("of rid %d in resources", st.ColumnInt64(0)), "rid", "the resource has no version")
	})
	if err != nil {
		return err
	}
	err = sameRows(k, "consents", "current Consent", "SELECT patient, rid FROM consents", k.consents, scanConsent, func(r consentRow) string {
		return fmt.Sprintf("of rid %d", r.of)
	})
	if err != nil {
		return err
	}
	if err := k.checkConsentWrites(); err != nil {
		return err
	}
	ended, err := k.endedGrants()
	if err != nil {
		return err
	}
	epoch := int64(-1)
	err = k.each("SELECT name, value FROM counters", func(st *sqlite.Stmt) {
		if n := st.ColumnText(0); n != "epoch" {
			k.found("counters", fmt.Sprintf("%q", n), "name", "does not belong here")
			return
		}
		epoch = st.ColumnInt64(1)
	})
	if n := int64(len(k.touched) + len(ended)); err == nil && epoch != n {
		k.found("counters", "epoch", "value", fmt.Sprintf("is %d, but %d changes wrote what governs access", epoch, n))
	}
	return err
}

// consentRow is a patient and the rid of a Consent, or the epoch of a change that
// wrote one.
type consentRow struct {
	patient string
	of      int64
}

func scanConsent(st *sqlite.Stmt) consentRow { return consentRow{st.ColumnText(0), st.ColumnInt64(1)} }

// rows are those of consent_writes: the nth change has the nth epoch that is not of grants
// that ended.
func (t touched) rows(ended map[int64][]string) map[consentRow]bool {
	all := map[consentRow]bool{}
	for epoch, keys := range ended {
		for _, key := range keys {
			all[consentRow{key, epoch}] = true
		}
	}
	epoch := int64(0)
	for _, seq := range slices.Sorted(maps.Keys(t)) {
		for epoch++; ended[epoch] != nil; epoch++ {
		}
		for _, key := range t[seq] {
			all[consentRow{key, epoch}] = true
		}
	}
	return all
}

// endedGrants are the epochs that grants and emergencies ended with, and their keys: nothing
// else tells of one that is gone.
func (k *checker) endedGrants() (map[int64][]string, error) {
	ended := map[int64][]string{}
	err := k.each("SELECT epoch, patient FROM consent_writes", func(st *sqlite.Stmt) {
		if key := st.ColumnText(1); store.IsKeptKey(key) {
			ended[st.ColumnInt64(0)] = append(ended[st.ColumnInt64(0)], key)
		}
	})
	return ended, err
}

// checkConsentWrites compares consent_writes with the changes that wrote what governs access.
func (k *checker) checkConsentWrites() error {
	ended, err := k.endedGrants()
	if err != nil {
		return err
	}
	return sameRows(k, "consent_writes", "change", "SELECT patient, epoch FROM consent_writes", k.touched.rows(ended), scanConsent, func(r consentRow) string {
		return fmt.Sprintf("of epoch %d", r.of)
	})
}
