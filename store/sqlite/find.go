package sqlite

import (
	"context"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Find returns the sequence numbers that match. Patient, agent and
// time have an index. Targets do not (a page of a search has many, and each would
// touch another page of that index in the path of every read): Find filters the rows
// that the other fields leave.
func (l *storedLog) Find(ctx context.Context, f ledgerbridge.Filter, limit int) (found []int64, err error) {
	query, args := findQuery(f)
	err = l.pool.read(ctx, func(c conn) error {
		c.SetInterrupt(ctx.Done()) // the search for an absent target reads every row
		defer c.SetInterrupt(nil)
		return c.each(query, func(st *sqlite.Stmt) error {
			if len(found) >= limit {
				return errStop
			}
			seq := st.ColumnInt64(0)
			if len(found) == 0 || found[len(found)-1] != seq {
				found = append(found, seq)
			}
			return nil
		}, args...)
	})
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("find in log: %w", err)
	}
	return found, nil
}

// findQuery selects seq in the order of f; a seq may come several times in a row.
func findQuery(f ledgerbridge.Filter) (string, []any) {
	var where []string
	var args []any
	add := func(cond string, a ...any) {
		where, args = append(where, cond), append(args, a...)
	}
	from := "entries e"
	order := "e.seq"
	switch {
	case f.Patient != "":
		from = "parts p INDEXED BY parts_patient CROSS JOIN entries e ON e.seq = p.id >> 16"
		order = "p.id"
		add("p.patient = ?", f.Patient)
		if f.Target != "" {
			add("EXISTS (SELECT 1 FROM parts t WHERE t.id >= e.seq << 16 AND t.id < (e.seq + 1) << 16 AND "+hasWord("t.target")+")", f.Target)
		}
	case f.Target != "":
		from = "parts p CROSS JOIN entries e ON e.seq = p.id >> 16"
		order = "p.id"
		add(hasWord("p.target"), f.Target)
	}
	if f.Agent != "" {
		add("e.agent = ?", f.Agent)
	}
	if f.Action != "" {
		add("e.action = ?", f.Action)
	}
	if f.OutcomeFrom > 0 {
		add("e.outcome >= ?", f.OutcomeFrom)
	}
	if f.OutcomeTo > 0 {
		add("e.outcome < ?", f.OutcomeTo)
	}
	if !f.From.IsZero() {
		add("e.time >= ? AND e.seq >= "+firstAt, f.From.UnixMilli(), f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("e.time < ? AND e.seq < coalesce("+firstAt+", 1 << 62)", f.To.UnixMilli(), f.To.UnixMilli())
	}
	if f.Since > 0 {
		add("e.seq >= ?", f.Since)
	}
	if f.Before > 0 {
		add("e.seq < ?", f.Before)
	}
	if !f.Oldest {
		order += " DESC"
	}
	query := "SELECT e.seq FROM " + from
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return query + " ORDER BY " + order, args
}

// firstAt is the first entry at or after a time; times do not decrease in a log.
const firstAt = "(SELECT seq FROM entries WHERE time >= ? ORDER BY time, seq LIMIT 1)"

// hasWord looks for one whole word in a list separated by spaces.
func hasWord(column string) string {
	return "instr(' ' || " + column + " || ' ', ' ' || ? || ' ') > 0"
}
