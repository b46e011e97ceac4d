package sqlite

import (
	"context"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// History returns versions newest first, in the order of their stamps.
func (s *Store) History(ctx context.Context, h store.History) (page store.Page, err error) {
	err = s.sets.Fresh(func(sets *search.Sets) error {
		return s.snapshot(ctx, s.searches, "history", func(x *reader) error {
			page, err = search.History(ctx, x, search.Options{Epoch: x.epoch, Patience: s.patience, Sets: sets, Passing: x}, &h)
			return err
		})
	})
	return page, err
}

var (
	_ search.HistoryReader = (*reader)(nil)
	_ search.Passing       = (*reader)(nil)
)

// Newest is the highest stamp.
func (x *reader) Newest() (int64, error) { return x.Stamp, nil }

// Past reads from the index that fits the history.
func (x *reader) Past(h *store.History, lowest, highest int64, limit int) (rows []*search.Row, err error) {
	query, order := "SELECT "+rowColumns+" FROM versions v JOIN resources r ON r.rid = v.rid WHERE v.stamp >= ? AND v.stamp <= ?", "v.stamp"
	args := []any{lowest, highest}
	if h.Type != "" {
		args = append(args, x.names.id(h.Type, ""))
	}
	switch {
	case h.ID != "":
		query += " AND v.rid = (SELECT rid FROM resources WHERE type = ? AND id = ?)"
		order, args = "v.version", append(args, h.ID)
	case h.Type != "":
		query += " AND v.type = ?"
	}
	err = x.each(query+" ORDER BY "+order+" DESC LIMIT ?", func(st *sqlite.Stmt) error {
		if rows = append(rows, x.names.scanRow(st, 0)); search.Enough(rows) {
			return errStop
		}
		return nil
	}, append(args, limit)...)
	return rows, err
}

// Types have names.
func (x *reader) Types() []string { return x.names.types() }

// Stamps reads an index that has all that it says.
func (x *reader) Stamps(typ string, lowest, highest int64, limit int, pass func(int) error) (all []search.Stamped, err error) {
	err = x.each("SELECT stamp, rid FROM versions INDEXED BY versions_of WHERE type = ? AND stamp >= ? AND stamp <= ? ORDER BY stamp DESC LIMIT ?", func(st *sqlite.Stmt) error {
		all = append(all, search.Stamped{Stamp: st.ColumnInt64(0), Type: typ, Place: st.ColumnInt64(1)})
		return nil
	}, x.names.id(typ, ""), lowest, highest, limit)
	if err != nil {
		return nil, err
	}
	return all, pass(len(all))
}

// At reads one version after the other.
func (x *reader) At(stamps []int64) (rows []*search.Row, err error) {
	for _, stamp := range stamps {
		r, err := x.one("SELECT "+rowColumns+" FROM (SELECT * FROM versions WHERE stamp = ? LIMIT 1) v JOIN resources r ON r.rid = v.rid", stamp)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		if rows = append(rows, r); search.Enough(rows) {
			break
		}
	}
	return rows, nil
}

// Later reads the later versions of one resource after the other.
func (x *reader) Later(than []*search.Row, visit func(*search.Row) error) error {
	for _, r := range than {
		err := x.each("SELECT version, at, facts FROM versions WHERE rid = ? AND version > ? ORDER BY version", func(st *sqlite.Stmt) error {
			later := &row{Row: search.Row{Ref: r.Ref, Version: st.ColumnInt64(0), Updated: st.ColumnInt64(1), PackedFacts: blob(st, 2)}}
			later.Columns = later
			return visit(&later.Row)
		}, r.Place, r.Version)
		if err != nil {
			return err
		}
	}
	return nil
}
