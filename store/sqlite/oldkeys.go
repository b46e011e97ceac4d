package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aceso-health/aceso/durable"
)

// The version before kept each key in a file of its own, partkeys/ab/ID, where ab begins
// the id.

const (
	// reportEvery is how often an operator hears of keys that are being moved.
	reportEvery = 5 * time.Second
	// shredders is how many files are overwritten at once: they share syncs.
	shredders = 16
)

// takeOldKeys moves the keys of a folder of the version before into the file, and
// destroys the files that held them. It begins where an interrupted move ended.
func (k *keyFile) takeOldKeys(report func(string)) error {
	root := filepath.Join(k.dir, keyFolder)
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	report(fmt.Sprintf("moving the keys of parts from %s to %s", keyFolder, keysFile))
	next, moved, removed := time.Now().Add(reportEvery), 0, 0
	told := func(format string, n int) {
		if now := time.Now(); now.After(next) {
			next = now.Add(reportEvery)
			report(fmt.Sprintf(format, n))
		}
	}
	err := eachOldKey(root, func(path string) error {
		wrapped, err := os.ReadFile(path)
		if err != nil || bytes.Count(wrapped, []byte{0}) == len(wrapped) {
			return err // all zeros: it was being destroyed
		}
		moved++
		told("%d keys read", moved)
		id, _ := parseKeyID(filepath.Base(path))
		return k.take(id, wrapped)
	})
	if err == nil {
		err = k.settle()
	}
	if err == nil {
		err = k.shredAll(root, func() {
			removed++
			told("%d old files destroyed", removed)
		})
	}
	if err != nil {
		return fmt.Errorf("move keys from %s: %w", keyFolder, err)
	}
	report(fmt.Sprintf("%d keys moved to %s", moved, keysFile))
	return nil
}

// eachOldKey visits the files of keys, not those that a crash left half written.
func eachOldKey(root string, visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if _, ok := parseKeyID(d.Name()); !ok {
			return nil
		}
		return visit(path)
	})
}

// take adds a key that was made elsewhere, unless it is there: an interrupted move may
// have brought it.
func (k *keyFile) take(id keyID, wrapped []byte) error {
	if k.full(id.owner()) {
		if err := k.settle(); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, there, err := k.look(id.owner(), func(other keyID) bool { return other == id })
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k.add(id, wrapped)
	case err == nil && !bytes.Equal(there, wrapped):
		return fmt.Errorf("%s has another key %s already", keysFile, id)
	}
	return err
}

// full says that what waits must be settled first: many keys, or one of the same owner.
func (k *keyFile) full(owner keyOwner) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.fresh) >= freshMost/2 || k.fresh[owner] != nil
}

// shredAll overwrites and removes all files of a folder, and the folder.
func (k *keyFile) shredAll(root string, done func()) error {
	if k.fault != nil {
		if err := k.fault(keyFolder + " shred"); err != nil {
			return err
		}
	}
	for {
		files, err := someFiles(root)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			break
		}
		var group errgroup.Group
		group.SetLimit(shredders)
		for _, path := range files {
			group.Go(func() error { return shred(path) })
			done()
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	return durable.SyncFolder(k.dir)
}

// someFiles lists the files of the first folder that has any, and removes empty folders.
func someFiles(root string) (files []string, err error) {
	folders, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, d := range folders {
		path := filepath.Join(root, d.Name())
		if !d.IsDir() {
			return []string{path}, nil
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			files = append(files, filepath.Join(path, e.Name()))
		}
		if len(files) > 0 {
			return files, nil
		}
	}
	return nil, nil
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
		err = durable.SyncData(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Remove(path)
}

// openOldKey reads a key of a folder that has not been opened for writing yet.
func openOldKey(ctx context.Context, dir, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, keyFolder, id[:2], strings.ToLower(id)))
}
