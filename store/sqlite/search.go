package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Bounds of what one search may cost.
const (
	maxExamined = 500_000 // rows read
	maxIncluded = 5_000   // resources added by _include and _revinclude
	maxRounds   = 8       // depth of :iterate
)

// searcher answers one search, or checks one guard, in one snapshot.
type searcher struct {
	conn
	patience
	ctx      context.Context
	names    *names
	visible  store.Visible
	epoch    int64
	examined int
	found    map[fhir.Ref]*row // visible current rows by reference; nil: none
}

// cursor is where a walk stands: the snapshot it began in and the last match.
type cursor struct {
	Stamp int64    `json:"s"`           // of the first page
	Last  int64    `json:"l"`           // highest rid then
	Rid   int64    `json:"r"`           // last match
	Sort  [][]byte `json:"v,omitempty"` // its sort values, nil for none
}

// Search answers a query in one read transaction.
func (s *Store) Search(ctx context.Context, q store.Search) (page store.Page, err error) {
	err = s.read.read(ctx, func(c conn) error {
		page, err = s.search(ctx, c, &s.names, q)
		return err
	})
	var known *fhir.Error
	if err != nil && !errors.As(err, &known) {
		err = fmt.Errorf("search: %w", err)
	}
	return page, err
}

func (s *Store) search(ctx context.Context, c conn, n *names, q store.Search) (store.Page, error) {
	x := &searcher{conn: c, patience: s.patience, ctx: ctx, names: n, visible: q.Visible, found: map[fhir.Ref]*row{}}
	at, err := x.begin(q.After)
	if err != nil {
		return store.Page{}, err
	}
	out := newCollector(&q, at)
	if err := x.matches(q.Query, at, out); err != nil {
		return store.Page{}, err
	}
	return s.page(x, &q, out)
}

// page turns what was collected into the answer.
func (s *Store) page(x *searcher, q *store.Search, out *collector) (store.Page, error) {
	p := store.Page{Total: -1, Epoch: x.epoch}
	if q.Count {
		p.Total = out.total
	}
	if q.NoBody {
		return p, nil
	}
	rows, next, err := out.page()
	if err != nil {
		return p, err
	}
	p.Next = next
	included, err := x.include(rows, q.Query.Include)
	if err != nil {
		return p, err
	}
	if p.Matches, err = s.versions(rows, x.epoch); err != nil {
		return p, err
	}
	p.Included, err = s.versions(included, x.epoch)
	return p, err
}

func (s *Store) versions(rows []*row, epoch int64) ([]store.Version, error) {
	all := make([]store.Version, len(rows))
	for i, r := range rows {
		var err error
		if all[i], err = s.full(r, epoch); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// begin reads the state of the snapshot and where the walk stands.
func (x *searcher) begin(after []byte) (at cursor, err error) {
	err = x.each("SELECT "+epochQuery+", (SELECT max(stamp) FROM versions), (SELECT max(rid) FROM resources)", func(st *sqlite.Stmt) error {
		x.epoch, at.Stamp, at.Last = st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2)
		return nil
	})
	if err == nil && after != nil {
		if json.Unmarshal(after, &at) != nil {
			err = &fhir.Error{Kind: fhir.Invalid, Detail: "The paging link is not valid. Search again."}
		}
	}
	return at, err
}

// matches hands all visible matches that the walk may still show to out.
func (x *searcher) matches(q *fhir.Query, at cursor, out *collector) error {
	p, err := x.plan(q.Type, q.Where)
	if err != nil || p == nil {
		return err
	}
	from := at.Rid
	if out.needsAll() {
		from = 0
	}
	return x.scan(p, from, func(r *row) (bool, error) {
		if r.rid > at.Last {
			return false, nil
		}
		then := r
		if r.stamp > at.Stamp {
			if then, err = x.rowAt(r.rid, at.Stamp); err != nil || then == nil || then.deleted {
				return true, err
			}
		}
		return out.add(r, then)
	})
}

// scan visits the visible rows that satisfy a plan, in the order of rid, until
// visit says stop.
func (x *searcher) scan(p *plan, after int64, visit func(*row) (bool, error)) error {
	for n := 64; ; n = min(4*n, 1024) {
		rids, err := p.source.next(after, n)
		if err != nil {
			return err
		}
		for _, rid := range rids {
			r, err := x.candidate(rid, p)
			if err != nil {
				return err
			}
			if r == nil {
				continue
			}
			if more, err := visit(r); err != nil || !more {
				return err
			}
		}
		if len(rids) < n {
			return nil
		}
		after = rids[len(rids)-1]
	}
}

// candidate reads a row and returns it if it satisfies the plan and is visible.
func (x *searcher) candidate(rid int64, p *plan) (*row, error) {
	r, err := x.load(rid)
	if err != nil || r == nil || r.deleted || r.ref.Type != p.typ {
		return nil, err
	}
	ok, err := x.holdsAll(p.rest, r)
	if err != nil || !ok {
		return nil, err
	}
	ok, err = x.sees(r)
	if err != nil || !ok {
		return nil, err
	}
	return r, nil
}

// load reads a current row; it may be a tombstone.
func (x *searcher) load(rid int64) (r *row, err error) {
	if err := x.count(); err != nil {
		return nil, err
	}
	err = x.each("SELECT "+currentRow, func(st *sqlite.Stmt) error {
		r = x.names.scanRow(st, 0)
		return nil
	}, rid)
	return r, err
}

// count bounds what a search may look at.
func (x *searcher) count() error {
	x.examined++
	if x.examined > maxExamined {
		return tooCostly("The search would have to examine too many resources. Add criteria that narrow it.")
	}
	return x.ctx.Err()
}

// rowAt reads the version that was current at a stamp, nil if there was none.
func (x *searcher) rowAt(rid, stamp int64) (r *row, err error) {
	err = x.each("SELECT "+rowColumns+` FROM (SELECT * FROM versions WHERE rid = ? AND stamp <= ? ORDER BY version DESC LIMIT 1) v
		JOIN resources r ON r.rid = v.rid`, func(st *sqlite.Stmt) error {
		r = x.names.scanRow(st, 0)
		return nil
	}, rid, stamp)
	return r, err
}

func (x *searcher) sees(r *row) (bool, error) {
	if x.visible == nil {
		return true, nil
	}
	seen, err := r.seen(x.epoch)
	if err != nil {
		return false, err
	}
	return x.visible(seen)
}

// maxRemembered bounds the memory of referenced rows.
const maxRemembered = 20_000

// find returns the visible current row of a reference, nil if there is none.
func (x *searcher) find(ref fhir.Ref) (*row, error) {
	if r, ok := x.found[ref]; ok {
		return r, nil
	}
	typ, ok := x.names.id(ref.Type, "")
	if !ok {
		return nil, nil
	}
	if err := x.count(); err != nil {
		return nil, err
	}
	var r *row
	err := x.each("SELECT "+currentByID, func(st *sqlite.Stmt) error {
		r = x.names.scanRow(st, 0)
		return nil
	}, typ, ref.ID)
	if err != nil {
		return nil, err
	}
	if r != nil && r.deleted {
		r = nil
	}
	if r != nil {
		if ok, err := x.sees(r); err != nil {
			return nil, err
		} else if !ok {
			r = nil
		}
	}
	if len(x.found) >= maxRemembered {
		clear(x.found)
	}
	x.found[ref] = r
	return r, nil
}
