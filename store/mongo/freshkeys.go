package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// freshKeys are part keys that this process has made and that are not durable yet. A
// writer inserts all of them with one command before its transaction begins; what was
// sealed with a key that still waits is not written. If another node has made a key for
// the same patient first, that one counts, and what was sealed with the other is judged and
// sealed again.
type freshKeys struct {
	settling sync.Mutex // held by who inserts; taken before mu

	mu      sync.Mutex
	waiting map[string]wrappedKey // by owner
	lost    map[string]time.Time  // by id: keys of which another node's came first, and when that was seen
	failed  error                 // why keys wait
}

// freshMost bounds the keys that wait while the database is in trouble. A transaction may
// have 50,000 entries.
const freshMost = 200_000

// ensure lets a key wait, unless its owner has one that does, and returns the owner's.
func (f *freshKeys) ensure(w wrappedKey) (wrappedKey, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if there, ok := f.waiting[w.Owner]; ok {
		return there, nil
	}
	if len(f.waiting) >= freshMost {
		return w, store.Unavailable(fmt.Errorf("%d keys of new patients wait to be written: %w", freshMost, f.failed))
	}
	if f.waiting == nil {
		f.waiting, f.lost = map[string]wrappedKey{}, map[string]time.Time{}
	}
	f.waiting[w.Owner] = w
	return w, nil
}

func (f *freshKeys) has(owner string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.waiting[owner]
	return ok
}

// forget drops a key that waits: its owner's is being destroyed.
func (f *freshKeys) forget(owner string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w, ok := f.waiting[owner]; ok {
		f.lost[w.ID] = time.Now()
		delete(f.waiting, owner)
	}
}

// durable fails if one of the parts was sealed with a key that is not durable, or never
// will be.
func (f *freshKeys) durable(parts []ledgerbridge.PartRow) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 && len(f.lost) == 0 {
		return nil
	}
	for i := range parts {
		if _, lost := f.lost[parts[i].Key]; lost {
			return store.ErrChanged
		}
		owner, _, _ := strings.Cut(parts[i].Key, "-")
		if w, ok := f.waiting[owner]; ok && w.ID == parts[i].Key {
			return store.Unavailable(fmt.Errorf("the key of a new patient is not durable: %w", f.failed))
		}
	}
	return nil
}

func (f *freshKeys) batch() (batch []wrappedKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.waiting {
		batch = append(batch, w)
	}
	return batch
}

// settle makes the keys durable that wait. If it fails they go on waiting, and durable
// tells.
func (s *Store) settleKeys(ctx context.Context) error {
	f := &s.fresh
	f.settling.Lock()
	defer f.settling.Unlock()
	batch := f.batch()
	if len(batch) == 0 {
		return nil
	}
	others, err := s.insertKeys(ctx, batch)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed = err; err != nil {
		return fmt.Errorf("insert keys of new patients: %w", err)
	}
	f.settled(batch, others)
	if len(others) > 0 {
		s.keysDestroyed.Add(1) // what this process remembers is not what counts
	}
	return nil
}

// settled ends the waiting of a batch; others are the keys that other nodes made first, by
// owner. The caller holds mu.
func (f *freshKeys) settled(batch []wrappedKey, others map[string]string) {
	now := time.Now()
	for id, at := range f.lost {
		if now.Sub(at) > doubtful {
			delete(f.lost, id)
		}
	}
	for _, w := range batch {
		if f.waiting[w.Owner].ID == w.ID {
			delete(f.waiting, w.Owner)
		}
		if other, taken := others[w.Owner]; taken && other != w.ID {
			f.lost[w.ID] = now
		}
	}
}

// insertKeys inserts keys, and returns those that were there before, by owner: the same
// ones, after an attempt whose answer was lost, or others.
func (s *Store) insertKeys(ctx context.Context, batch []wrappedKey) (there map[string]string, err error) {
	docs := make([]any, len(batch))
	for i := range batch {
		docs[i] = batch[i]
	}
	_, err = s.keys.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	var several mongo.BulkWriteException
	if err == nil || !errors.As(err, &several) || several.WriteConcernError != nil {
		return nil, err
	}
	var names bson.A
	there = map[string]string{}
	for _, failed := range several.WriteErrors {
		if failed.Code != duplicateKey {
			return nil, err
		}
		names = append(names, batch[failed.Index].Owner)
		there[batch[failed.Index].Owner] = "" // it may be gone by now
	}
	in := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: names}}}}
	return there, each(ctx, s.keys, in, options.Find(), func(w *wrappedKey) error {
		there[w.Owner] = w.ID
		return nil
	})
}
