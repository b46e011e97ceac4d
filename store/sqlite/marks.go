package sqlite

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// markedAtOnce is after how many resources an upgrade says how far it is.
const markedAtOnce = 250_000

// marking is a mark (see search.Mark) of a type.
type marking struct{ typ, mark string }

// addMarks writes the marks of all current versions, and drops an index that a wider one
// replaces.
func (s *Store) addMarks(ctx context.Context, c conn) error {
	if err := c.exec("DROP INDEX IF EXISTS versions_type"); err != nil {
		return err
	}
	known, err := loadNames(c)
	if err != nil {
		return fmt.Errorf("load names: %w", err)
	}
	var n names
	n.publish(known)
	marked, err := s.marked(ctx, c, &n)
	if err != nil {
		return err
	}
	for of := range known { // past versions may have a mark, too
		if of.name != "" {
			continue
		}
		p, err := c.addName(name{of.typ, search.RowKey}, known)
		if err != nil {
			return err
		}
		for _, mark := range []string{search.RowKey, search.FreeKey} {
			_, v := plan.CutKey(mark)
			for _, rid := range marked[marking{of.typ, mark}] {
				if err := c.exec("INSERT OR IGNORE INTO ix VALUES (?, ?, ?)", p, v, rid); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// marked are the rids of all current versions by their mark. What is damaged is judged by
// itself.
func (s *Store) marked(ctx context.Context, c conn, n *names) (map[marking][]int64, error) {
	all, count := map[marking][]int64{}, 0
	err := c.each("SELECT r.rid, r.type, v.facts FROM resources r JOIN versions v ON v.stamp = r.stamp WHERE r.deleted = 0", func(st *sqlite.Stmt) error {
		mark, err := markOf(blob(st, 2))
		if err != nil {
			mark = search.RowKey
		}
		of := marking{n.typeOf(st.ColumnInt64(1)), mark}
		all[of] = append(all[of], st.ColumnInt64(0))
		if count++; count%markedAtOnce == 0 {
			s.opts.Report(fmt.Sprintf("read whose data %d resources are", count))
		}
		return ctx.Err()
	})
	return all, err
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
