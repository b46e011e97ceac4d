package sqlite

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// flip stands for a real wrapping: it hides the key and needs the id to open it.
func flip(key, id []byte) ([]byte, error) {
	out := bytes.Clone(key)
	for i := range out {
		out[i] ^= id[i%len(id)] ^ 0x5a
	}
	return out, nil
}

func keyFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, keyFolder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPartKeysLife(t *testing.T) {
	dir := t.TempDir()
	k := openPartKeys(dir, flip, flip)
	if _, _, err := k.Key(t.Context(), "anna", false); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a key that was never made: %v", err)
	}
	id, key, err := k.Key(t.Context(), "anna", true)
	if err != nil || len(key) != 32 {
		t.Fatal(id, key, err)
	}
	other, _, err := k.Key(t.Context(), "ben", true)
	if err != nil || other == id {
		t.Fatal(other, err)
	}
	for range 2 { // the second time by another process
		again, same, err := k.Key(t.Context(), "anna", true)
		if err != nil || again != id || !bytes.Equal(same, key) {
			t.Errorf("the key became %s %x: %v", again, same, err)
		}
		opened, err := k.Open(t.Context(), id)
		if err != nil || !bytes.Equal(opened, key) {
			t.Errorf("opened %x: %v", opened, err)
		}
		k = openPartKeys(dir, flip, flip)
	}
	for _, f := range keyFiles(t, dir) {
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
		if data, _ := os.ReadFile(f); bytes.Contains(data, key) {
			t.Errorf("%s holds a key in clear", f)
		}
	}
	if err := k.Destroy(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a destroyed key: %v", err)
	}
	if files := keyFiles(t, dir); len(files) != 1 {
		t.Errorf("files left: %v", files)
	}
	renewed, fresh, err := k.Key(t.Context(), "anna", true)
	if err != nil || renewed == id || bytes.Equal(fresh, key) {
		t.Errorf("after destruction the key is %s %x: %v", renewed, fresh, err)
	}
	if err := k.Destroy(t.Context(), "nobody"); err != nil {
		t.Error(err)
	}
}

func TestPartKeysShredsLeftovers(t *testing.T) {
	dir := t.TempDir()
	k := openPartKeys(dir, flip, flip)
	id, _, err := k.Key(t.Context(), "anna", true)
	if err != nil {
		t.Fatal(err)
	}
	half := k.path(id[:33]+"0011223344556677") + ".new"
	if err := os.WriteFile(half, []byte("wrapped"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, _, err := openPartKeys(dir, flip, flip).Key(t.Context(), "anna", true); err != nil || again != id {
		t.Errorf("a half made key was taken: %s %v", again, err)
	}
	if err := k.Destroy(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if files := keyFiles(t, dir); len(files) != 0 {
		t.Errorf("files left: %v", files)
	}
}

func TestPartKeysIDs(t *testing.T) {
	k := openPartKeys(t.TempDir(), flip, flip)
	for _, id := range []string{"", "x", "..", "../../secret", "../" + string(bytes.Repeat([]byte("a"), 60))} {
		if _, err := k.Open(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

func TestPartKeysTogether(t *testing.T) {
	dir := t.TempDir()
	k := openPartKeys(dir, flip, flip)
	var wait sync.WaitGroup
	ids := make([]string, 32)
	for i := range ids {
		wait.Go(func() {
			var err error
			if ids[i], _, err = k.Key(t.Context(), "anna", true); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("two keys for one patient: %v", ids)
		}
	}
	if files := keyFiles(t, dir); len(files) != 1 {
		t.Errorf("files: %v", files)
	}
}
