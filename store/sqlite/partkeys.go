package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// PartKeys opens and makes the keys of the folder's key file. It implements
// ledgerbridge.PartKeys.
type PartKeys struct {
	file         *keyFile
	wrap, unwrap store.Wrap

	mu    sync.Mutex
	since int64                          // keyFile.destroyed when known was empty
	known map[string]ledgerbridge.Secret // by patient; what was used lately
}

var _ ledgerbridge.PartKeys = (*PartKeys)(nil)

// keysKnown bounds how many keys are kept in memory.
const keysKnown = 4096

// PartKeys gives access to the part keys of the data folder, wrapped and unwrapped
// by the caller's keyring.
func (s *Store) PartKeys(wrap, unwrap store.Wrap) ledgerbridge.PartKeys {
	return &PartKeys{file: s.keys, wrap: wrap, unwrap: unwrap, known: map[string]ledgerbridge.Secret{}}
}

// Keys returns the current keys of patients, and makes those that are missing. These are
// durable before a record is that was sealed with them: see keyFile.
func (k *PartKeys) Keys(ctx context.Context, patients []string) ([]ledgerbridge.Secret, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	keys := make([]ledgerbridge.Secret, len(patients))
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.file.erasures(); now != k.since || len(k.known) >= keysKnown {
		k.since = now
		clear(k.known)
	}
	for i, patient := range patients {
		key, ok := k.known[patient]
		if !ok {
			var err error
			if key, err = k.load(patient); err != nil {
				return nil, fmt.Errorf("part key: %w", err)
			}
			k.known[patient] = key
		}
		keys[i] = key
	}
	return keys, nil
}

// load finds a patient's key, or makes one.
func (k *PartKeys) load(patient string) (ledgerbridge.Secret, error) {
	id, wrapped, err := k.file.find(ownerOf(patient), anyKey)
	if errors.Is(err, fs.ErrNotExist) {
		return k.create(patient)
	}
	if err != nil {
		return ledgerbridge.Secret{}, err
	}
	return k.opened(id, wrapped)
}

func (k *PartKeys) opened(id keyID, wrapped []byte) (ledgerbridge.Secret, error) {
	key, err := k.unwrap(wrapped, []byte(id.String()))
	return ledgerbridge.Secret{ID: id.String(), Key: key}, err
}

func (k *PartKeys) create(patient string) (ledgerbridge.Secret, error) {
	text, key, wrapped, err := store.NewPartKey(patient, k.wrap)
	if err != nil {
		return ledgerbridge.Secret{}, err
	}
	own, _ := parseKeyID(text)
	id, wrapped, err := k.file.ensure(own, wrapped)
	if err != nil || id == own {
		return ledgerbridge.Secret{ID: text, Key: key}, err
	}
	return k.opened(id, wrapped)
}

func ownerOf(patient string) keyOwner {
	id, _ := parseKeyID(store.PartKeyOwner(patient) + "-0000000000000000")
	return id.owner()
}

// Has says whether the patient has a key.
func (k *PartKeys) Has(ctx context.Context, patient string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	_, _, err := k.file.find(ownerOf(patient), anyKey)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("part key: %w", err)
	}
	return true, nil
}

// Open returns the key with this id.
func (k *PartKeys) Open(ctx context.Context, text string) (key []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id, ok := parseKeyID(text)
	if !ok {
		return nil, fmt.Errorf("part key: %w", fs.ErrNotExist)
	}
	_, wrapped, err := k.file.find(id.owner(), func(other keyID) bool { return other == id })
	if errors.Is(err, fs.ErrNotExist) && k.file.readOnly {
		wrapped, err = openOldKey(ctx, k.file.dir, id.String())
	}
	if err == nil {
		key, err = k.unwrap(wrapped, []byte(id.String()))
	}
	if err != nil {
		return nil, fmt.Errorf("part key: %w", err)
	}
	return key, nil
}

// Destroy overwrites all keys of the patient where they stand.
func (k *PartKeys) Destroy(ctx context.Context, patient string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := k.file.destroy(ownerOf(patient)); err != nil {
		return fmt.Errorf("destroy part key: %w", err)
	}
	return nil
}
