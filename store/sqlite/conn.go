package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// conn is one connection. A statement is always run to its end, or reset, before
// the next one starts: statements are cached by their text.
type conn struct {
	*sqlite.Conn
	file  string // name of the database file, for reports
	known map[string]*sqlite.Stmt
}

// errStop ends each early; each then returns nil.
var errStop = errors.New("stop")

// mode says what a connection is for.
type mode int

const (
	reading mode = iota
	writing
	readOnly // another process may own the folder
)

// The writer syncs at every commit: a log that can lose its tail proves nothing.
var writerPragmas = []string{
	"PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA wal_autocheckpoint = 8000",
	"PRAGMA journal_size_limit = 100000000",
	"PRAGMA cache_size = -65536",
}

var readerPragmas = []string{
	"PRAGMA query_only = ON",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA cache_size = -8192",
}

// openConn opens one connection to a database file.
func openConn(path string, m mode) (conn, error) {
	flags := sqlite.OpenReadWrite
	pragmas := readerPragmas
	switch m {
	case writing:
		flags |= sqlite.OpenCreate
		pragmas = writerPragmas
	case readOnly:
		flags = sqlite.OpenReadOnly
	}
	c, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return conn{}, fmt.Errorf("open %s: %w", path, err)
	}
	c.SetBusyTimeout(10 * time.Second)
	for _, p := range pragmas {
		if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
			c.Close()
			return conn{}, fmt.Errorf("open %s: %w", path, err)
		}
	}
	return conn{c, filepath.Base(path), map[string]*sqlite.Stmt{}}, nil
}

// Prepare returns the statement with this text. Whoever runs it MUST bind all of its
// parameters: they keep their values. Clearing them, as the driver's Prepare does, makes
// SQLite compile many statements anew for every use, which takes longer than to run them.
func (c conn) Prepare(query string) (*sqlite.Stmt, error) {
	if st := c.known[query]; st != nil {
		return st, st.Reset()
	}
	st, err := c.Conn.Prepare(query)
	if err == nil {
		c.known[query] = st
	}
	return st, err
}

// each runs a statement and calls row, if given, for every row of its result.
func (c conn) each(query string, row func(*sqlite.Stmt) error, args ...any) error {
	st, err := c.Prepare(query)
	if err != nil {
		return err
	}
	if n := st.BindParamCount(); n != len(args) {
		return fmt.Errorf("statement of %d parameters got %d: %s", n, len(args), query)
	}
	for i, a := range args {
		if err := bind(st, i+1, a); err != nil {
			return err
		}
	}
	return results(st, row)
}

// run runs a statement without results. bind binds all of its parameters; it is for the
// hottest ones, because each binds by way of the heap.
func (c conn) run(query string, bind func(*sqlite.Stmt)) error {
	return c.scan(query, bind, nil)
}

// scan is each with such a bind.
func (c conn) scan(query string, bind func(*sqlite.Stmt), row func(*sqlite.Stmt) error) error {
	st, err := c.Prepare(query)
	if err != nil {
		return err
	}
	bind(st)
	return results(st, row)
}

// results runs a statement whose parameters are bound.
func results(st *sqlite.Stmt, row func(*sqlite.Stmt) error) error {
	running := true
	defer func() {
		if running { // row has panicked
			_ = st.Reset()
		}
	}()
	for {
		more, err := st.Step()
		if err != nil || !more {
			running = false
			return err
		}
		if row == nil {
			continue
		}
		if err := row(st); err != nil {
			running = false
			if err == errStop {
				err = nil
			}
			return errors.Join(err, st.Reset())
		}
	}
}

// exec runs a statement without results.
func (c conn) exec(query string, args ...any) error { return c.each(query, nil, args...) }

// number returns the first column of the only row, or 0 if there is none.
func (c conn) number(query string, args ...any) (n int64, err error) {
	err = c.each(query, func(st *sqlite.Stmt) error {
		n = st.ColumnInt64(0)
		return nil
	}, args...)
	return n, err
}

// value returns the first column of the only row, nil if there is none.
func (c conn) value(query string, args ...any) (b []byte, err error) {
	err = c.each(query, func(st *sqlite.Stmt) error {
		b = blob(st, 0)
		return nil
	}, args...)
	return b, err
}

func bind(st *sqlite.Stmt, i int, a any) error {
	switch v := a.(type) {
	case int64:
		st.BindInt64(i, v)
	case int:
		st.BindInt64(i, int64(v))
	case string:
		st.BindText(i, v)
	case bool:
		st.BindBool(i, v)
	case []byte:
		bindBlob(st, i, v)
	default:
		return fmt.Errorf("bind %T", a)
	}
	return nil
}

// bindBlob binds nil as NULL.
func bindBlob(st *sqlite.Stmt, i int, b []byte) {
	if b == nil {
		st.BindNull(i)
		return
	}
	st.BindBytes(i, b)
}

// blob copies a column; NULL is nil.
func blob(st *sqlite.Stmt, col int) []byte {
	if st.ColumnIsNull(col) {
		return nil
	}
	b := make([]byte, st.ColumnLen(col))
	st.ColumnBytes(col, b)
	return b
}
