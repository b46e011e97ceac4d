package mongo

import (
	"context"
	"fmt"
	"io/fs"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Keyring is the collection keyring: the sealed keys that all nodes share. It cannot
// open them; package keyring does, whose Box it implements.
type Keyring struct{ s *Store }

// Keyring gives access to the sealed keys.
func (s *Store) Keyring() Keyring { return Keyring{s} }

type sealedKey struct {
	Name   string `bson:"_id"`
	Sealed []byte `bson:"sealed"`
}

func (k Keyring) collection() *mongo.Collection { return k.s.db.Collection("keyring") }

// SealedKeys returns all sealed keys by name.
func (k Keyring) SealedKeys(ctx context.Context) (map[string][]byte, error) {
	keys := map[string][]byte{}
	err := each(ctx, k.collection(), bson.D{}, options.Find(), func(one *sealedKey) error {
		keys[one.Name] = one.Sealed
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", unavailable(err))
	}
	return keys, nil
}

// AddKeys adds all of them or none. The error is fs.ErrExist if a name is, or may be,
// taken: the caller reads the keys again.
func (k Keyring) AddKeys(ctx context.Context, sealed map[string][]byte) error {
	var docs []any
	for name, key := range sealed {
		docs = append(docs, sealedKey{name, key})
	}
	err := k.s.transact(ctx, func(ctx context.Context) error { return insertAll(ctx, k.collection(), docs) }, true)
	if mongo.IsDuplicateKeyError(err) || hasLabel(err, transientLabel) {
		return fmt.Errorf("add keys: %w", fs.ErrExist)
	}
	return unavailable(err)
}
