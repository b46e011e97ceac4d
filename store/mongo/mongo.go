package mongo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// Options say whose data a database holds and who opens it. Organization and
// Tenant are fixed when a database is first used; empty ones mean what it says.
type Options struct {
	Database     string // name; "" means aceso
	Organization string
	Tenant       string
	// Node names the logs that this process writes. No other process may use the
	// name at the same time.
	Node string
	// Base is the server's base URL. It is kept, with those of earlier starts, with each version, because index
	// keys of absolute references depend on it.
	Base string
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Owner names the data folder, if any. A process with the same Owner takes the node's
	// name over from one that has not released it, without waiting.
	Owner string
	// LeaseLife is how long the name of a node stays taken without a sign of life;
	// 0 means 9 seconds.
	LeaseLife time.Duration
	// Patience is how long a write or a read is retried while the database is in
	// trouble, for example without a primary; 0 means 20 seconds.
	Patience time.Duration
	// Report receives messages about slow steps of the start; may be nil.
	Report func(message string)
	// Tune, for tests, changes how a search is planned. No answer depends on it.
	Tune func(*search.Options)
}

// Store keeps the resources of an organisation and the logs of its nodes in a
// database. It implements store.Store.
type Store struct {
	opts     Options
	identity identity
	closed   atomic.Bool
	reading  snapshots
	// keysDestroyed counts how often this process learned that part keys were destroyed.
	keysDestroyed atomic.Int64
	fresh         freshKeys

	process  string // names this process among those that ever held a log
	base     int32  // of ownBases in meta
	ownBases string // Options.Base and those of earlier starts, of all nodes
	patience search.Patience
	sets     *search.Sets
	choice   search.Choice
	room     int // keysInDocument, but in tests
	client   *mongo.Client
	db       *mongo.Database

	resources, history, locks, counters, epochs, heads, tiles, keys, named, kept *mongo.Collection

	getter   getter
	changes  *writer
	accesses *writer

	leasing

	basesMu sync.Mutex
	bases   []string // as last read; only grows
}

var _ store.Store = (*Store)(nil)

// The names of the two logs of a node.
const (
	changesLog  = "changes.0"
	accessesLog = "accesses.0"
)

// Open connects to the database that uri names, creates what is missing and takes
// over the logs of Options.Node. Errors do not contain credentials.
func Open(ctx context.Context, uri string, o Options) (*Store, error) {
	s, err := connect(ctx, uri, o)
	if err != nil {
		return nil, err
	}
	if err = s.refuseHalfCopy(ctx); err == nil {
		err = s.openForWriting(ctx)
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

func newStore(client *mongo.Client, o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience == 0 {
		o.Patience = 20 * time.Second
	}
	if o.LeaseLife == 0 {
		o.LeaseLife = leaseLife
	}
	if o.Report == nil {
		o.Report = func(string) {}
	}
	s := &Store{opts: o, process: rand.Text(), patience: search.UsualPatience, sets: search.UsualSets(), room: keysInDocument, client: client, db: client.Database(o.Database)}
	s.getter.s = s
	s.resources, s.history = s.db.Collection("resources"), s.db.Collection("history")
	s.locks, s.counters, s.epochs = s.db.Collection("locks"), s.db.Collection("counters"), s.db.Collection("epochs")
	s.heads, s.tiles, s.keys = s.db.Collection("heads"), s.db.Collection("tiles"), s.db.Collection("partkeys")
	s.nodes, s.lost = s.db.Collection("nodes"), make(chan struct{})
	s.named, s.kept = s.db.Collection("named"), s.db.Collection("kept")
	return s
}

// openForWriting settles the identity, creates collections and indexes, and starts the
// writers.
func (s *Store) openForWriting(ctx context.Context) error {
	if err := s.settleIdentity(ctx); err != nil {
		return err
	}
	if err := s.createCollections(ctx); err != nil {
		return err
	}
	if err := s.buildIndexes(ctx); err != nil {
		return err
	}
	if err := s.upgrade(ctx); err != nil {
		return err
	}
	if err := s.settleBases(ctx); err != nil {
		return err
	}
	if err := s.dropLocks(ctx); err != nil {
		return fmt.Errorf("drop old locks: %w", err)
	}
	if err := s.startLease(ctx); err != nil {
		return err
	}
	s.changes = newWriter(s, s.db.Collection("changes"), s.source(changesLog))
	s.accesses = newWriter(s, s.db.Collection("accesses"), s.source(accessesLog))
	for _, w := range []*writer{s.changes, s.accesses} {
		if err := w.takeOver(ctx); err != nil {
			return fmt.Errorf("take over the log %s: %w", w.source, err)
		}
		w.queue.Start()
	}
	return nil
}

// Close writes what waits, and disconnects.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	for _, w := range []*writer{s.changes, s.accesses} {
		if w != nil {
			w.close()
		}
	}
	s.reading.end()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	leased := s.stopLease(ctx)
	if err := s.client.Disconnect(ctx); err != nil && !errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("disconnect from MongoDB: %w", err)
	}
	return leased
}

// Organization is whose data the database holds.
func (s *Store) Organization() string { return s.identity.Organization }

// Node is the name under which this process writes its logs.
func (s *Store) Node() string { return s.opts.Node }

func (s *Store) source(log string) string {
	return s.identity.Organization + "/" + s.opts.Node + "/" + log
}

// Logs returns the change log and the access log of this node.
func (s *Store) Logs() (changes, accesses ledgerbridge.Log) {
	return s.Log(s.source(changesLog)), s.Log(s.source(accessesLog))
}

// Commit writes all of c or nothing.
func (s *Store) Commit(ctx context.Context, c store.Change) (ledgerbridge.Receipt, error) {
	if c.Entry == nil {
		return ledgerbridge.Receipt{}, errors.New("commit: a change without a record")
	}
	writes, err := s.prepare(c.Writes)
	if err == nil {
		err = store.CheckKeep(c.Keep)
	}
	if err != nil {
		return ledgerbridge.Receipt{}, fmt.Errorf("commit: %w", err)
	}
	return s.changes.write(ctx, &member{change: &c, writes: writes})
}

// Record appends to the access log and returns when the entry is durable.
func (s *Store) Record(ctx context.Context, p *ledgerbridge.Pending, j store.Judged) (ledgerbridge.Receipt, error) {
	return s.accesses.write(ctx, &member{change: &store.Change{Entry: p, Judged: j}})
}

// tooLarge is the answer to a document that is too large for MongoDB.
func tooLarge(ref fhir.Ref) error {
	return &fhir.Error{
		Kind:   fhir.TooLarge,
		Detail: "The resource is too large to be stored: compressed and with its search keys it may have 15 MB. Split it into several resources.",
		Err:    fmt.Errorf("%s: more than %d bytes", ref, maxDocument),
	}
}
