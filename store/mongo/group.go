package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/group"
)

// fullGroup is the size at which a transaction takes no more members. It must end long
// before the server's limit of a minute.
const fullGroup = 16 << 20

// member is one request waiting to be written.
type member struct {
	change  *store.Change
	writes  []prepared
	receipt ledgerbridge.Receipt
	err     error
}

// size is roughly how much a member adds to a transaction.
func (m *member) size() int {
	n := m.change.Entry.Bytes()
	for i := range m.writes {
		n += len(m.writes[i].current) + len(m.writes[i].past)
	}
	for i := range m.change.Keep {
		n += len(m.change.Keep[i].Value)
	}
	return n
}

// writer appends to a log of this node, and nobody else does. It commits each group in one
// transaction, so that many requests share one round of commands and one wait for the
// majority.
type writer struct {
	s      *Store
	log    *mongo.Collection
	source string
	queue  group.Queue[*member]

	head  head // where the log ends; only touched by the queue
	known bool // head is what the database has

	// session carries all transactions of this writer: if a broken connection leaves one
	// open, the server ends it with the next transaction of the session. From another
	// session's it would keep the log's head for a minute.
	session *mongo.Session
	used    time.Time // when session was last begun with

	destroyed time.Time // when this writer last learned that keys of parts were destroyed
}

func newWriter(s *Store, log *mongo.Collection, source string) *writer {
	w := &writer{s: s, log: log, source: source}
	w.queue = group.Queue[*member]{Commit: w.commit, Size: (*member).size, Full: fullGroup}
	return w
}

// write writes m in the next group and returns when it is durable, or has failed.
func (w *writer) write(ctx context.Context, m *member) (ledgerbridge.Receipt, error) {
	if w == nil {
		return ledgerbridge.Receipt{}, errReadOnly
	}
	if err := w.queue.Do(ctx, m); err != nil {
		return ledgerbridge.Receipt{}, err
	}
	if m.err != nil {
		return ledgerbridge.Receipt{}, m.err
	}
	return m.receipt, nil
}

// close commits what waits.
func (w *writer) close() {
	w.queue.Close()
	if w.session != nil {
		endSession(context.Background(), w.session)
	}
}

// triesTogether is how often a group is tried before it is halved: a member that
// collides with another node's writes again and again must not stop the others.
const triesTogether = 4

// commit writes a group, or gives each member the error it failed with.
func (w *writer) commit(members []*member) {
	ctx, cancel := context.WithTimeout(context.Background(), w.s.opts.Patience+working(members))
	defer cancel()
	w.commitWithin(ctx, members)
}

// working is the most time that writing the versions of a group takes: the largest Bundles
// need longer than the patience with a database in trouble. A server ends a transaction
// after a minute.
func working(members []*member) (d time.Duration) {
	for _, m := range members {
		d += time.Duration(len(m.writes)+len(m.change.Purges)) * time.Millisecond
	}
	return min(d, 45*time.Second)
}

// commitWithin tries until ctx ends. It finds the member that makes a group fail by
// halving, unless the database is in trouble.
func (w *writer) commitWithin(ctx context.Context, members []*member) {
	for try := 0; ; try++ {
		err := w.attempt(ctx, members)
		if err == nil {
			return
		}
		again := mayPass(err)
		if len(members) > 1 && !forAll(err) && (!again || try >= triesTogether) {
			w.commitWithin(ctx, members[:len(members)/2])
			w.commitWithin(ctx, members[len(members)/2:])
			return
		}
		if !again || pause(ctx, try) != nil {
			w.fail(members, err)
			return
		}
	}
}

// duplicateKey is the code of a race with another node: the next try sees its document.
const duplicateKey = 11000

// errUnknown says that a transaction may or may not have been committed. Its members
// MUST NOT be tried again.
var errUnknown = errors.New("it is not known whether a transaction was committed")

// errNotCommitted says that a transaction whose commit failed was not committed.
var errNotCommitted = errors.New("a transaction was not committed")

// mayPass says whether another try may succeed.
func mayPass(err error) bool {
	if errors.Is(err, errUnknown) {
		return false
	}
	return errors.Is(err, errNotCommitted) || errors.Is(err, errMoved) || transient(err) || hasCode(err, duplicateKey)
}

// forAll says whether each member would fail with this error by itself, too.
func forAll(err error) bool {
	return trouble(err) || errors.Is(err, errUnknown) || errors.Is(err, errFenced)
}

func (w *writer) fail(members []*member, err error) {
	err = fmt.Errorf("write %s: %w", w.source, err)
	if mayPass(err) || errors.Is(err, errUnknown) || errors.Is(err, errFenced) {
		err = store.Unavailable(err)
	}
	for _, m := range members {
		m.err = err
	}
}

// attempt writes the group in one transaction. If it fails, nothing was written. Its
// snapshot is that of its first command, after all members have joined: none joins a group
// that is being committed, and each further try, of the group or of its half, begins a
// transaction of its own. So it has everything that was acknowledged before the call of
// any member.
func (w *writer) attempt(ctx context.Context, members []*member) (err error) {
	defer fhir.Caught(&err)
	ctx, cancel := context.WithTimeout(ctx, w.s.opts.Patience/2+working(members)) // time is left for another connection
	defer cancel()
	within, err := w.inSession(ctx)
	if err != nil {
		return err
	}
	if err := w.recover(within); err != nil {
		return err
	}
	if err := w.s.settleKeys(ctx); transient(err) {
		return err
	} // otherwise members whose keys are not durable fail: unit.sealable
	if err := startTransaction(w.session, durably()); err != nil {
		return err
	}
	u := newUnit(w)
	err = u.run(within, members)
	if err != nil || u.end == w.head.End { // all have failed: there is nothing to commit
		w.known = w.known && !errors.Is(err, errMoved)
		abort(ctx, w.session)
		return err
	}
	if err := w.session.CommitTransaction(ctx); err != nil {
		return w.resolve(u, err)
	}
	if u.end.Stamp != w.head.End.Stamp {
		w.head.Types.Known = u.end.Stamp
	}
	w.head.End = u.end
	return nil
}

// idleSession is how long a session may be idle before it is replaced: a server forgets
// idle sessions after half an hour, and ends their transactions long before.
const idleSession = 5 * time.Minute

// inSession returns a context whose commands belong to the writer's session.
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

// longestTransaction is how long a server may keep a transaction of a dead process:
// transactionLifetimeLimitSeconds, a minute, and half of that until it checks.
const longestTransaction = 2 * time.Minute

// takeOver is recover for a process that starts: its predecessor may have died inside a
// transaction, which keeps the head of the log until the server ends it.
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

// recover reads where the log ends. Transactions that were begun before cannot commit
// after it.
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

// follow adopts the head that the database has.
func (w *writer) follow(h head) {
	if h.Destroyed != w.head.Destroyed {
		w.s.keysDestroyed.Add(1)
		w.destroyed = time.Now()
	}
	w.head = h
}

// resolve finds out whether a transaction whose commit failed was committed after all, and
// returns nil if so. The new fence settles it: either the commit came before it, or it
// never will. The commitment of the first entry shows whether the log now holds what was
// to be written.
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

// wrote says whether the log has an entry with this commitment, in a snapshot that will
// last: a primary that was just elected, or deposed, may show an older majority.
func (w *writer) wrote(ctx context.Context, seq int64, commitment [32]byte) (written bool, err error) {
	err = w.s.readOnce(ctx, func(ctx context.Context) (err error) {
		written, err = hasEntry(ctx, w.log, entryID(w.source, seq), commitment)
		return err
	}, true)
	return written, err
}
