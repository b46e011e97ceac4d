// Package durable writes files that a power cut leaves whole or absent.
//
// It does not lock, and does not keep two processes from replacing the same file.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile creates or replaces a file, for its owner only, in one step. It writes to
// path.new first.
func WriteFile(path string, data []byte) error {
	half := path + ".new"
	f, err := os.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(half, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(half))
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes the names of new and renamed files durable.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
