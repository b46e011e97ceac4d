package mongo

import (
	"context"
	"fmt"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/search"
)

// The bounds of reading current versions together.
const (
	getters  = 4   // snapshots at the same time ...
	getWait  = 16  // ... of which another begins when so many wait: fewer share the next one
	getLimit = 128 // resources in one
)

// getter answers Gets in groups: those that wait while others are being read share the
// next snapshot, and so the commands of one transaction.
type getter struct {
	s       *Store
	mu      sync.Mutex
	waiting []*lookup
	running int
}

// lookup is one Get. Its answer may be read once done is closed.
type lookup struct {
	id    string
	found *search.Row // nil if it is not there
	epoch int64
	err   error
	done  chan struct{}
}

// Get returns the current version.
func (s *Store) Get(ctx context.Context, ref fhir.Ref) (store.Version, error) {
	l := s.getter.get(ctx, s.id(ref))
	switch {
	case l.err != nil:
		return store.Version{}, fmt.Errorf("get: %w", l.err)
	case l.found == nil:
		return store.Version{}, store.ErrNotFound
	}
	return l.found.Full(l.epoch)
}

func (g *getter) get(ctx context.Context, id string) *lookup {
	l := &lookup{id: id, done: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, l)
	if g.running == 0 || g.running < getters && len(g.waiting) >= getWait {
		g.running++
		go g.run()
	}
	g.mu.Unlock()
	select {
	case <-l.done:
		return l
	case <-ctx.Done():
		return &lookup{err: ctx.Err()}
	}
}

// run answers until no Get waits.
func (g *getter) run() {
	for {
		g.mu.Lock()
		n := min(len(g.waiting), getLimit)
		group := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		if n == 0 {
			g.waiting = nil
			g.running--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		g.answer(group)
	}
}

func (g *getter) answer(group []*lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), g.s.opts.Patience)
	defer cancel()
	byID := map[string][]*lookup{}
	var ids bson.A
	for _, l := range group {
		if byID[l.id] == nil {
			ids = append(ids, l.id)
		}
		byID[l.id] = append(byID[l.id], l)
	}
	err := g.s.snapshot(ctx, func(ctx context.Context) (err error) {
		defer fhir.Caught(&err) // nobody above would
		return g.read(ctx, ids, byID)
	})
	for _, l := range group {
		l.err = err
		close(l.done)
	}
}

func (g *getter) read(ctx context.Context, ids bson.A, byID map[string][]*lookup) error {
	epoch, err := g.s.epoch(ctx)
	if err != nil {
		return err
	}
	rows, err := g.s.rows(ctx, g.s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetProjection(withoutKeys))
	if err != nil {
		return err
	}
	for _, all := range byID {
		for _, l := range all {
			l.found, l.epoch = nil, epoch // an earlier try may have found something
		}
	}
	for _, r := range rows {
		for _, l := range byID[g.s.id(r.Ref)] {
			own := *r // the Gets may be on several goroutines
			l.found = &own
		}
	}
	return nil
}
