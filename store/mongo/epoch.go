package mongo

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/store"
)

// latest is the time of the cluster at which this process last committed something.
// Whoever could commit was the primary then and had everything that was acknowledged
// before; a read that comes after it in the order of causes has that, too.
type latest struct {
	mu        sync.Mutex
	cluster   bson.Raw
	operation *bson.Timestamp
}

// committed notes the time of a commit.
func (l *latest) committed(session *mongo.Session) {
	at := session.OperationTime()
	l.mu.Lock()
	defer l.mu.Unlock()
	if at != nil && (l.operation == nil || at.Compare(*l.operation) > 0) {
		l.operation, l.cluster = at, session.ClusterTime()
	}
}

// follow lets what is read in the session come after the last commit.
func (l *latest) follow(session *mongo.Session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.operation == nil {
		return nil
	}
	if err := session.AdvanceClusterTime(l.cluster); err != nil {
		return err
	}
	return session.AdvanceOperationTime(l.operation)
}

// epochReader reads the consent epoch for all who wait for it at once.
type epochReader struct {
	mu      sync.Mutex
	reading bool
	waiting []chan<- epochRead
}

type epochRead struct {
	epoch int64
	err   error
}

// Epoch is the consent epoch now. Called after Record, it counts every write of a
// Consent that any node had acknowledged when the record was made durable.
func (s *Store) Epoch(ctx context.Context) (int64, error) {
	read := make(chan epochRead, 1)
	r := &s.epochReader
	r.mu.Lock()
	r.waiting = append(r.waiting, read)
	if !r.reading {
		r.reading = true
		go s.readEpochs()
	}
	r.mu.Unlock()
	select {
	case got := <-read:
		return got.epoch, got.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// readEpochs reads until nobody waits any more. A read answers only those who came
// before it began.
func (s *Store) readEpochs() {
	for {
		s.epochReader.mu.Lock()
		waiting := s.epochReader.waiting
		s.epochReader.waiting, s.epochReader.reading = nil, len(waiting) > 0
		s.epochReader.mu.Unlock()
		if len(waiting) == 0 {
			return
		}
		epoch, err := s.epochNow()
		for _, w := range waiting {
			w <- epochRead{epoch, err}
		}
	}
}

func (s *Store) epochNow() (epoch int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.Patience)
	defer cancel()
	for try := 0; ; try++ {
		epoch, err = s.epochAfter(ctx)
		if !transient(err) || pause(ctx, try) != nil {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("read the consent epoch: %w", unavailable(err))
	}
	return epoch, nil
}

func (s *Store) epochAfter(ctx context.Context) (int64, error) {
	session, err := s.client.StartSession()
	if err != nil {
		return 0, err
	}
	defer session.EndSession(ctx)
	if err := s.latest.follow(session); err != nil {
		return 0, err
	}
	return s.epoch(mongo.NewSessionContext(ctx, session))
}

var _ store.Epochs = (*Store)(nil)

// stillJudged refuses a change that was judged by Consents which have changed.
func (u *unit) stillJudged(ctx context.Context, c *store.Change) error {
	if len(c.Judged) == 0 {
		return nil
	}
	if !u.epochKnown {
		var err error
		if u.epoch, err = u.s.epoch(ctx); err != nil {
			return err
		}
		u.epochKnown = true
	}
	if u.epoch <= c.Epoch {
		return nil
	}
	patients, err := u.s.touchedSince(ctx, c.Epoch)
	if err != nil {
		return err
	}
	for _, p := range patients {
		if slices.Contains(c.Judged, p) {
			return store.ErrChanged
		}
	}
	return nil
}
