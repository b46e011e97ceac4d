package keyring_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/keyring"
)

// What a file's ring sealed and signed is opened and verified after its keys moved to
// a box and back; doing it again changes nothing.
func TestKeysMoveThereAndBack(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "old.json")
	open(t, path)
	for _, u := range []keyring.Use{keyring.Log, keyring.Parts} {
		if _, err := keyring.Rotate(path, u, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	old := open(t, path)
	sealed, err := old.Seal(keyring.Parts, []byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var b box
	for range 2 {
		if err := keyring.Move(t.Context(), old, &b, keyring.Master{1}, "hospital", "n1"); err != nil {
			t.Fatal(err)
		}
	}
	there := share(t, &b, keyring.Master{1}, "n1")
	share(t, &b, keyring.Master{1}, "n2") // another node comes
	sameKeys(t, old, there)
	back := filepath.Join(dir, "new.json")
	for range 2 {
		if err := share(t, &b, keyring.Master{1}, "n1").Save(back); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, back)
	sameKeys(t, old, again)
	for _, r := range []*keyring.Ring{there, again} {
		if plain, err := r.Open(keyring.Parts, sealed, nil); err != nil || string(plain) != "secret" {
			t.Errorf("opened %q, %v", plain, err)
		}
	}
}

func sameKeys(t *testing.T, a, b *keyring.Ring) {
	t.Helper()
	for _, u := range keyring.Uses() {
		x, y := a.Keys(u), b.Keys(u)
		if len(x) != len(y) {
			t.Fatalf("%s: %d and %d keys", u, len(x), len(y))
		}
		for i := range x {
			if x[i].ID != y[i].ID || !bytes.Equal(x[i].Secret, y[i].Secret) {
				t.Errorf("%s: key %d is another one", u, i)
			}
		}
	}
}

func TestKeysDoNotMoveOverOthers(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, filepath.Join(dir, "a.json")), open(t, filepath.Join(dir, "b.json"))
	var full box
	if err := keyring.Move(t.Context(), a, &full, keyring.Master{1}, "hospital", "n1"); err != nil {
		t.Fatal(err)
	}
	if err := keyring.Move(t.Context(), b, &full, keyring.Master{1}, "hospital", "n1"); err == nil || !strings.Contains(err.Error(), "other keys") {
		t.Errorf("moved over others: %v", err)
	}
	if err := a.Save(filepath.Join(dir, "b.json")); err == nil || !strings.Contains(err.Error(), "other keys") {
		t.Errorf("saved over others: %v", err)
	}
}
