package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store/group"
)

// unit is the open transaction of a database with its state in memory. mark and undo
// bracket one member of the group.
type unit interface {
	mark()
	undo() error   // after the database has gone back to the mark
	settle() error // writes what is pending
	committed()
}

// member is one request waiting to be written.
type member[U unit] struct {
	run    func(U) error
	settle bool // run must see what the members before it wrote
	err    error
}

// writer owns the only writing connection of a file. It commits each group in one
// transaction, so that many requests share one fsync; each is a savepoint, so that the
// failure of one does not touch the others.
type writer[U unit] struct {
	path  string
	begin func(conn) (U, error) // reads the committed state when fresh
	keys  *keyFile
	fault func(op string) error
	idle  func() // called when nothing was written for a while; may be nil

	queue group.Queue[*member[U]]
	conn  conn // only touched by the queue
}

// restAfter is how long a writer is idle before it releases memory.
const restAfter = 10 * time.Second

func (w *writer[U]) start() {
	w.queue.Commit, w.queue.Idle, w.queue.IdleAfter = w.commit, w.rest, restAfter
	w.queue.Start()
}

// do runs fn in the next group and returns when it is durable, or has failed. A store that
// is opened for reading only has no writers: nil.
func (w *writer[U]) do(ctx context.Context, settle bool, fn func(U) error) error {
	if w == nil {
		return errReadOnly
	}
	m := &member[U]{run: fn, settle: settle}
	if err := w.queue.Do(ctx, m); err != nil {
		return err
	}
	return m.err
}

// close commits what waits and closes the connection.
func (w *writer[U]) close() error {
	w.queue.Close()
	if w.conn.Conn == nil {
		return nil
	}
	return w.conn.Close()
}

// rest releases the page cache. A failure does not matter: the next write meets it.
func (w *writer[U]) rest() {
	if w.conn.Conn != nil {
		_ = w.conn.exec("PRAGMA shrink_memory")
	}
	if w.idle != nil {
		w.idle()
	}
}

// commit writes a group. If the disk fails, every member fails, nothing is
// written, and the connection is opened anew for the next group.
func (w *writer[U]) commit(members []*member[U]) {
	err := w.transact(members)
	if err == nil {
		return
	}
	w.discard()
	for _, m := range members {
		m.err = unavailable(fmt.Errorf("write %s: %w", filepath.Base(w.path), err))
	}
}

// discard closes a connection that cannot be trusted; closing rolls back.
func (w *writer[U]) discard() {
	if w.conn.Conn != nil {
		w.conn.Close()
		w.conn = conn{}
	}
}

func (w *writer[U]) transact(members []*member[U]) (err error) {
	defer fhir.Caught(&err)
	if w.conn.Conn == nil {
		c, err := openConn(w.path, writing)
		if err != nil {
			return err
		}
		w.conn = c
	}
	_ = w.keys.settle() // members whose keys are not durable fail: logUnit.insert
	if err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	u, err := w.begin(w.conn)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := w.runMember(u, m); err != nil {
			return err
		}
	}
	if err := u.settle(); err != nil {
		return err
	}
	if w.fault != nil {
		if err := w.fault(filepath.Base(w.path) + " commit"); err != nil {
			return &faultError{err}
		}
	}
	if err := w.conn.exec("COMMIT"); err != nil {
		return err
	}
	u.committed()
	return nil
}

// attempt runs the member; that it panics does not touch the others.
func (m *member[U]) attempt(u U) (err error) {
	defer fhir.Caught(&err)
	return m.run(u)
}

// runMember returns an error only if the whole group must fail.
func (w *writer[U]) runMember(u U, m *member[U]) error {
	if m.settle {
		if err := u.settle(); err != nil {
			return err
		}
	}
	if err := w.conn.exec("SAVEPOINT m"); err != nil {
		return err
	}
	u.mark()
	m.err = m.attempt(u)
	if m.err == nil {
		return w.conn.exec("RELEASE m")
	}
	if diskFault(m.err) || w.conn.AutocommitEnabled() {
		return m.err
	}
	if err := w.conn.exec("ROLLBACK TO m"); err != nil {
		return err
	}
	if err := u.undo(); err != nil {
		return err
	}
	return w.conn.exec("RELEASE m")
}
