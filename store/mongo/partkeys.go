package mongo

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"sync"

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
	known map[string]partKey // by patient; what was used lately
}

type partKey struct {
	id  string
	key []byte
}

// wrappedKey is a document of the collection partkeys. Its _id is a hash of the
// patient's pseudonym, so a patient has one key at a time, whichever node makes it.
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
	k.mu.Lock()
	p, ok := k.known[patient]
	k.mu.Unlock()
	if ok {
		return p.id, p.key, nil
	}
	p, err := k.load(ctx, patient, create)
	if err != nil {
		return "", nil, fmt.Errorf("part key: %w", unavailable(err))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= keysKnown {
		clear(k.known)
	}
	k.known[patient] = p
	return p.id, p.key, nil
}

// Open returns the key with this id.
func (k *partKeys) Open(ctx context.Context, id string) ([]byte, error) {
	name, _, ok := strings.Cut(id, "-")
	if !ok {
		return nil, fmt.Errorf("part key: %w", fs.ErrNotExist)
	}
	w, err := k.read(ctx, bson.D{{Key: "_id", Value: name}, {Key: "id", Value: id}})
	if err != nil {
		return nil, fmt.Errorf("part key: %w", unavailable(err))
	}
	key, err := k.unwrap(w.Wrapped, []byte(w.ID))
	if err != nil {
		return nil, fmt.Errorf("part key: %w", err)
	}
	return key, nil
}

// Destroy overwrites and removes the key of the patient. The servers' oplog and
// backups keep the wrapped key until they have turned over.
func (k *partKeys) Destroy(ctx context.Context, patient string) error {
	k.mu.Lock()
	delete(k.known, patient)
	k.mu.Unlock()
	filter := bson.D{{Key: "_id", Value: owner(patient)}}
	_, err := k.s.keys.UpdateOne(ctx, filter, bson.D{{Key: "$set", Value: bson.D{{Key: "w", Value: []byte{}}}}})
	if err == nil {
		_, err = k.s.keys.DeleteOne(ctx, filter)
	}
	if err != nil {
		return fmt.Errorf("destroy part key: %w", unavailable(err))
	}
	return nil
}

// owner is the first half of the id of a patient's key; patient is a pseudonym.
func owner(patient string) string {
	sum := sha256.Sum256([]byte(patient))
	return hex.EncodeToString(sum[:16])
}

func (k *partKeys) load(ctx context.Context, patient string, create bool) (partKey, error) {
	w, err := k.read(ctx, bson.D{{Key: "_id", Value: owner(patient)}})
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
	suffix, key := make([]byte, 8), make([]byte, 32)
	rand.Read(suffix)
	rand.Read(key)
	name := owner(patient)
	id := name + "-" + hex.EncodeToString(suffix)
	wrapped, err := k.wrap(key, []byte(id))
	if err != nil {
		return w, err
	}
	for range 2 {
		err = k.s.keys.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: name}},
			bson.D{{Key: "$setOnInsert", Value: bson.D{{Key: "id", Value: id}, {Key: "w", Value: wrapped}}}},
			options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&w)
		if !mongo.IsDuplicateKeyError(err) {
			break
		}
	}
	if err == nil && len(w.Wrapped) == 0 {
		err = fmt.Errorf("the key of a patient is being destroyed: try again")
	}
	return w, err
}
