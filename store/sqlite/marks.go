package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// How many resources addMarks reads together, and after how many it says how far it is.
const (
	markedAtOnce  = 10_000
	markedMessage = 250_000
)

// addMarks writes the marks of all current versions, and drops an index that a wider one
// replaced in schema version 3.
func (s *Store) addMarks(ctx context.Context, c conn) error {
	if err := c.exec("DROP INDEX IF EXISTS versions_type"); err != nil {
		return err
	}
	known, err := loadNames(c)
	if err != nil {
		return fmt.Errorf("load names: %w", err)
	}
	types := map[int64]int64{} // which parameter has the marks of a type
	for of, typ := range known {
		if of.name != "" { // past versions have marks, too
			continue
		}
		if types[typ], err = c.addName(name{of.typ, search.RowKey}, known); err != nil {
			return err
		}
	}
	count := 0
	for last := int64(-1); ; {
		some, end, err := c.marked(ctx, types, last)
		if err != nil || end == last {
			return err
		}
		if err := write(c, some, keyTable); err != nil {
			return err
		}
		last = end
		if count += markedAtOnce; count%markedMessage == 0 {
			s.opts.Report(fmt.Sprintf("marked up to %d resources with what constraints are about", count))
		}
	}
}

// marked reads the marks of the next resources; end is the rid of the last one. What is
// damaged is judged by itself.
func (c conn) marked(ctx context.Context, types map[int64]int64, last int64) (some []change[keyRow], end int64, err error) {
	end = last
	err = c.each("SELECT r.rid, r.type, r.deleted, v.owner, v.facts FROM resources r JOIN versions v ON v.stamp = r.stamp WHERE r.rid > ? ORDER BY r.rid LIMIT ?", func(st *sqlite.Stmt) error {
		if end = st.ColumnInt64(0); st.ColumnBool(2) {
			return ctx.Err()
		}
		marks := []string{search.RowKey}
		if facts, err := store.UnpackFacts(blob(st, 4)); err == nil {
			marks = search.Marks(&facts, st.ColumnText(3))
		}
		for _, m := range marks {
			_, v := plan.CutKey(m)
			some = append(some, change[keyRow]{row: keyRow{types[st.ColumnInt64(1)], v, end}})
		}
		return ctx.Err()
	}, last, markedAtOnce)
	return some, end, err
}

// addName gives a name an id, unless it is known.
func (c conn) addName(n name, known map[name]int64) (id int64, err error) {
	if id, ok := known[n]; ok {
		return id, nil
	}
	last, err := c.number("SELECT max(id) FROM names")
	if err != nil {
		return 0, err
	}
	return last + 1, c.exec("INSERT INTO names VALUES (?, ?, ?, ?)", last+1, n.typ, n.name, rowSum(last+1, n.typ, n.name))
}
