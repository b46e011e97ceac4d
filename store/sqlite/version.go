package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// row is one stored version as it was read; facts and index are decoded when
// somebody asks.
type row struct {
	rid, stamp int64
	ref        fhir.Ref
	version    int64
	at         int64
	deleted    bool
	method     string
	owner      string
	seq        int64
	hash       fhir.Hash
	rawFacts   []byte
	rawIndex   []byte
	rawBody    []byte

	facts  *fhir.Facts
	index  *search.Index
	ranges *search.Index // without keys
}

// rowColumns belongs to scanRow. r is resources, v is versions.
const rowColumns = `r.rid, r.type, r.id, v.stamp, v.version, v.at, v.deleted, v.method, v.owner, v.seq, v.hash, v.facts, v.idx, v.body`

// Queries for one current row. The subquery keeps bound values out of the join:
// a plan that depends on them is compiled anew for every use.
const (
	currentJoin = " LIMIT 1) r JOIN versions v ON v.stamp = r.stamp"
	currentByID = rowColumns + " FROM (SELECT * FROM resources WHERE type = ? AND id = ?" + currentJoin
	currentRow  = rowColumns + " FROM (SELECT * FROM resources WHERE rid = ?" + currentJoin
)

// scanRow reads rowColumns from column col on. The blobs share one allocation.
func (n *names) scanRow(st *sqlite.Stmt, col int) *row {
	r := &row{
		rid: st.ColumnInt64(col), ref: fhir.Ref{Type: n.typeOf(st.ColumnInt64(col + 1)), ID: st.ColumnText(col + 2)},
		stamp: st.ColumnInt64(col + 3), version: st.ColumnInt64(col + 4), at: st.ColumnInt64(col + 5),
		deleted: st.ColumnBool(col + 6), method: method(st, col+7), owner: st.ColumnText(col + 8),
		seq: st.ColumnInt64(col + 9),
	}
	copyFixed(r.hash[:], st, col+10)
	facts, index, body := st.ColumnLen(col+11), st.ColumnLen(col+12), st.ColumnLen(col+13)
	room := make([]byte, facts+index+body)
	st.ColumnBytes(col+11, room[:facts])
	st.ColumnBytes(col+12, room[facts:facts+index])
	st.ColumnBytes(col+13, room[facts+index:])
	r.rawFacts = room[:facts:facts]
	r.rawIndex = room[facts : facts+index : facts+index]
	if !st.ColumnIsNull(col + 13) {
		r.rawBody = room[facts+index:]
	}
	return r
}

// method avoids an allocation for the three methods there are.
func method(st *sqlite.Stmt, col int) string {
	switch st.ColumnLen(col) {
	case 3:
		return "PUT"
	case 4:
		return "POST"
	case 6:
		return "DELETE"
	}
	return st.ColumnText(col)
}

// What a search asks of a row.
func (r *row) Ref() fhir.Ref  { return r.ref }
func (r *row) Place() int64   { return r.rid }
func (r *row) Updated() int64 { return r.at }
func (r *row) Deleted() bool  { return r.deleted }

// damaged is the error of a column that cannot be decoded.
func (r *row) damaged(column string) error {
	return &store.Finding{
		File: mainFile, Table: "versions", Row: fmt.Sprintf("%s/_history/%d", r.ref, r.version),
		Column: column, What: "cannot be decoded",
	}
}

func (r *row) loadFacts() (*fhir.Facts, error) {
	if r.facts == nil {
		f, err := storedFacts(r.rawFacts)
		if err != nil {
			return nil, r.damaged("facts")
		}
		r.facts = &f
	}
	return r.facts, nil
}

// Index gives the search keys.
func (r *row) Index() (*search.Index, error) {
	if r.index != nil {
		return r.index, nil
	}
	x, err := storedIndex(r.rawIndex)
	if err != nil {
		return nil, r.damaged("idx")
	}
	r.index, r.ranges = x, x
	return x, nil
}

// Ranges is Index without the keys.
func (r *row) Ranges() (*search.Index, error) {
	if r.ranges != nil {
		return r.ranges, nil
	}
	raw, err := store.Unpack(r.rawIndex)
	if err != nil {
		return nil, r.damaged("idx")
	}
	x, rest := decodeRanges(raw)
	if rest.bad {
		return nil, r.damaged("idx")
	}
	r.ranges = x
	return x, nil
}

// Seen is what a visibility function is shown.
func (r *row) Seen(epoch int64) (store.Row, error) {
	f, err := r.loadFacts()
	return store.Row{Ref: r.ref, Version: r.version, Owner: r.owner, Deleted: r.deleted, Facts: f, Epoch: epoch}, err
}

// full is the row with its document, as the contract returns it.
func (s *Store) full(r *row, epoch int64) (store.Version, error) {
	f, err := r.loadFacts()
	if err != nil {
		return store.Version{}, err
	}
	body, err := store.Unpack(r.rawBody)
	if err != nil {
		return store.Version{}, r.damaged("body")
	}
	return store.Version{
		Ref: r.ref, Version: r.version, LastUpdated: time.UnixMilli(r.at).UTC(),
		Deleted: r.deleted, Method: r.method, Owner: r.owner, Body: body, Hash: r.hash,
		Facts: *f, Source: s.changes.source, Seq: r.seq, Epoch: epoch,
	}, nil
}

// Get returns the current version in one statement, so in one snapshot.
func (s *Store) Get(ctx context.Context, ref fhir.Ref) (store.Version, error) {
	typ, ok := s.names.id(ref.Type, "")
	if !ok {
		return store.Version{}, store.ErrNotFound
	}
	var r *row
	var epoch int64
	err := s.read.use(ctx, func(c conn) error {
		return c.each("SELECT "+epochQuery+", "+currentByID, func(st *sqlite.Stmt) error {
			epoch, r = st.ColumnInt64(0), s.names.scanRow(st, 1)
			return nil
		}, typ, ref.ID)
	})
	if err != nil {
		return store.Version{}, fmt.Errorf("get: %w", err)
	}
	if r == nil {
		return store.Version{}, store.ErrNotFound
	}
	return s.full(r, epoch)
}

const epochQuery = "(SELECT value FROM counters WHERE name = 'epoch')"

// GetVersion returns one version of the history.
func (s *Store) GetVersion(ctx context.Context, ref fhir.Ref, version int64) (v store.Version, err error) {
	typ, ok := s.names.id(ref.Type, "")
	if !ok {
		return v, store.ErrNotFound
	}
	err = s.read.read(ctx, func(c conn) error {
		var r *row
		err := c.each("SELECT "+rowColumns+` FROM (SELECT * FROM resources WHERE type = ? AND id = ? LIMIT 1) r
			JOIN versions v ON v.rid = r.rid AND v.version = ?`, func(st *sqlite.Stmt) error {
			r = s.names.scanRow(st, 0)
			return nil
		}, typ, ref.ID, version)
		if err != nil {
			return err
		}
		if r == nil {
			return store.ErrNotFound
		}
		epoch, err := c.number("SELECT " + epochQuery)
		if err != nil {
			return err
		}
		if err := newProtection(c).protect(r); err != nil {
			return err
		}
		v, err = s.full(r, epoch)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("get version: %w", err)
	}
	return v, err
}

// protection gives a past version the patients and labels of all later ones: a
// label that was raised later protects the past too.
type protection struct {
	conn
	later map[int64]protected // by rid
}

// protected is what versions from one on say together.
type protected struct {
	from     int64
	patients []string
	labels   []fhir.Coding
}

func newProtection(c conn) *protection { return &protection{c, map[int64]protected{}} }

// protect changes r's facts. Versions of one resource mostly come one after the
// other, newest first; then nothing needs to be read again.
func (p *protection) protect(r *row) error {
	own, err := r.loadFacts()
	if err != nil {
		return err
	}
	later, ok := p.later[r.rid]
	if !ok || later.from != r.version+1 {
		if later, err = p.after(r); err != nil {
			return err
		}
	}
	merged := *own
	merged.Patients, merged.Labels = union(own.Patients, later.patients), union(own.Labels, later.labels)
	slices.Sort(merged.Patients)
	p.later[r.rid] = protected{r.version, slices.Clone(merged.Patients), slices.Clone(merged.Labels)}
	r.facts = &merged
	return nil
}

// after reads the facts of all versions after r.
func (p *protection) after(r *row) (all protected, err error) {
	err = p.each("SELECT facts FROM versions WHERE rid = ? AND version > ? ORDER BY version", func(st *sqlite.Stmt) error {
		f, err := storedFacts(blob(st, 0))
		if err != nil {
			return r.damaged("facts")
		}
		all.patients = union(all.patients, f.Patients)
		all.labels = union(all.labels, f.Labels)
		return nil
	}, r.rid, r.version)
	return all, err
}

// union is a followed by what only b has.
func union[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}
