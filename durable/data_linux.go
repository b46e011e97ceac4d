package durable

import (
	"errors"
	"os"
	"syscall"
)

// SyncData makes what was written to a file durable, but not when that was: a file whose
// size stays needs no entry in the file system's journal.
func SyncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
