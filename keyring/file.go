package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aceso-health/aceso/durable"
)

// fileVersion is the version of the file's layout that this program writes.
const fileVersion = 1

type file struct {
	Version int   `json:"version"`
	Keys    []Key `json:"keys"`
}

// Open loads the ring, and creates it with fresh keys if the file is absent. Processes
// that create it at once end up with the same ring.
func Open(path string) (*Ring, error) {
	ring, err := Load(path)
	if err == nil && len(ring.Keys(IDTokens)) == 0 { // of a version without
		ring.keys = append(ring.keys, newKey(IDTokens, time.Now()))
		if err := ring.write(path, os.Rename); err != nil {
			return nil, fmt.Errorf("add a key for id_tokens: %w", err)
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("create folder of keyring: %w", err)
	}
	fresh := &Ring{}
	for _, u := range Uses() {
		fresh.keys = append(fresh.keys, newKey(u, time.Now()))
	}
	// A link never replaces: a second process loads what the first one made.
	if err := fresh.write(path, os.Link); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create keyring: %w", err)
	}
	return Load(path)
}

// Load reads an existing ring; fs.ErrNotExist if there is none. Use it where data exist
// already: fresh keys could not open or verify them.
func Load(path string) (*Ring, error) {
	f, err := openPrivate("keyring", path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	var doc file
	if err == nil {
		err = decode(text, &doc)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring %s is damaged: %w", path, err)
	}
	ring, err := doc.ring()
	if err != nil {
		return nil, fmt.Errorf("keyring %s: %w", path, err)
	}
	return ring, nil
}

// decode reads one JSON value without unknown members.
func decode(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("text after its end")
	}
	return nil
}

func (doc *file) ring() (*Ring, error) {
	if doc.Version != fileVersion {
		return nil, fmt.Errorf("has version %d, this program knows version %d", doc.Version, fileVersion)
	}
	ring, seen := &Ring{keys: doc.Keys}, map[string]bool{}
	for _, k := range doc.Keys {
		if !k.valid() || seen[k.ID] || k.Node != "" {
			return nil, fmt.Errorf("key %q is damaged, doubled or of unknown use", k.ID)
		}
		seen[k.ID] = true
	}
	for _, u := range Uses() {
		if u != IDTokens && len(ring.Keys(u)) == 0 { // older rings have none: Open adds it
			return nil, fmt.Errorf("lacks a key for %q", u)
		}
	}
	return ring, nil
}

// write makes the file appear whole or not at all: a synced temporary file, then
// place (os.Link or os.Rename), then a sync of the folder.
func (r *Ring) write(path string, place func(from, to string) error) error {
	text, err := json.MarshalIndent(file{fileVersion, r.keys}, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".keyring-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // the second name of a link, or nothing
	_, err = tmp.Write(append(bytes.TrimSpace(text), '\n'))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := place(tmp.Name(), path); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(path))
}
