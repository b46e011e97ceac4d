package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// row is one stored version; its index is still packed.
type row struct {
	plan.Row
	packedIndex []byte
}

// rowColumns belongs to scanRow. r is resources, v is versions.
const rowColumns = `r.rid, r.type, r.id, v.stamp, v.version, v.at, v.deleted, v.method, v.owner, v.seq, v.hash, v.facts, v.idx, v.body`

// Queries for one current row. The subquery keeps bound values out of the join:
// SQLite compiles a plan that depends on them anew for every use.
const (
	currentJoin = " LIMIT 1) r JOIN versions v ON v.stamp = r.stamp"
	currentByID = rowColumns + " FROM (SELECT * FROM resources WHERE type = ? AND id = ?" + currentJoin
	currentRow  = rowColumns + " FROM (SELECT * FROM resources WHERE rid = ?" + currentJoin
)

// scanRow reads rowColumns from column col on. The blobs share one allocation.
func (n *names) scanRow(st *sqlite.Stmt, col int) *plan.Row {
	r := &row{Row: plan.Row{
		Place: st.ColumnInt64(col), Ref: fhir.Ref{Type: n.typeOf(st.ColumnInt64(col + 1)), ID: st.ColumnText(col + 2)},
		Stamp: st.ColumnInt64(col + 3), Version: st.ColumnInt64(col + 4), Updated: st.ColumnInt64(col + 5),
		Deleted: st.ColumnInt64(col+6) != 0, Purged: n.purged(st.ColumnInt64(col + 6)), Method: method(st, col+7), Owner: st.ColumnText(col + 8),
		Source: n.source, Seq: st.ColumnInt64(col + 9),
	}}
	r.Columns = r
	copyFixed(r.Hash[:], st, col+10)
	facts, index, body := st.ColumnLen(col+11), st.ColumnLen(col+12), st.ColumnLen(col+13)
	room := make([]byte, facts+index+body)
	st.ColumnBytes(col+11, room[:facts])
	st.ColumnBytes(col+12, room[facts:facts+index])
	st.ColumnBytes(col+13, room[facts+index:])
	r.PackedFacts = room[:facts:facts]
	r.packedIndex = room[facts : facts+index : facts+index]
	if !st.ColumnIsNull(col + 13) {
		r.PackedBody = room[facts+index:]
	}
	return &r.Row
}

// purgedBy is what the column deleted of versions has for what entry 0 has purged: 0 is a
// document, 1 a tombstone.
const purgedBy = 2

// purged reads that column.
func (n *names) purged(deleted int64) string {
	if deleted < purgedBy {
		return ""
	}
	return ledgerbridge.Place(n.source, deleted-purgedBy)
}

// deletedColumn writes it.
func (r *row) deletedColumn() int64 {
	switch {
	case r.Purged != "":
		_, seq, _ := ledgerbridge.ParsePlace(r.Purged)
		return purgedBy + seq
	case r.Deleted:
		return 1
	}
	return 0
}

// method avoids an allocation for the three usual methods.
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

// Damaged is the error of a column that cannot be decoded.
func (r *row) Damaged(column string) error {
	return &store.Finding{
		File: mainFile, Table: "versions", Row: fmt.Sprintf("%s/_history/%d", r.Ref, r.Version),
		Column: column, What: "cannot be decoded",
	}
}

// DecodeIndex decodes the column idx.
func (r *row) DecodeIndex() (*search.Index, error) {
	x, err := storedIndex(r.packedIndex)
	if err != nil {
		return nil, r.Damaged("idx")
	}
	return x, nil
}

// DecodeRanges decodes what comes before the keys.
func (r *row) DecodeRanges() (*search.Index, error) {
	raw, err := store.Unpack(r.packedIndex)
	if err != nil {
		return nil, r.Damaged("idx")
	}
	x, rest := decodeRanges(raw)
	if rest.bad {
		return nil, r.Damaged("idx")
	}
	return x, nil
}

// Get returns the current version in one statement, so in one snapshot. It does not wait
// for searches: visibility functions call it.
func (s *Store) Get(ctx context.Context, ref fhir.Ref) (store.Version, error) {
	var r *plan.Row
	var epoch int64
	err := s.consentRead.use(ctx, func(c conn) error {
		return c.each("SELECT "+epochQuery+", "+currentByID, func(st *sqlite.Stmt) error {
			epoch, r = st.ColumnInt64(0), s.names.scanRow(st, 1)
			return nil
		}, s.names.id(ref.Type, ""), ref.ID)
	})
	if err != nil {
		return store.Version{}, fmt.Errorf("get: %w", err)
	}
	if r == nil {
		return store.Version{}, store.ErrNotFound
	}
	return r.Full(epoch)
}

const epochQuery = "(SELECT value FROM counters WHERE name = 'epoch')"

// GetVersion returns one version of the history.
func (s *Store) GetVersion(ctx context.Context, ref fhir.Ref, version int64) (v store.Version, err error) {
	err = s.snapshot(ctx, s.read, "get version", func(x *reader) error {
		r, err := x.one("SELECT "+rowColumns+` FROM (SELECT * FROM resources WHERE type = ? AND id = ? LIMIT 1) r
			JOIN versions v ON v.rid = r.rid AND v.version = ?`, s.names.id(ref.Type, ""), ref.ID, version)
		if err != nil {
			return err
		}
		v, err = plan.PastVersion(x, x.epoch, r)
		return err
	})
	return v, err
}

// GetAt returns the version that was current at a time.
func (s *Store) GetAt(ctx context.Context, ref fhir.Ref, at time.Time) (v store.Version, err error) {
	err = s.consentRead.read(ctx, func(c conn) error {
		epoch, err := c.number("SELECT " + epochQuery)
		if err != nil {
			return err
		}
		x := &reader{conn: c, names: &s.names}
		rows, err := x.all("SELECT "+rowColumns+` FROM (SELECT * FROM resources WHERE type = ? AND id = ? LIMIT 1) r
			JOIN versions v ON v.rid = r.rid WHERE v.at <= ? ORDER BY v.version DESC LIMIT 1`, s.names.id(ref.Type, ""), ref.ID, at.UnixMilli())
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return store.ErrNotFound
		}
		v, err = rows[0].Full(epoch)
		return err
	})
	return v, err
}
