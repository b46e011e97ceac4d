package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// changeUnit is the open transaction on resources and change log.
type changeUnit struct {
	logUnit
	s       *Store
	fresh   map[name]int64 // interned in this transaction
	pending pending
	marked  lengths
	ends
}

// ends are the last numbers in use.
type ends struct{ rid, stamp, name, epoch, plan int64 }

func (s *Store) beginChanges(c conn) (*changeUnit, error) {
	log := logUnit{conn: c, source: s.changes.source, now: s.opts.Now, keys: s.keys}
	u := &changeUnit{logUnit: log, s: s, fresh: map[name]int64{}}
	return u, u.undo()
}

func (u *changeUnit) mark() { u.marked = u.pending.length() }

// undo reads the last numbers in use, and forgets what came after the mark.
func (u *changeUnit) undo() error {
	if err := u.logUnit.undo(); err != nil {
		return err
	}
	err := u.each(`SELECT (SELECT max(rid) FROM resources), (SELECT max(stamp) FROM versions),
		(SELECT max(id) FROM names), (SELECT number FROM plan), `+epochQuery, func(st *sqlite.Stmt) error {
		u.ends = ends{rid: st.ColumnInt64(0), stamp: st.ColumnInt64(1), name: st.ColumnInt64(2), plan: st.ColumnInt64(3), epoch: st.ColumnInt64(4)}
		return nil
	})
	maps.DeleteFunc(u.fresh, func(_ name, id int64) bool { return id > u.name })
	u.pending.cut(u.marked)
	return err
}

func (u *changeUnit) settle() error { return u.pending.flush(u.conn) }
func (u *changeUnit) committed() {
	u.s.names.publish(u.fresh)
	u.s.acknowledged.Store(u.epoch)
}

// prepared is a Write that is ready except for what needs the database.
type prepared struct {
	*store.Write
	row        *row
	contentSum []byte
}

// Commit writes all of c or nothing.
func (s *Store) Commit(ctx context.Context, c store.Change) (r ledgerbridge.Receipt, err error) {
	if c.Entry == nil {
		return r, errors.New("commit: a change without a record")
	}
	writes, err := prepare(c.Writes)
	if err == nil {
		err = store.CheckKeep(c.Keep)
	}
	if err != nil {
		return r, fmt.Errorf("commit: %w", err)
	}
	err = s.write.do(ctx, len(c.Guards) > 0, func(u *changeUnit) error {
		r, err = u.commit(ctx, &c, writes)
		return err
	})
	return r, err
}

func prepare(all []store.Write) ([]prepared, error) {
	writes := make([]prepared, len(all))
	for i := range all {
		w := &all[i]
		if !w.Deleted && (w.Index == nil || w.Body == nil) {
			return nil, fmt.Errorf("%s: a version needs a body and an index", w.Ref)
		}
		facts, err := w.Facts.AppendBinary(nil)
		if err != nil {
			return nil, fmt.Errorf("%s: encode facts: %w", w.Ref, err)
		}
		r := &row{Row: plan.Row{
			Version: w.Expect + 1, Updated: w.LastUpdated.UnixMilli(), Deleted: w.Deleted, Method: w.Method, Owner: w.Owner,
			Hash: w.Hash, Purged: w.Purged, PackedFacts: store.Pack(facts),
		}}
		if !w.Deleted {
			r.packedIndex, r.PackedBody = store.Pack(encodeIndex(w.Index)), store.Pack(w.Body)
		}
		writes[i] = prepared{w, r, r.contentSum()}
	}
	return writes, nil
}

// commit checks before it writes.
func (u *changeUnit) commit(ctx context.Context, c *store.Change, writes []prepared) (r ledgerbridge.Receipt, err error) {
	if len(writes) > 0 && c.Plan != u.plan {
		return r, store.ErrChanged
	}
	work := store.GuardWork(len(c.Guards))
	for i := range c.Guards {
		if u.s.written.holds(&c.Guards[i]) {
			continue
		}
		if err := u.checkGuard(ctx, &c.Guards[i], work); err != nil {
			return r, err
		}
	}
	if err := u.keep(c.Keep); err != nil {
		return r, err
	}
	seq := u.next
	if r, err = u.append(c.Entry); err != nil {
		return r, err
	}
	if slices.ContainsFunc(writes, func(w prepared) bool { return store.Governs(w.Ref.Type) }) {
		if err := u.countEpoch(); err != nil {
			return r, err
		}
	}
	for i := range writes {
		stamp := max(u.stamp+1, writes[i].LastUpdated.UnixMilli()<<store.StampShift)
		if err := u.writeVersion(&writes[i], origin{stamp: stamp, seq: seq, base: u.s.base}); err != nil {
			return r, err
		}
	}
	return r, u.purge(c.Purges, r)
}

// countEpoch notes that the change writes what governs access.
func (u *changeUnit) countEpoch() error {
	u.epoch++
	return u.exec("UPDATE counters SET value = ? WHERE name = 'epoch'", u.epoch)
}

// origin is what a version gets from its commit: its stamp, its change log entry, and the
// id of the base URL that its index was made with.
type origin struct{ stamp, seq, base int64 }

// checkGuard searches again, inside the transaction. Whoever is to decide again searches
// outside of it.
func (u *changeUnit) checkGuard(ctx context.Context, g *store.Guard, work *store.Work) error {
	known := &u.s.names
	if len(u.fresh) > 0 {
		known = &names{source: u.s.names.source}
		known.p.Store(u.s.names.p.Load())
		known.publish(u.fresh)
	}
	x, err := newReader(u.conn, known)
	if err != nil {
		return err
	}
	page, err := u.s.search(ctx, x, g.Search(work), nil)
	return g.Check(page, err)
}

// current is what the resources table says before a write.
type current struct {
	rid, version, stamp int64
	deleted             bool
}

func (u *changeUnit) writeVersion(w *prepared, at origin) error {
	typ, err := u.intern(w.Ref.Type, "")
	if err != nil {
		return err
	}
	before, err := u.current(typ, w.Ref.ID)
	if err != nil {
		return err
	}
	if before.version != w.Expect {
		return store.ErrChanged
	}
	if w.row.Place = before.rid; before.rid == 0 {
		u.rid++
		w.row.Place = u.rid
	}
	u.stamp = at.stamp
	u.s.written.note(w.Ref.Type, at.stamp)
	w.row.Stamp, w.row.Seq = at.stamp, at.seq
	if w.Purge {
		w.row.Purged = ledgerbridge.Place(u.source, at.seq)
	}
	v := versionRow{w.row, typ, at.base}
	if err := u.insertVersion(&v, w.contentSum, w.Ref.ID); err != nil {
		return fmt.Errorf("insert version: %w", err)
	}
	if err := u.reindex(&before, &v, w.Write); err != nil {
		return fmt.Errorf("index version: %w", err)
	}
	if err := u.indexNames(at.stamp, store.Names(&w.Facts)); err != nil {
		return fmt.Errorf("index names: %w", err)
	}
	if store.Governs(w.Ref.Type) {
		return u.indexGoverning(&before, &v, w.Write)
	}
	return nil
}

func (u *changeUnit) current(typ int64, id string) (cur current, err error) {
	err = u.each("SELECT rid, version, stamp, deleted FROM resources WHERE type = ? AND id = ?", func(st *sqlite.Stmt) error {
		cur = current{st.ColumnInt64(0), st.ColumnInt64(1), st.ColumnInt64(2), st.ColumnBool(3)}
		return nil
	}, typ, id)
	return cur, err
}

func (u *changeUnit) insertVersion(v *versionRow, contentSum []byte, id string) error {
	err := u.run("INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", func(st *sqlite.Stmt) {
		for i, n := range [...]int64{v.Stamp, v.Place, v.Version, v.typ, v.Updated} {
			st.BindInt64(i+1, n)
		}
		st.BindInt64(6, v.deletedColumn())
		st.BindText(7, v.Method)
		st.BindText(8, v.Owner)
		st.BindInt64(9, v.Seq)
		st.BindInt64(10, v.base)
		for i, b := range [...][]byte{v.Hash[:], v.sum(contentSum), v.PackedFacts, v.packedIndex, v.PackedBody} {
			bindBlob(st, i+11, b)
		}
	})
	if err != nil {
		return err
	}
	if v.Version == 1 {
		return u.run("INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?)", func(st *sqlite.Stmt) {
			st.BindInt64(1, v.Place)
			st.BindInt64(2, v.typ)
			st.BindText(3, id)
			st.BindInt64(4, v.Version)
			st.BindInt64(5, v.Stamp)
			st.BindBool(6, v.Deleted)
		})
	}
	return u.exec("UPDATE resources SET version = ?, stamp = ?, deleted = ? WHERE rid = ?", v.Version, v.Stamp, v.Deleted, v.Place)
}

// reindex adds the difference between the index rows of the version before and those of
// v to the pending ones.
func (u *changeUnit) reindex(before *current, v *versionRow, w *store.Write) error {
	var old, fresh rows
	intern := func(param string) (int64, error) { return u.intern(w.Ref.Type, param) }
	if before.version > 0 && !before.deleted {
		x, marks, err := u.indexed(before.stamp, w.Ref)
		if err != nil {
			return err
		}
		if old, err = indexRows(w.Ref.Type, x, marks, v.Place, intern); err != nil {
			return err
		}
	}
	if !v.Deleted {
		var err error
		if fresh, err = indexRows(w.Ref.Type, w.Index, search.Marks(&w.Facts, w.Owner), v.Place, intern); err != nil {
			return err
		}
	}
	u.pending.add(old, fresh)
	return nil
}

// indexed are the keys and marks of a stored version.
func (c conn) indexed(stamp int64, of fhir.Ref) (x *search.Index, marks []string, err error) {
	damaged := func(column string) error {
		return &store.Finding{File: mainFile, Table: "versions", Row: of.String(), Column: column, What: "cannot be decoded"}
	}
	err = c.each("SELECT idx, facts, owner FROM versions WHERE stamp = ?", func(st *sqlite.Stmt) (err error) {
		if x, err = storedIndex(blob(st, 0)); err != nil {
			return damaged("idx")
		}
		facts, err := store.UnpackFacts(blob(st, 1))
		if err != nil {
			return damaged("facts")
		}
		marks = search.Marks(&facts, st.ColumnText(2))
		return nil
	}, stamp)
	return x, marks, err
}

// intern returns the id of a name, giving it one if it is new.
func (u *changeUnit) intern(typ, param string) (int64, error) {
	key := name{typ, param}
	if id := cmp.Or(u.s.names.id(typ, param), u.fresh[key]); id != 0 {
		return id, nil
	}
	u.name++
	u.fresh[key] = u.name
	err := u.exec("INSERT INTO names VALUES (?, ?, ?, ?)", u.name, typ, param, rowSum(u.name, typ, param))
	return u.name, err
}
