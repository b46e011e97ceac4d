package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// The bounds of one transaction. It must end long before the server's limit of a
// minute.
const (
	groupLimit = 512
	groupBytes = 16 << 20
)

// member is one request waiting to be written.
type member struct {
	ctx     context.Context
	change  *store.Change
	writes  []prepared
	receipt ledgerbridge.Receipt
	err     error
	done    chan struct{}
}

// bytes is about how much a member adds to a transaction.
func (m *member) bytes() int {
	n := m.change.Entry.Bytes()
	for i := range m.writes {
		n += len(m.writes[i].current) + len(m.writes[i].past)
	}
	return n
}

// writer is the only one that appends to a log of this node. It takes whatever
// waits and commits it in one transaction, so that many requests share one round of
// commands and one wait for the majority.
type writer struct {
	s      *Store
	log    *mongo.Collection
	source string

	queue   chan *member
	stopped chan struct{}
	closing sync.RWMutex // held for reading while enqueuing
	closed  bool

	head  head // where the log ends; only touched by loop
	known bool // head is what the database has

	// session is that of all transactions of this writer: the server ends one that
	// a broken connection has left open when the next command of the session comes.
	// In others it would keep the log's head for a minute.
	session *mongo.Session
	used    time.Time // when session was last begun with

	destroyed time.Time // when this writer last learned that keys of parts were destroyed
}

var errClosed = errors.New("store is closed")

func newWriter(s *Store, log *mongo.Collection, source string) *writer {
	return &writer{s: s, log: log, source: source}
}

func (w *writer) start() {
	w.queue = make(chan *member, 4*groupLimit)
	w.stopped = make(chan struct{})
	go w.loop()
}

// write writes m in the next group and returns when it is durable, or has failed.
func (w *writer) write(ctx context.Context, m *member) (ledgerbridge.Receipt, error) {
	if w == nil {
		return ledgerbridge.Receipt{}, errReadOnly
	}
	m.ctx, m.done = ctx, make(chan struct{})
	if err := w.enqueue(m); err != nil {
		return ledgerbridge.Receipt{}, err
	}
	<-m.done
	if m.err != nil {
		return ledgerbridge.Receipt{}, m.err
	}
	return m.receipt, nil
}

func (w *writer) enqueue(m *member) error {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- m:
		return nil
	case <-m.ctx.Done():
		return m.ctx.Err()
	}
}

// close finishes what waits.
func (w *writer) close() {
	w.closing.Lock()
	already := w.closed
	w.closed = true
	w.closing.Unlock()
	if already || w.queue == nil {
		return
	}
	close(w.queue)
	<-w.stopped
	if w.session != nil {
		endSession(context.Background(), w.session)
	}
}

func (w *writer) loop() {
	defer close(w.stopped)
	for m := range w.queue {
		group := w.drain([]*member{m})
		w.commit(group)
		for _, m := range group {
			close(m.done)
		}
	}
}

// drain adds what waits already; it does not wait for more.
func (w *writer) drain(group []*member) []*member {
	bytes := group[0].bytes()
	for len(group) < groupLimit && bytes < groupBytes {
		select {
		case m, ok := <-w.queue:
			if !ok {
				return group
			}
			group = append(group, m)
			bytes += m.bytes()
		default:
			return group
		}
	}
	return group
}

// triesTogether is how often a group is tried before it is halved: a member that
// collides with another node's writes again and again must not stop the others.
const triesTogether = 4

// commit writes a group, or gives each member the error it failed with.
func (w *writer) commit(group []*member) {
	var waiting []*member
	for _, m := range group {
		if m.err = m.ctx.Err(); m.err == nil {
			waiting = append(waiting, m)
		}
	}
	if len(waiting) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.s.opts.Patience+working(waiting))
	defer cancel()
	w.commitWithin(ctx, waiting)
}

// working is what the versions of a group take to be written, at the most: the largest
// Bundles need longer than patience with a database in trouble should last. A server
// ends a transaction after a minute.
func working(group []*member) (d time.Duration) {
	for _, m := range group {
		d += time.Duration(len(m.writes)) * time.Millisecond
	}
	return min(d, 45*time.Second)
}

// commitWithin tries until ctx ends. What fails for another reason than trouble of
// the database is found by halving the group.
func (w *writer) commitWithin(ctx context.Context, group []*member) {
	for try := 0; ; try++ {
		err := w.attempt(ctx, group)
		if err == nil {
			return
		}
		again := mayPass(err)
		if len(group) > 1 && !forAll(err) && (!again || try >= triesTogether) {
			w.commitWithin(ctx, group[:len(group)/2])
			w.commitWithin(ctx, group[len(group)/2:])
			return
		}
		if !again || pause(ctx, try) != nil {
			w.fail(group, err)
			return
		}
	}
}

// duplicateKey is a race with another node: the next try sees its document.
const duplicateKey = 11000

// errUnknown says that a transaction may have been committed or not. Its members
// MUST NOT be tried again.
var errUnknown = errors.New("it is not known whether a transaction was committed")

// errNotCommitted says that a transaction whose commit failed was not committed.
var errNotCommitted = errors.New("a transaction was not committed")

// mayPass says whether another try may go better.
func mayPass(err error) bool {
	if errors.Is(err, errUnknown) {
		return false
	}
	return errors.Is(err, errNotCommitted) || errors.Is(err, errMoved) || transient(err) || hasCode(err, duplicateKey)
}

// forAll says whether an error would be that of each member by itself, too.
func forAll(err error) bool {
	return trouble(err) || errors.Is(err, errUnknown) || errors.Is(err, errFenced)
}

func (w *writer) fail(group []*member, err error) {
	err = fmt.Errorf("write %s: %w", w.source, err)
	if mayPass(err) || errors.Is(err, errUnknown) || errors.Is(err, errFenced) {
		err = tryLater(err)
	}
	for _, m := range group {
		m.err = err
	}
}

// attempt writes the group in one transaction. If it fails, nothing was written.
func (w *writer) attempt(ctx context.Context, group []*member) error {
	ctx, cancel := context.WithTimeout(ctx, w.s.opts.Patience/2+working(group)) // time is left for another connection
	defer cancel()
	within, err := w.inSession(ctx)
	if err != nil {
		return err
	}
	if err := w.recover(within); err != nil {
		return err
	}
	if err := startTransaction(w.session, durably()); err != nil {
		return err
	}
	u := newUnit(w)
	err = u.run(within, group)
	if err != nil || u.end == w.head.End { // all have failed: there is nothing to commit
		w.known = w.known && !errors.Is(err, errMoved)
		abort(ctx, w.session)
		return err
	}
	if err := w.session.CommitTransaction(ctx); err != nil {
		return w.resolve(u, err)
	}
	w.head.End = u.end
	return nil
}

// idleSession is after how long another session is used: a server forgets those that were
// idle for half an hour, but no transaction is open any more long before.
const idleSession = 5 * time.Minute

// inSession lets what is done with the context it returns belong to the writer's session.
func (w *writer) inSession(ctx context.Context) (_ context.Context, err error) {
	if w.session != nil && time.Since(w.used) > idleSession {
		endSession(ctx, w.session)
		w.session = nil
	}
	w.used = time.Now()
	if w.session == nil {
		if w.session, err = w.s.client.StartSession(options.Session().SetCausalConsistency(false)); err != nil {
			return nil, err
		}
	}
	if w.session.TransactionRunning() { // so the driver says after a commit that timed out
		abort(ctx, w.session)
	}
	return mongo.NewSessionContext(ctx, w.session), nil
}

// longestTransaction is how long a server may keep a transaction whose process has died:
// transactionLifetimeLimitSeconds, a minute, and half of that until it looks.
const longestTransaction = 2 * time.Minute

// takeOver is recover for a process that starts: the one before may have died in the
// middle of a transaction, which keeps the head of the log until the server ends it.
func (w *writer) takeOver(ctx context.Context) error {
	limit := time.Now().Add(longestTransaction)
	for try := 0; ; try++ {
		err := w.recover(ctx)
		if !transient(err) || time.Now().After(limit) || pause(ctx, try) != nil {
			return err
		}
		if try == 0 {
			w.s.opts.Report(fmt.Sprintf("the log %s cannot be taken over yet: trying for up to %v, for a process that died may have left a transaction open", w.source, longestTransaction))
		}
	}
}

// recover learns where the log ends. What was begun before can then not commit.
func (w *writer) recover(ctx context.Context) (err error) {
	if w.known {
		return nil
	}
	if w.head.Source == "" {
		w.head, err = w.s.claim(ctx, w.source)
	} else {
		var h head
		if h, err = w.s.reclaim(ctx, w.source); err == nil && h.End.Size < w.head.End.Size {
			return errRestored
		} else if err == nil {
			w.follow(h)
		}
	}
	w.known = err == nil
	return err
}

// follow takes over what the database says about a log that this writer had.
func (w *writer) follow(h head) {
	if h.Destroyed != w.head.Destroyed {
		w.s.keysDestroyed.Add(1)
		w.destroyed = time.Now()
	}
	w.head = h
}

// resolve finds out whether a transaction whose commit failed was committed after
// all, and returns nil if so. The new fence settles that for good: either the commit
// came before it, or it never will. The commitment of its first entry tells whether
// what stands in the log now is what was to be written.
func (w *writer) resolve(u *unit, failed error) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.s.opts.Patience)
	defer cancel()
	within, err := w.inSession(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnknown, failed)
	}
	first := w.head.End.Size
	w.known = false
	for try := 0; ; try++ {
		err := w.recover(within)
		var written bool
		if err == nil || errors.Is(err, errFenced) {
			written, err = w.wrote(ctx, first, u.first)
		}
		switch {
		case err == nil && written:
			return nil
		case err == nil:
			return fmt.Errorf("%w: %w", errNotCommitted, failed)
		case !transient(err) || pause(ctx, try) != nil:
			return fmt.Errorf("%w: %w", errUnknown, failed)
		}
	}
}

// wrote says whether an entry with this commitment stands in the log, in a snapshot that
// will last: a primary that was just elected, or deposed, may show an older majority.
func (w *writer) wrote(ctx context.Context, seq int64, commitment [32]byte) (written bool, err error) {
	err = w.s.readOnce(ctx, func(ctx context.Context) (err error) {
		written, err = hasEntry(ctx, w.log, entryID(w.source, seq), commitment)
		return err
	}, true)
	return written, err
}
