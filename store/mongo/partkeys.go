package mongo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// partKeys keeps each patient's part key, wrapped, in a collection of its own.
type partKeys struct {
	s            *Store
	wrap, unwrap store.Wrap

	mu    sync.Mutex
	since int64                          // Store.keysDestroyed when known was empty
	known map[string]ledgerbridge.Secret // by patient; what was used lately
}

// wrappedKey is a document of the collection partkeys. Its _id is a hash of the
// patient's pseudonym, so a patient has one key at a time, even if two nodes make one at once.
type wrappedKey struct {
	Owner   string `bson:"_id"`
	ID      string `bson:"id"`
	Wrapped []byte `bson:"w"`
}

const (
	// keysKnown bounds how many keys are kept in memory.
	keysKnown = 4096
	// keysAtOnce bounds how many keys one query asks for.
	keysAtOnce = 1000
)

// PartKeys gives access to the part keys in the database, wrapped and unwrapped by
// the caller's keyring.
func (s *Store) PartKeys(wrap, unwrap store.Wrap) ledgerbridge.PartKeys {
	return &partKeys{s: s, wrap: wrap, unwrap: unwrap, known: map[string]ledgerbridge.Secret{}}
}

// Keys returns the current keys of patients, and makes those that are missing. These are
// durable before a record is that was sealed with them: see freshKeys.
func (k *partKeys) Keys(ctx context.Context, patients []string) ([]ledgerbridge.Secret, error) {
	known, unknown, since := k.remembered(patients)
	for chunk := range slices.Chunk(unknown, keysAtOnce) {
		loaded, err := retried(ctx, k.s, func(ctx context.Context) (map[string]ledgerbridge.Secret, error) { return k.load(ctx, chunk) })
		if err != nil {
			return nil, fmt.Errorf("part keys: %w", err)
		}
		maps.Copy(known, loaded)
		k.remember(loaded, since)
	}
	keys := make([]ledgerbridge.Secret, len(patients))
	for i, patient := range patients {
		keys[i] = known[patient]
	}
	return keys, nil
}

// remembered are keys that were used lately, patients of whom none is known, and what to
// pass to remember after loading them. It forgets all keys whenever any node has destroyed
// some, or has come before this one.
func (k *partKeys) remembered(patients []string) (known map[string]ledgerbridge.Secret, unknown []string, since int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.s.keysDestroyed.Load(); now != k.since || len(k.known) >= keysKnown {
		k.since = now
		clear(k.known)
	}
	known = make(map[string]ledgerbridge.Secret, len(patients))
	for _, patient := range patients {
		if key, ok := k.known[patient]; ok {
			known[patient] = key
		} else {
			unknown = append(unknown, patient)
		}
	}
	return known, unknown, k.since
}

func (k *partKeys) remember(loaded map[string]ledgerbridge.Secret, since int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if since == k.s.keysDestroyed.Load() {
		maps.Copy(k.known, loaded)
	}
}

// load reads the keys of patients, or makes them.
func (k *partKeys) load(ctx context.Context, patients []string) (map[string]ledgerbridge.Secret, error) {
	names := make(bson.A, len(patients))
	for i, patient := range patients {
		names[i] = store.PartKeyOwner(patient)
	}
	there := map[string]wrappedKey{}
	in := bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: names}}}}
	err := each(ctx, k.s.keys, in, options.Find(), func(w *wrappedKey) error {
		there[w.Owner] = *w
		return nil
	})
	if err != nil {
		return nil, err
	}
	loaded := make(map[string]ledgerbridge.Secret, len(patients))
	for i, patient := range patients {
		w, ok := there[names[i].(string)]
		if !ok {
			if w, err = k.create(patient); err != nil {
				return nil, err
			}
		}
		if len(w.Wrapped) == 0 {
			return nil, store.Unavailable(errors.New("the key of a patient is being destroyed: try again"))
		}
		key, err := k.unwrap(w.Wrapped, []byte(w.ID))
		if err != nil {
			return nil, err
		}
		loaded[patient] = ledgerbridge.Secret{ID: w.ID, Key: key}
	}
	return loaded, nil
}

// create makes a key that waits to be written, unless one does.
func (k *partKeys) create(patient string) (wrappedKey, error) {
	id, _, wrapped, err := store.NewPartKey(patient, k.wrap)
	if err != nil {
		return wrappedKey{}, err
	}
	return k.s.fresh.ensure(wrappedKey{Owner: store.PartKeyOwner(patient), ID: id, Wrapped: wrapped})
}

// Has says whether the patient has a key.
func (k *partKeys) Has(ctx context.Context, patient string) (bool, error) {
	has, err := retried(ctx, k.s, func(ctx context.Context) (bool, error) {
		_, err := k.read(ctx, bson.D{{Key: "_id", Value: store.PartKeyOwner(patient)}})
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return false, fmt.Errorf("part key: %w", err)
	}
	return has || k.s.fresh.has(store.PartKeyOwner(patient)), nil
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
	k.s.fresh.forget(store.PartKeyOwner(patient))
	k.s.keysDestroyed.Add(1)
	if err == nil {
		_, err = k.s.heads.UpdateMany(ctx, bson.D{}, bson.D{{Key: "$inc", Value: bson.D{{Key: "destroyed", Value: int64(1)}}}})
	}
	if err != nil {
		return fmt.Errorf("destroy part key: %w", unavailable(err))
	}
	return nil
}

func (k *partKeys) read(ctx context.Context, filter bson.D) (w wrappedKey, err error) {
	ok, err := found(k.s.keys.FindOne(ctx, filter).Decode(&w))
	if err == nil && (!ok || len(w.Wrapped) == 0) {
		err = fs.ErrNotExist
	}
	return w, err
}

// doubtful is how long after the destruction of a key records that were sealed with it
// may still arrive.
const doubtful = time.Minute

// errDestroyed says that a part was sealed with a key that no longer exists.
var errDestroyed = errors.New("a record was sealed with a key that has been destroyed since")

// sealable fails unless the keys of all parts are durable, and still exist.
func (u *unit) sealable(ctx context.Context, parts []ledgerbridge.PartRow) error {
	if err := u.s.fresh.durable(parts); err != nil {
		return err
	}
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
