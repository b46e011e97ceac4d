package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// oldKeyFolder is a folder of the version before, with the keys of n patients and what
// crashes have left of others.
func oldKeyFolder(t *testing.T, n int) (dir string, keys []ledgerbridge.Secret) {
	t.Helper()
	dir = workedFolder(t)
	makeOld(t, dir)
	if err := os.Remove(filepath.Join(dir, keysFile)); err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		t.Helper()
		path := filepath.Join(dir, keyFolder, name[:2], name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		id, key, wrapped, err := store.NewPartKey(fmt.Sprint(i), flip)
		if err != nil {
			t.Fatal(err)
		}
		write(id, wrapped)
		keys = append(keys, ledgerbridge.Secret{ID: id, Key: key})
	}
	id, _, wrapped, _ := store.NewPartKey("half made", flip)
	write(id+".new", wrapped)
	id, _, wrapped, _ = store.NewPartKey("half destroyed", flip)
	write(id, make([]byte, len(wrapped)))
	return dir, keys
}

// wantMoved fails unless all keys of an old folder are in the file of keys, and nowhere else.
func wantMoved(t *testing.T, dir string, s *Store, keys []ledgerbridge.Secret) {
	t.Helper()
	k := keysOf(s)
	for i, one := range keys {
		k.wantKey(t, one.ID, one.Key)
		if again := k.key(t, fmt.Sprint(i)); again.ID != one.ID {
			t.Errorf("patient %d got another key", i)
		}
	}
	n := 0
	err := s.WrappedKeys(t.Context(), func(string, []byte) error {
		n++
		return nil
	})
	if err != nil || n != len(keys) {
		t.Errorf("%d keys, want %d: %v", n, len(keys), err)
	}
	if _, err := os.Stat(filepath.Join(dir, keyFolder)); !os.IsNotExist(err) {
		t.Errorf("the old folder is there: %v", err)
	}
	for _, version := range schemas(t, dir) {
		if version != schemaVersion {
			t.Errorf("schema version %d: an older program would make new keys", version)
		}
	}
}

// The keys of a folder of the version before are moved, their files destroyed, and the
// operator is told. Before that a program that only reads finds them where they are.
func TestOldKeysAreMoved(t *testing.T) {
	dir, keys := oldKeyFolder(t, 300)
	r, err := OpenReadOnly(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	keysOf(r).wantKey(t, keys[0].ID, keys[0].Key)
	keysOf(r).wantNoKey(t, strings.Repeat("0", 32)+"-"+strings.Repeat("0", 16))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "held") // what the file held, after it is gone
	if err := os.Link(filepath.Join(dir, keyFolder, keys[0].ID[:2], keys[0].ID), link); err != nil {
		t.Fatal(err)
	}
	o, told := options(), ""
	o.Report = func(m string) { told += m + "\n" }
	wantMoved(t, dir, open(t, dir, o), keys)
	if !strings.Contains(told, "moving the keys of parts from partkeys to part.keys") || !strings.Contains(told, "300 keys moved") {
		t.Errorf("told %q", told)
	}
	if data, err := os.ReadFile(link); err != nil || strings.Trim(string(data), "\x00") != "" {
		t.Errorf("the file of a key was removed but not overwritten: %x %v", data, err)
	}
}

// A move that was interrupted goes on at the next opening; no key is lost, or comes back.
func TestOldKeysAreMovedAfterInterruptions(t *testing.T) {
	for _, op := range []string{keysFile + " grow", keysFile + " write", keysFile + " sync", keyFolder + " shred"} {
		dir, keys := oldKeyFolder(t, 20)
		o := options()
		o.Fault = func(is string) error {
			if is == op {
				return syscall.ENOSPC
			}
			return nil
		}
		if _, err := Open(t.Context(), dir, o); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%s: %v", op, err)
		}
		if op == keyFolder+" shred" { // as if it had come so far
			if err := os.Remove(filepath.Join(dir, keyFolder, keys[3].ID[:2], keys[3].ID)); err != nil {
				t.Fatal(err)
			}
		}
		wantMoved(t, dir, open(t, dir, options()), keys)
	}
}

// A folder of the version before can be copied, too.
func TestOldKeysAreCopied(t *testing.T) {
	dir, keys := oldKeyFolder(t, 20)
	to := t.TempDir()
	target, err := OpenTarget(t.Context(), to, options())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Copy(t.Context(), open(t, dir, options()), target, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(target.Finish(t.Context()), target.Close()); err != nil {
		t.Fatal(err)
	}
	wantMoved(t, to, open(t, to, options()), keys)
}
