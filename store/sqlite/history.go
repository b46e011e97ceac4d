package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// historian answers one page of a history.
type historian struct {
	conn
	ctx        context.Context
	s          *Store
	h          *store.History
	epoch      int64
	at         historyCursor
	protection *protection
	examined   int

	total int64
	kept  []*row // up to Limit+1
}

// historyCursor is the newest stamp of the first page and the last version shown.
type historyCursor struct {
	Top  int64 `json:"t"`
	Last int64 `json:"l"`
}

// History returns versions newest first, in the order of their stamps.
func (s *Store) History(ctx context.Context, h store.History) (page store.Page, err error) {
	err = s.read.read(ctx, func(c conn) error {
		page, err = s.history(ctx, c, &h)
		return err
	})
	var known *fhir.Error
	if err != nil && !errors.As(err, &known) {
		err = fmt.Errorf("history: %w", err)
	}
	return page, err
}

func (s *Store) history(ctx context.Context, c conn, h *store.History) (page store.Page, err error) {
	x := &historian{conn: c, ctx: ctx, s: s, h: h, protection: newProtection(c)}
	if err := x.begin(); err != nil {
		return page, err
	}
	if err := x.scan(); err != nil {
		return page, err
	}
	page = store.Page{Total: -1, Epoch: x.epoch}
	if h.Count {
		page.Total = x.total
	}
	n := min(len(x.kept), h.Limit)
	if n > 0 && len(x.kept) > n {
		if page.Next, err = json.Marshal(historyCursor{Top: x.at.Top, Last: x.kept[n-1].stamp}); err != nil {
			return page, err
		}
	}
	page.Matches, err = s.versions(x.kept[:n], x.epoch)
	return page, err
}

func (x *historian) begin() error {
	err := x.each("SELECT "+epochQuery+", (SELECT max(stamp) FROM versions)", func(st *sqlite.Stmt) error {
		x.epoch, x.at.Top = st.ColumnInt64(0), st.ColumnInt64(1)
		return nil
	})
	x.at.Last = math.MaxInt64
	if err == nil && x.h.After != nil && json.Unmarshal(x.h.After, &x.at) != nil {
		return &fhir.Error{Kind: fhir.Invalid, Detail: "The paging link is not valid. Ask for the history again."}
	}
	return err
}

// selection is the part of versions that may belong to the history, newest first.
func (x *historian) selection() (query string, args []any, ok bool, err error) {
	query = "SELECT " + rowColumns + " FROM versions v JOIN resources r ON r.rid = v.rid WHERE v.stamp <= ? AND v.stamp >= ?"
	order := " ORDER BY v.stamp DESC LIMIT 64"
	if x.h.Type == "" {
		return query + order, nil, true, nil
	}
	typ, ok := x.s.names.id(x.h.Type, "")
	if !ok {
		return "", nil, false, nil
	}
	if x.h.ID == "" {
		return query + " AND v.type = ?" + order, []any{typ}, true, nil
	}
	rid, err := x.number("SELECT rid FROM resources WHERE type = ? AND id = ?", typ, x.h.ID)
	return query + " AND v.rid = ? ORDER BY v.version DESC LIMIT 64", []any{rid}, rid > 0, err
}

// scan visits versions in chunks. A stamp is never below its version's time, so
// since bounds the scan; at does not, because an old version may still be current.
func (x *historian) scan() error {
	query, args, ok, err := x.selection()
	if err != nil || !ok {
		return err
	}
	lowest := int64(0)
	if !x.h.Since.IsZero() {
		lowest = x.h.Since.UnixMilli() << stampShift
	}
	for top := x.first(); ; {
		var rows []*row
		err := x.each(query, func(st *sqlite.Stmt) error {
			rows = append(rows, x.s.names.scanRow(st, 0))
			return nil
		}, append([]any{top, lowest}, args...)...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if more, err := x.take(r); err != nil || !more {
				return err
			}
			top = r.stamp - 1
		}
		if len(rows) < 64 {
			return nil
		}
	}
}

// first is the stamp to begin with: counting begins at the top again.
func (x *historian) first() int64 {
	if x.h.Count || x.at.Last == math.MaxInt64 {
		return x.at.Top
	}
	return min(x.at.Top, x.at.Last-1)
}

func (x *historian) take(r *row) (more bool, err error) {
	if x.examined++; x.examined > search.MaxExamined {
		return false, search.TooCostly("The history would have to examine too many versions. Narrow it by resource or by _since.")
	}
	if err := x.ctx.Err(); err != nil {
		return false, err
	}
	ok, err := x.selected(r)
	if err != nil || !ok {
		return true, err
	}
	if err := x.protection.protect(r); err != nil {
		return false, err
	}
	if x.h.Visible != nil {
		seen, err := r.Seen(x.epoch)
		if err != nil {
			return false, err
		}
		if ok, err := x.h.Visible(seen); err != nil || !ok {
			return true, err
		}
	}
	x.total++
	if r.stamp < x.at.Last && len(x.kept) <= x.h.Limit {
		x.kept = append(x.kept, r)
	}
	return x.h.Count || len(x.kept) <= x.h.Limit, nil
}

// selected applies since and at.
func (x *historian) selected(r *row) (bool, error) {
	if !x.h.Since.IsZero() && time.UnixMilli(r.at).Before(x.h.Since) {
		return false, nil
	}
	if x.h.At.IsZero() || !time.UnixMilli(r.at).Before(x.h.At) {
		return true, nil
	}
	end := int64(math.MaxInt64)
	err := x.each("SELECT at FROM versions WHERE rid = ? AND version = ?", func(st *sqlite.Stmt) error {
		end = st.ColumnInt64(0)
		return nil
	}, r.rid, r.version+1)
	return end > x.h.At.UnixMilli(), err
}
