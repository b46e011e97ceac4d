package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// Options say whose data a folder holds. Organization, Tenant and Node are fixed
// when a folder is first used; empty ones mean what the folder says.
type Options struct {
	Organization string
	Tenant       string
	Node         string
	// Base is the server's base URL. It is kept, with those of earlier starts, with each version, because index
	// keys of absolute references depend on it.
	Base string
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Report receives messages about slow steps of the start; may be nil.
	Report func(message string)
	// Fault, for tests, is called with "aceso.db commit" and "access.db commit" before
	// the commit of a group, and with "aceso.db upgrade" and "access.db upgrade"; its
	// error makes the commit fail like a disk.
	Fault func(op string) error
	// Tune, for tests, changes how a search is planned. No answer depends on it.
	Tune func(*search.Options)
}

// Store keeps one node's resources and logs in a folder. It implements store.Store.
type Store struct {
	dir      string
	opts     Options
	identity identity
	lock     *os.File // nil if opened read-only
	names    names
	keys     *keyFile
	patience search.Patience
	sets     *search.Sets
	choice   search.Choice
	base     int64  // id of ownBases in bases
	ownBases string // Options.Base and those of earlier starts
	written  written

	acknowledged atomic.Int64 // the consent epoch

	closed      atomic.Bool
	read        *pool
	searches    *pool // and histories; nothing else waits for them
	logRead     *pool
	consentRead *pool // judging a row must not wait for the searches that judge
	write       *writer[*changeUnit]
	logWrite    *writer[*logUnit]
	changes     *storedLog
	accesses    *storedLog
}

var _ store.Store = (*Store)(nil)

// How many reads run at the same time. Connections are opened when all others are in use.
const (
	readers    = 8
	searchers  = store.LongSearches + 8
	logReaders = 8
)

var errReadOnly = errors.New("store was opened for reading only")

// Open opens the data folder dir, creating what is missing, and holds its lock
// until Close.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	if err := refuseHalfCopy(dir); err != nil {
		return nil, err
	}
	return openFolder(ctx, dir, o)
}

func openFolder(ctx context.Context, dir string, o Options) (*Store, error) {
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	s := newStore(dir, o, reading)
	s.lock = lock
	if err := s.openForWriting(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenReadOnly opens a folder that another process may be serving. Nothing can be
// written. Options that are given must agree with the folder.
func OpenReadOnly(ctx context.Context, dir string, o Options) (*Store, error) {
	if err := refuseHalfCopy(dir); err != nil {
		return nil, err
	}
	s := newStore(dir, o, readOnly)
	err := s.read.use(ctx, func(c conn) error {
		id, err := readIdentity(c)
		if err != nil {
			return err
		}
		s.identity = id
		if err := id.accept(o); err != nil {
			return err
		}
		fresh, err := loadNames(c)
		s.names.publish(fresh)
		return err
	})
	if err == nil {
		err = s.logRead.use(ctx, func(c conn) error { return s.sameIdentity(c) })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open data folder: %w", err), s.Close())
	}
	s.keys = &keyFile{dir: dir, readOnly: true}
	s.nameLogs()
	return s, nil
}

func newStore(dir string, o Options, m mode) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Report == nil {
		o.Report = func(string) {}
	}
	s := &Store{dir: dir, opts: o, patience: search.UsualPatience, sets: search.UsualSets()}
	s.read = newPool(filepath.Join(dir, mainFile), m, readers)
	s.searches = newPool(filepath.Join(dir, mainFile), m, searchers)
	s.logRead = newPool(filepath.Join(dir, accessFile), m, logReaders)
	s.consentRead = newPool(filepath.Join(dir, mainFile), m, 4)
	s.names.publish(map[name]int64{})
	return s
}

// openForWriting creates tables, settles the identity and starts the writers.
func (s *Store) openForWriting(ctx context.Context) error {
	main, err := s.create(mainFile, metaSchema+logSchema+mainSchema)
	if err != nil {
		return err
	}
	defer main.Close()
	if s.identity, err = settleIdentity(main, s.opts); err != nil {
		return err
	}
	if err := s.upgrade(ctx, main); err != nil {
		return err
	}
	access, err := s.create(accessFile, metaSchema+logSchema)
	if err != nil {
		return err
	}
	defer access.Close()
	if _, err := settleIdentity(access, s.identity.options()); err != nil {
		return err
	}
	if err := s.upgrade(ctx, access); err != nil {
		return err
	}
	if s.keys, err = openKeyFile(s.dir, s.opts); err != nil {
		return err
	}
	if err = s.settleBases(main); err != nil {
		return err
	}
	if s.written.before, err = main.number("SELECT max(stamp) FROM versions"); err != nil {
		return fmt.Errorf("find the last version: %w", err)
	}
	epoch, err := main.number("SELECT " + epochQuery)
	if err != nil {
		return fmt.Errorf("read consent epoch: %w", err)
	}
	s.acknowledged.Store(epoch)
	fresh, err := loadNames(main)
	if err != nil {
		return fmt.Errorf("load names: %w", err)
	}
	s.names.publish(fresh)
	s.nameLogs()
	s.startWriters()
	return nil
}

// create makes a database file that only its owner may read, and its tables.
func (s *Store) create(file, schema string) (conn, error) {
	path := filepath.Join(s.dir, file)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return conn{}, fmt.Errorf("create database: %w", err)
	}
	if err := f.Close(); err != nil {
		return conn{}, fmt.Errorf("create database: %w", err)
	}
	c, err := openConn(path, writing)
	if err != nil {
		return conn{}, err
	}
	if _, err := schemaOf(c); err != nil {
		return conn{}, errors.Join(err, c.Close())
	}
	if err := sqlitex.ExecuteScript(c.Conn, schema, nil); err != nil {
		return conn{}, errors.Join(fmt.Errorf("create tables of %s: %w", file, err), c.Close())
	}
	return c, nil
}

// nameLogs gives the logs their names, and what writes them.
func (s *Store) nameLogs() {
	prefix := s.identity.organization + "/" + s.identity.node
	s.changes = &storedLog{source: prefix + "/changes.0", pool: s.read}
	s.names.source = s.changes.source
	s.accesses = &storedLog{source: prefix + "/accesses.0", pool: s.logRead}
	s.changes.do = func(ctx context.Context, fn func(*logUnit) error) error {
		return s.write.do(ctx, false, func(u *changeUnit) error { return fn(&u.logUnit) })
	}
	s.accesses.do = func(ctx context.Context, fn func(*logUnit) error) error {
		return s.logWrite.do(ctx, false, fn)
	}
}

// Probe writes a number that means nothing to both databases, and to the file of keys what
// waits and its head.
func (s *Store) Probe(ctx context.Context) error {
	number := fmt.Sprintf("PRAGMA user_version = %d", s.opts.Now().Unix()&0xffffff)
	probe := func(c conn) error { return sqlitex.ExecuteTransient(c.Conn, number, nil) }
	return errors.Join(
		s.keys.probe(),
		s.write.do(ctx, false, func(u *changeUnit) error { return probe(u.conn) }),
		s.logWrite.do(ctx, false, func(u *logUnit) error { return probe(u.conn) }),
	)
}

func (s *Store) startWriters() {
	s.write = &writer[*changeUnit]{
		path: s.read.path, fault: s.opts.Fault, keys: s.keys,
		begin: s.beginChanges,
	}
	s.logWrite = &writer[*logUnit]{
		path: s.logRead.path, fault: s.opts.Fault, keys: s.keys,
		begin: s.beginAccesses,
		idle:  s.rest, // every read is recorded, so nobody reads either
	}
	s.write.start()
	s.logWrite.start()
}

// Close writes what waits, waits for reads and closes the files.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var errs []error
	if s.write != nil {
		errs = append(errs, s.write.close(), s.logWrite.close())
	}
	errs = append(errs, s.read.close(), s.searches.close(), s.consentRead.close(), s.logRead.close())
	errs = append(errs, s.keys.close())
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// rest closes idle readers.
func (s *Store) rest() {
	for _, p := range []*pool{s.read, s.searches, s.consentRead, s.logRead} {
		p.rest()
	}
}

// Organization is whose data the folder holds.
func (s *Store) Organization() string { return s.identity.organization }

// Node is the name under which the folder's logs are written.
func (s *Store) Node() string { return s.identity.node }

// Logs returns the change log and the access log.
func (s *Store) Logs() (changes, accesses ledgerbridge.Log) { return s.changes, s.accesses }

// Record appends to the access log and returns when the entry is durable. Like Commit it
// never answers ErrChanged for what was judged, though Consents are in another file: no
// other process writes this folder, and each snapshot of it holds every Consent that was
// acknowledged before the snapshot began. So what was judged was in force at some moment
// between the request and its answer, and a Consent written since is concurrent to both.
func (s *Store) Record(ctx context.Context, p *ledgerbridge.Pending, _ store.Judged) (r ledgerbridge.Receipt, err error) {
	err = s.logWrite.do(ctx, false, func(u *logUnit) error {
		r, err = u.append(p)
		return err
	})
	return r, err
}
