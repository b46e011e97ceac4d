package mongo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// partKeys keeps each patient's part key, wrapped, in a collection of its own.
type partKeys struct {
	s            *Store
	wrap, unwrap store.Wrap

	mu    sync.Mutex
	since int64              // Store.keysDestroyed when known was empty
	known map[string]partKey // by patient; what was used lately
}

type partKey struct {
	id  string
	key []byte
}

// wrappedKey is a document of the collection partkeys. Its _id is a hash of the
// patient's pseudonym, so a patient has one key at a time, even if two nodes make one at once.
type wrappedKey struct {
	Owner   string `bson:"_id"`
	ID      string `bson:"id"`
	Wrapped []byte `bson:"w"`
}

// keysKnown bounds how many keys are kept in memory.
const keysKnown = 4096

// PartKeys gives access to the part keys in the database, wrapped and unwrapped by
// the caller's keyring.
func (s *Store) PartKeys(wrap, unwrap store.Wrap) ledgerbridge.PartKeys {
	return &partKeys{s: s, wrap: wrap, unwrap: unwrap, known: map[string]partKey{}}
}

// Key returns the patient's current key. A new one is durable when it returns.
func (k *partKeys) Key(ctx context.Context, patient string, create bool) (string, []byte, error) {
	p, since := k.remembered(patient)
	if p.id != "" {
		return p.id, p.key, nil
	}
	p, err := retried(ctx, k.s, func(ctx context.Context) (partKey, error) { return k.load(ctx, patient, create) })
	if err != nil {
		return "", nil, fmt.Errorf("part key: %w", err)
	}
	k.remember(patient, p, since)
	return p.id, p.key, nil
}

// remembered is a key that was used lately, and what to pass to remember after loading
// one. It forgets all keys whenever any node has destroyed some.
func (k *partKeys) remembered(patient string) (p partKey, since int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.s.keysDestroyed.Load(); now != k.since || len(k.known) >= keysKnown {
		k.since = now
		clear(k.known)
	}
	return k.known[patient], k.since
}

func (k *partKeys) remember(patient string, p partKey, since int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if since == k.s.keysDestroyed.Load() {
		k.known[patient] = p
	}
}

// Open returns the key with this id.
func (k *partKeys) Open(ctx context.Context, id string) ([]byte, error) {
	name, _, ok := strings.Cut(id, "-")
	if !ok {
		return nil, fmt.Errorf("part key: %w", fs.ErrNotExist)
	}
	w, err := retried(ctx, k.s, func(ctx context.Context) (wrappedKey, error) {
		return k.read(ctx, bson.D{{Key: "_id", Value: name}, {Key: "id", Value: id}})
	})
	if err != nil {
		return nil, fmt.Errorf("part key: %w", err)
	}
	key, err := k.unwrap(w.Wrapped, []byte(w.ID))
	if err != nil {
		return nil, fmt.Errorf("part key: %w", err)
	}
	return key, nil
}

// Destroy overwrites and removes the key of the patient. When it returns, no node
// can write a part that it has sealed with the key: each writer's next transaction fails,
// and the one after checks which keys still exist. The servers' oplog and backups keep
// the wrapped key until they have turned over.
func (k *partKeys) Destroy(ctx context.Context, patient string) error {
	filter := bson.D{{Key: "_id", Value: store.PartKeyOwner(patient)}}
	_, err := k.s.keys.UpdateOne(ctx, filter, bson.D{{Key: "$set", Value: bson.D{{Key: "w", Value: []byte{}}}}})
	if err == nil {
		_, err = k.s.keys.DeleteOne(ctx, filter)
	}
	k.s.keysDestroyed.Add(1)
	if err == nil {
		_, err = k.s.heads.UpdateMany(ctx, bson.D{}, bson.D{{Key: "$inc", Value: bson.D{{Key: "destroyed", Value: int64(1)}}}})
	}
	if err != nil {
		return fmt.Errorf("destroy part key: %w", unavailable(err))
	}
	return nil
}

func (k *partKeys) load(ctx context.Context, patient string, create bool) (partKey, error) {
	w, err := k.read(ctx, bson.D{{Key: "_id", Value: store.PartKeyOwner(patient)}})
	if err == fs.ErrNotExist && create {
		w, err = k.create(ctx, patient)
	}
	if err != nil {
		return partKey{}, err
	}
	key, err := k.unwrap(w.Wrapped, []byte(w.ID))
	return partKey{w.ID, key}, err
}

func (k *partKeys) read(ctx context.Context, filter bson.D) (w wrappedKey, err error) {
	ok, err := found(k.s.keys.FindOne(ctx, filter).Decode(&w))
	if err == nil && (!ok || len(w.Wrapped) == 0) {
		err = fs.ErrNotExist
	}
	return w, err
}

// create makes a key unless another node has just done so, and returns what is there.
func (k *partKeys) create(ctx context.Context, patient string) (w wrappedKey, err error) {
	id, _, wrapped, err := store.NewPartKey(patient, k.wrap)
	if err != nil {
		return w, err
	}
	for range 2 {
		err = k.s.keys.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: store.PartKeyOwner(patient)}},
			bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "id", Value: id}, {Key: "w", Value: wrapped}}}},
			options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&w)
		if !mongo.IsDuplicateKeyError(err) {
			break
		}
	}
	if err == nil && len(w.Wrapped) == 0 {
		err = errors.New("the key of a patient is being destroyed: try again")
	}
	return w, err
}

// doubtful is how long after the destruction of a key records that were sealed with it
// may still arrive.
const doubtful = time.Minute

// errDestroyed says that a part was sealed with a key that no longer exists.
var errDestroyed = errors.New("a record was sealed with a key that has been destroyed since")

// sealable fails unless the keys of all parts still exist.
func (u *unit) sealable(ctx context.Context, parts []ledgerbridge.PartRow) error {
	if time.Since(u.w.destroyed) > doubtful {
		return nil
	}
	ids := map[string]bool{}
	var names bson.A
	for _, p := range parts {
		if name, _, ok := strings.Cut(p.Key, "-"); ok && p.Patient != "" && !ids[p.Key] {
			ids[p.Key] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	err := each(ctx, u.s.keys, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: names}}}}, options.Find(), func(w *wrappedKey) error {
		delete(ids, w.ID)
		return nil
	})
	if err == nil && len(ids) > 0 {
		err = store.Unavailable(errDestroyed)
	}
	return err
}
