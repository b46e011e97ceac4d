package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

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
	ctx, cancel := context.WithTimeout(context.Background(), w.s.opts.Patience)
	defer cancel()
	w.commitWithin(ctx, waiting)
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
	ctx, cancel := context.WithTimeout(ctx, w.s.opts.Patience/2) // time is left for another connection
	defer cancel()
	if err := w.recover(ctx); err != nil {
		return err
	}
	session, err := w.s.begin()
	if err != nil {
		return err
	}
	defer endSession(ctx, session)
	u := newUnit(w)
	if err := u.run(mongo.NewSessionContext(ctx, session), group); err != nil {
		w.known = w.known && !errors.Is(err, errMoved)
		return err
	}
	if u.end == w.head.End {
		return nil // all have failed: there is nothing to commit
	}
	if err := session.CommitTransaction(ctx); err != nil {
		return w.resolve(u, err)
	}
	w.head.End = u.end
	w.s.latest.committed(session)
	return nil
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
// what stands in the log now is what was to be written. One session sees to it that the
// log is read as of the fence or later: a primary that has just been elected shows an
// older majority for a moment.
func (w *writer) resolve(u *unit, failed error) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.s.opts.Patience)
	defer cancel()
	session, err := w.s.client.StartSession()
	if err != nil {
		return fmt.Errorf("%w: %w", errUnknown, failed)
	}
	defer session.EndSession(ctx)
	ctx = mongo.NewSessionContext(ctx, session)
	first := w.head.End.Size
	w.known = false
	for try := 0; ; try++ {
		err := w.recover(ctx)
		if err == nil || errors.Is(err, errFenced) {
			var written bool
			if written, err = hasEntry(ctx, w.log, entryID(w.source, first), u.first); err == nil {
				if written {
					w.s.latest.committed(session)
					return nil
				}
				return fmt.Errorf("%w: %w", errNotCommitted, failed)
			}
		}
		if !transient(err) || pause(ctx, try) != nil {
			return fmt.Errorf("%w: %w", errUnknown, failed)
		}
	}
}
