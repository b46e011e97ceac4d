package sqlite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// PartKeys keeps each patient's part key, wrapped, in a file of its own. Files can
// be destroyed one by one. Rows of a database cannot: copies stay in its free pages and
// its log. It implements ledgerbridge.PartKeys.
type PartKeys struct {
	dir          string
	wrap, unwrap store.Wrap

	mu    sync.Mutex
	known map[string]partKey // by patient; what was used lately
}

type partKey struct {
	id  string
	key []byte
}

var _ ledgerbridge.PartKeys = (*PartKeys)(nil)

// keysKnown bounds how many keys are kept in memory.
const keysKnown = 4096

// PartKeys gives access to the part keys of the data folder, wrapped and unwrapped
// by the caller's keyring.
func (s *Store) PartKeys(wrap, unwrap store.Wrap) ledgerbridge.PartKeys {
	return openPartKeys(s.dir, wrap, unwrap)
}

func openPartKeys(dir string, wrap, unwrap store.Wrap) *PartKeys {
	return &PartKeys{dir: filepath.Join(dir, keyFolder), wrap: wrap, unwrap: unwrap, known: map[string]partKey{}}
}

// Key returns the patient's current key. A new one is durable when it returns.
func (k *PartKeys) Key(ctx context.Context, patient string, create bool) (string, []byte, error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if p, ok := k.known[patient]; ok {
		return p.id, p.key, nil
	}
	p, err := k.load(patient)
	if errors.Is(err, fs.ErrNotExist) && create {
		p, err = k.create(patient)
	}
	if err != nil {
		return "", nil, fmt.Errorf("part key: %w", err)
	}
	if len(k.known) >= keysKnown {
		clear(k.known)
	}
	k.known[patient] = p
	return p.id, p.key, nil
}

// Open returns the key with this id.
func (k *PartKeys) Open(ctx context.Context, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !isKeyID(id) {
		return nil, fmt.Errorf("part key: %w", fs.ErrNotExist)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := k.read(id)
	if err != nil {
		return nil, fmt.Errorf("part key: %w", err)
	}
	return key, nil
}

// Destroy overwrites and removes all keys of the patient.
func (k *PartKeys) Destroy(ctx context.Context, patient string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, patient)
	files, err := k.files(patient, true)
	if err != nil {
		return fmt.Errorf("destroy part key: %w", err)
	}
	for _, f := range files {
		if err := shred(f); err != nil {
			return fmt.Errorf("destroy part key: %w", err)
		}
	}
	if len(files) == 0 {
		return nil
	}
	if err := durable.SyncFolder(filepath.Dir(files[0])); err != nil {
		return fmt.Errorf("destroy part key: %w", err)
	}
	return nil
}

// isKeyID accepts 32 and 16 hexadecimal digits with a hyphen between them.
func isKeyID(id string) bool {
	first, second, ok := strings.Cut(id, "-")
	_, err1 := hex.DecodeString(first)
	_, err2 := hex.DecodeString(second)
	return ok && len(first) == 32 && len(second) == 16 && err1 == nil && err2 == nil
}

func (k *PartKeys) path(id string) string { return filepath.Join(k.dir, id[:2], id) }

// files lists the patient's key files; with all, also those that a crash left unfinished.
func (k *PartKeys) files(patient string, all bool) ([]string, error) {
	name := store.PartKeyOwner(patient)
	folder := filepath.Join(k.dir, name[:2])
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name) && (all || isKeyID(e.Name())) {
			found = append(found, filepath.Join(folder, e.Name()))
		}
	}
	return found, nil
}

func (k *PartKeys) load(patient string) (partKey, error) {
	files, err := k.files(patient, false)
	if err != nil {
		return partKey{}, err
	}
	if len(files) == 0 {
		return partKey{}, fs.ErrNotExist
	}
	id := filepath.Base(files[0])
	key, err := k.read(id)
	return partKey{id, key}, err
}

func (k *PartKeys) read(id string) ([]byte, error) {
	wrapped, err := os.ReadFile(k.path(id))
	if err != nil {
		return nil, err
	}
	return k.unwrap(wrapped, []byte(id))
}

func (k *PartKeys) create(patient string) (partKey, error) {
	id, key, wrapped, err := store.NewPartKey(patient, k.wrap)
	p := partKey{id, key}
	if err != nil {
		return p, err
	}
	path := k.path(id)
	for _, dir := range []string{k.dir, filepath.Dir(path)} {
		if err := makeFolder(dir); err != nil {
			return p, err
		}
	}
	return p, durable.WriteFile(path, wrapped)
}

// makeFolder creates a folder and makes its name durable.
func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return durable.SyncFolder(filepath.Dir(dir))
}

// shred overwrites a file before it is removed.
func shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Remove(path)
}
