package sqlite

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// reader reads for one search or history, in one read transaction.
type reader struct {
	conn
	names *names
	epoch int64
	mark
	began *mark // of the walk, once Then has read it
}

// mark is a snapshot in a paging link.
type mark struct {
	Stamp int64 `json:"s"` // highest stamp
	Last  int64 `json:"l"` // highest rid
}

var _ search.Reader = (*reader)(nil)

// snapshot runs do in one read transaction of a pool. Errors say that what failed.
func (s *Store) snapshot(ctx context.Context, from *pool, what string, do func(*reader) error) error {
	err := from.read(ctx, func(c conn) error {
		x, err := newReader(c, &s.names)
		if err != nil {
			return err
		}
		return do(x)
	})
	return search.Failed(what, err)
}

func newReader(c conn, n *names) (*reader, error) {
	x := &reader{conn: c, names: n}
	var last int64
	err := x.each("SELECT "+epochQuery+", (SELECT max(stamp) FROM versions), (SELECT max(rid) FROM resources), (SELECT max(id) FROM names)", func(st *sqlite.Stmt) error {
		x.epoch, x.Stamp, x.Last, last = st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2), st.ColumnInt64(3)
		return nil
	})
	if err == nil {
		x.names, err = n.upTo(last, c)
	}
	return x, err
}

// Search answers a query in one read transaction.
func (s *Store) Search(ctx context.Context, q store.Search) (page store.Page, err error) {
	from := s.searches
	if q.Judging {
		from = s.consentRead
	}
	err = s.sets.Fresh(func(sets *search.Sets) error {
		return s.snapshot(ctx, from, "search", func(x *reader) error {
			page, err = s.search(ctx, x, q, sets)
			return err
		})
	})
	return page, err
}

// search answers a query; sets is nil if the snapshot is not that of what was committed.
func (s *Store) search(ctx context.Context, x *reader, q store.Search, sets *search.Sets) (store.Page, error) {
	if err := x.planned(q.Query.Plan); err != nil {
		return store.Page{}, err
	}
	o := search.Options{Epoch: x.epoch, Patience: s.patience, Choice: s.choice, Sets: sets}
	if s.opts.Tune != nil {
		s.opts.Tune(&o)
	}
	return search.Run(ctx, x, o, &q)
}

// Position names the snapshot by its last stamp.
func (x *reader) Position(bool) ([]byte, error) { return strconv.AppendInt(nil, x.Stamp, 10), nil }

func (x *reader) Mark() (json.RawMessage, error) { return json.Marshal(x.mark) }

func (x *reader) Then(r *search.Row, at json.RawMessage) (*search.Row, error) {
	began, err := x.start(at)
	switch {
	case err != nil || r.Place > began.Last:
		return nil, err
	case r.Stamp <= began.Stamp:
		return r, nil
	}
	return x.one("SELECT "+rowColumns+` FROM (SELECT * FROM versions WHERE rid = ? AND stamp <= ? ORDER BY version DESC LIMIT 1) v
		JOIN resources r ON r.rid = v.rid`, r.Place, began.Stamp)
}

// start reads where the walk began.
func (x *reader) start(at json.RawMessage) (*mark, error) {
	if x.began == nil {
		began := &mark{}
		if json.Unmarshal(at, began) != nil {
			return nil, search.BadLink("Search again.")
		}
		x.began = began
	}
	return x.began, nil
}

// all reads rows.
func (x *reader) all(query string, args ...any) (rows []*search.Row, err error) {
	err = x.each(query, func(st *sqlite.Stmt) error {
		rows = append(rows, x.names.scanRow(st, 0))
		return nil
	}, args...)
	return rows, err
}

// one reads a row.
func (x *reader) one(query string, args ...any) (found *search.Row, err error) {
	err = x.each(query, func(st *sqlite.Stmt) error {
		found = x.names.scanRow(st, 0)
		return nil
	}, args...)
	return found, err
}

func (x *reader) Find(ref fhir.Ref) (*search.Row, error) {
	return x.one("SELECT "+currentByID, x.names.id(ref.Type, ""), ref.ID)
}

// Expect does nothing: reading one row costs as much among many.
func (x *reader) Expect([]fhir.Ref) error { return nil }

// Rows reads each row only when the caller reaches it.
func (x *reader) Rows(_ string, rids []int64) iter.Seq2[*search.Row, error] {
	return func(yield func(*search.Row, error) bool) {
		for _, rid := range rids {
			r, err := x.one("SELECT "+currentRow, rid)
			if r == nil && err == nil {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func (x *reader) Scan(typ string, keys []string, after int64) iter.Seq2[*search.Row, error] {
	next := x.source(typ, keys)
	return func(yield func(*search.Row, error) bool) {
		for n := 64; ; n = min(4*n, 1024) {
			rids, err := next(after, n)
			if err != nil {
				yield(nil, err)
				return
			}
			for r, err := range x.Rows(typ, rids) {
				if !yield(r, err) || err != nil {
					return
				}
			}
			if len(rids) < n {
				return
			}
			after = rids[len(rids)-1]
		}
	}
}

var keyQueries = [...]string{
	1: "SELECT a.rid FROM ix a WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
	2: "SELECT a.rid FROM ix a CROSS JOIN ix b ON b.rid = a.rid AND b.p = ? AND b.v = ?" +
		" WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
	3: "SELECT a.rid FROM ix a CROSS JOIN ix b ON b.rid = a.rid AND b.p = ? AND b.v = ?" +
		" CROSS JOIN ix c ON c.rid = a.rid AND c.p = ? AND c.v = ?" +
		" WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
	4: "SELECT a.rid FROM ix a CROSS JOIN ix b ON b.rid = a.rid AND b.p = ? AND b.v = ?" +
		" CROSS JOIN ix c ON c.rid = a.rid AND c.p = ? AND c.v = ?" +
		" CROSS JOIN ix d ON d.rid = a.rid AND d.p = ? AND d.v = ?" +
		" WHERE a.p = ? AND a.v = ? AND a.rid > ? ORDER BY a.rid LIMIT ?",
}

// source gives up to n rids greater than after of rows that have all keys.
func (x *reader) source(typ string, keys []string) func(after int64, n int) ([]int64, error) {
	if len(keys) == 0 {
		id := x.names.id(typ, "")
		return func(after int64, n int) ([]int64, error) {
			return x.rids(n, "SELECT rid FROM resources WHERE type = ? AND deleted = 0 AND rid > ? ORDER BY rid LIMIT ?", id, after, n)
		}
	}
	if i := slices.IndexFunc(keys, func(k string) bool { return strings.HasPrefix(k, idKey) }); i >= 0 {
		return x.identified(typ, keys[i], slices.Delete(slices.Clone(keys), i, i+1))
	}
	args := make([]any, 0, 2*len(keys)+2)
	for _, k := range append(keys[1:len(keys):len(keys)], keys[0]) {
		p, v := x.key(typ, k)
		args = append(args, p, v)
	}
	return func(after int64, n int) ([]int64, error) {
		return x.rids(n, keyQueries[len(keys)], append(args[:2*len(keys):2*len(keys)], after, n)...)
	}
}

// identified gives the rid of the resource with an id key, if it has others, too.
func (x *reader) identified(typ, id string, others []string) func(after int64, n int) ([]int64, error) {
	return func(after int64, n int) ([]int64, error) {
		rids, err := x.collectKey(typ, id, 1)
		for _, k := range others {
			if err != nil || len(rids) == 0 {
				break
			}
			if strings.HasPrefix(k, idKey) && k != id {
				return nil, nil
			}
			if strings.HasPrefix(k, idKey) {
				continue
			}
			p, v := x.key(typ, k)
			rids, err = x.rids(1, "SELECT rid FROM ix WHERE p = ? AND v = ? AND rid = ?", p, v, rids[0])
		}
		if len(rids) > 0 && rids[0] <= after {
			rids = nil
		}
		return rids, err
	}
}

// key locates the rows of a key, or of a parameter with what further distinguishes it.
func (x *reader) key(typ, key string) (p int64, v string) {
	param, rest := search.CutKey(key)
	return x.names.id(typ, param), rest
}

// rids runs a query for row ids.
func (x *reader) rids(room int, query string, args ...any) ([]int64, error) {
	rids := make([]int64, 0, min(room, 64))
	err := x.each(query, func(st *sqlite.Stmt) error {
		rids = append(rids, st.ColumnInt64(0))
		return nil
	}, args...)
	return rids, err
}

// Explain says how a query would be answered.
func (s *Store) Explain(ctx context.Context, q store.Search) (all []store.Explanation, err error) {
	err = s.snapshot(ctx, s.searches, "explain", func(x *reader) error {
		if err := x.planned(q.Query.Plan); err != nil {
			return err
		}
		all, err = search.Explain(ctx, x, search.Options{Epoch: x.epoch, Patience: s.patience}, &q)
		return err
	})
	return all, err
}
