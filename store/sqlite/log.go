package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// partBits is how much of parts.id counts the parts of one entry.
const partBits = 16

// storedLog is one log in one of the files. It implements ledgerbridge.Log.
type storedLog struct {
	source string
	pool   *pool
	do     func(ctx context.Context, fn func(*logUnit) error) error
}

// logUnit appends to a log inside a transaction.
type logUnit struct {
	conn
	source string
	now    func() time.Time
	keys   *keyFile
	next   int64 // sequence number of the next entry
	last   int64 // time of the last entry, milliseconds
}

func (s *Store) beginAccesses(c conn) (*logUnit, error) {
	u := &logUnit{conn: c, source: s.accesses.source, now: s.opts.Now, keys: s.keys}
	return u, u.undo()
}

// undo reads where the log ends.
func (u *logUnit) undo() error {
	u.next, u.last = 0, 0
	err := u.each("SELECT seq, time FROM entries ORDER BY seq DESC LIMIT 1", func(st *sqlite.Stmt) error {
		u.next, u.last = st.ColumnInt64(0)+1, st.ColumnInt64(1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read end of log: %w", err)
	}
	return nil
}

func (u *logUnit) mark()         {}
func (u *logUnit) settle() error { return nil }
func (u *logUnit) committed()    {}

// append seals p for the next position and inserts it. Time does not run
// backwards in a log, whatever the clock does.
func (u *logUnit) append(p *ledgerbridge.Pending) (ledgerbridge.Receipt, error) {
	at := max(u.last, u.now().UnixMilli())
	row, err := p.Seal(u.source, u.next, time.UnixMilli(at).UTC())
	if err != nil {
		return ledgerbridge.Receipt{}, fmt.Errorf("seal entry: %w", err)
	}
	if err := u.insert(&row); err != nil {
		return ledgerbridge.Receipt{}, err
	}
	return row.Receipt(u.source), nil
}

// insert writes a row at the end of the log.
func (u *logUnit) insert(row *ledgerbridge.Row) error {
	if len(row.Parts) >= 1<<partBits {
		return errors.New("entry has too many parts")
	}
	if err := u.keys.durable(row.Parts); err != nil {
		return err
	}
	if err := u.run("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", func(st *sqlite.Stmt) { bindEntry(st, row) }); err != nil {
		return fmt.Errorf("insert entry: %w", err)
	}
	for n := range row.Parts {
		err := u.run("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", func(st *sqlite.Stmt) {
			bindPart(st, row.Seq<<partBits|int64(n), &row.Parts[n])
		})
		if err != nil {
			return fmt.Errorf("insert part: %w", err)
		}
	}
	u.next, u.last = row.Seq+1, row.Time.UnixMilli()
	return nil
}

func bindEntry(st *sqlite.Stmt, row *ledgerbridge.Row) {
	st.BindInt64(1, row.Seq)
	st.BindInt64(2, row.Time.UnixMilli())
	st.BindText(3, row.Agent)
	st.BindText(4, row.Action)
	st.BindInt64(5, int64(row.Outcome))
	st.BindBytes(6, row.Salt[:])
	st.BindBytes(7, row.Commitment[:])
	bindBlob(st, 8, row.Entry)
}

func bindPart(st *sqlite.Stmt, id int64, part *ledgerbridge.PartRow) {
	st.BindInt64(1, id)
	st.BindText(2, part.Patient)
	st.BindText(3, part.Target)
	st.BindText(4, part.Key)
	st.BindText(5, part.ErasedBy)
	st.BindBytes(6, part.Salt[:])
	st.BindBytes(7, part.Commitment[:])
	bindBlob(st, 8, part.Sealed)
}

// Source is the name of the log.
func (l *storedLog) Source() string { return l.source }

// Size is the number of durable rows: one more than the last sequence number.
func (l *storedLog) Size(ctx context.Context) (n int64, err error) {
	err = l.pool.use(ctx, func(c conn) error {
		n, err = c.number("SELECT seq + 1 FROM entries ORDER BY seq DESC LIMIT 1")
		return err
	})
	return n, err
}

// rowsAtOnce bounds how long a visit keeps a snapshot open.
const rowsAtOnce = 256

// Rows visits rows from <= seq < to in order.
func (l *storedLog) Rows(ctx context.Context, from, to int64, visit func(ledgerbridge.Row) error) error {
	return l.visit(ctx, from, to, readRows, visit)
}

// BareRows implements ledgerbridge.BareLog.
func (l *storedLog) BareRows(ctx context.Context, from, to int64, visit func(ledgerbridge.Row) error) error {
	return l.visit(ctx, from, to, readEntries, visit)
}

func (l *storedLog) visit(ctx context.Context, from, to int64, read func(c conn, from, to int64) ([]ledgerbridge.Row, error), visit func(ledgerbridge.Row) error) error {
	for from < to {
		var rows []ledgerbridge.Row
		err := l.pool.read(ctx, func(c conn) (err error) {
			rows, err = read(c, from, to)
			return err
		})
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		for _, r := range rows {
			if err := visit(r); err != nil {
				return err
			}
		}
		if len(rows) < rowsAtOnce {
			return ctx.Err()
		}
		from = rows[len(rows)-1].Seq + 1
	}
	return nil
}

func readRows(c conn, from, to int64) ([]ledgerbridge.Row, error) {
	rows, err := readEntries(c, from, to)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows, addParts(c, rows)
}

// readEntries reads rows without their parts.
func readEntries(c conn, from, to int64) (rows []ledgerbridge.Row, err error) {
	err = c.each(`SELECT seq, time, agent, action, outcome, salt, commitment, entry
		FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?`, func(st *sqlite.Stmt) error {
		r := ledgerbridge.Row{
			Seq: st.ColumnInt64(0), Time: time.UnixMilli(st.ColumnInt64(1)).UTC(),
			Agent: st.ColumnText(2), Action: st.ColumnText(3), Outcome: st.ColumnInt(4), Entry: blob(st, 7),
		}
		copyFixed(r.Salt[:], st, 5)
		copyFixed(r.Commitment[:], st, 6)
		rows = append(rows, r)
		return nil
	}, from, to, rowsAtOnce)
	return rows, err
}

// addParts gives each row its parts; both come in the order of seq.
func addParts(c conn, rows []ledgerbridge.Row) error {
	i := 0
	first, last := rows[0].Seq, rows[len(rows)-1].Seq
	return c.each(`SELECT id, patient, target, key, erased_by, salt, commitment, sealed
		FROM parts WHERE id >= ? AND id < ? ORDER BY id`, func(st *sqlite.Stmt) error {
		seq := st.ColumnInt64(0) >> partBits
		for i < len(rows) && rows[i].Seq < seq {
			i++
		}
		if i == len(rows) || rows[i].Seq != seq {
			return nil
		}
		p := ledgerbridge.PartRow{
			Patient: st.ColumnText(1), Target: st.ColumnText(2), Key: st.ColumnText(3),
			ErasedBy: st.ColumnText(4), Sealed: blob(st, 7),
		}
		copyFixed(p.Salt[:], st, 5)
		copyFixed(p.Commitment[:], st, 6)
		rows[i].Parts = append(rows[i].Parts, p)
		return nil
	}, first<<partBits, (last+1)<<partBits)
}

// copyFixed copies a column of fixed length. One of the wrong length is damaged
// and left zero, so that verifying the row fails.
func copyFixed(to []byte, st *sqlite.Stmt, col int) {
	if st.ColumnLen(col) == len(to) {
		st.ColumnBytes(col, to)
	}
}

// ReadTile returns a stored tile or nil.
func (l *storedLog) ReadTile(ctx context.Context, level int, index int64) (data []byte, err error) {
	err = l.pool.use(ctx, func(c conn) error {
		data, err = c.value("SELECT data FROM tiles WHERE level = ? AND idx = ?", level, index)
		return err
	})
	return data, err
}

// WriteTiles stores tiles durably.
func (l *storedLog) WriteTiles(ctx context.Context, tiles []ledgerbridge.Tile) error {
	return l.do(ctx, func(u *logUnit) error {
		for _, t := range tiles {
			if err := u.exec("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?)", t.Level, t.Index, nonNil(t.Data)); err != nil {
				return fmt.Errorf("write tile: %w", err)
			}
		}
		return nil
	})
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Erase empties a patient's parts, overwriting them in the database file; copies in the
// write-ahead log are overwritten by its reuse. Only destroying the key makes what they
// said unreadable for certain.
func (l *storedLog) Erase(ctx context.Context, e ledgerbridge.Erasure) (n int64, err error) {
	if e.Patient == "" {
		return 0, errors.New("erase: no patient given")
	}
	err = l.do(ctx, func(u *logUnit) (err error) {
		if err := u.exec("PRAGMA secure_delete = ON"); err != nil {
			return err
		}
		n, err = u.erase(e)
		return errors.Join(err, u.exec("PRAGMA secure_delete = OFF"))
	})
	return n, err
}

func (u *logUnit) erase(e ledgerbridge.Erasure) (n int64, err error) {
	var seqs []int64
	columns := e.Columns()
	err = u.each("SELECT DISTINCT id >> 16 FROM parts INDEXED BY parts_patient WHERE patient IN (?, ?)", func(st *sqlite.Stmt) error {
		seqs = append(seqs, st.ColumnInt64(0))
		return nil
	}, columns[0], columns[1])
	if err != nil {
		return 0, fmt.Errorf("erase: %w", err)
	}
	for _, seq := range seqs {
		rows := []ledgerbridge.Row{{Seq: seq}}
		if err := addParts(u.conn, rows); err != nil {
			return n, fmt.Errorf("erase: %w", err)
		}
		parts := rows[0].Parts
		at, own := e.Of(parts)
		for _, i := range at {
			p := e.Empty(parts[i])
			err := u.exec("UPDATE parts SET patient = ?, target = ?, key = ?, erased_by = ?, salt = ?, sealed = ? WHERE id = ?",
				p.Patient, p.Target, p.Key, p.ErasedBy, p.Salt[:], p.Sealed, seq<<partBits|int64(i))
			if err != nil {
				return n, fmt.Errorf("erase: %w", err)
			}
		}
		n += own
	}
	return n, nil
}
