package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/keyring"
)

// box is a keyring.Box in memory.
type box struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (b *box) SealedKeys(context.Context) (map[string][]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.keys), nil
}

func (b *box) AddKeys(_ context.Context, sealed map[string][]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range sealed {
		if b.keys[name] != nil {
			return fs.ErrExist
		}
	}
	if b.keys == nil {
		b.keys = map[string][]byte{}
	}
	maps.Copy(b.keys, sealed)
	return nil
}

func share(t *testing.T, b keyring.Box, m keyring.Master, node string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Share(t.Context(), b, m, "hospital", node)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// However many nodes start at once, they have one ring; only the keys that sign
// their logs are their own.
func TestNodesShareOneRing(t *testing.T) {
	for range 20 {
		var b box
		rings := make([]*keyring.Ring, 6)
		var wg sync.WaitGroup
		for i := range rings {
			wg.Go(func() { rings[i] = share(t, &b, keyring.Master{1}, fmt.Sprint("n", i/2)) })
		}
		wg.Wait()
		for i, r := range rings {
			for _, u := range keyring.Uses() {
				first, _ := rings[0].Newest(u)
				k, err := r.Newest(u)
				same := k.ID == first.ID && bytes.Equal(k.Secret, first.Secret)
				if own := u == keyring.Log && i/2 != 0; err != nil || len(r.Keys(u)) != 1 || same == own {
					t.Fatalf("%s of ring %d: %v, the same as of ring 0: %v", u, i, err, same)
				}
			}
		}
		again := share(t, &b, keyring.Master{1}, "n0") // knows the others by now
		theirs, _ := rings[4].Newest(keyring.Log)
		if k := again.LogKeys("n2"); len(k) != 1 || k[0].ID != theirs.ID {
			t.Fatalf("keys of n2's logs: %v", k)
		}
	}
}

func TestSharedRingIsSealed(t *testing.T) {
	var b box
	r := share(t, &b, keyring.Master{1}, "n1")
	for name, sealed := range b.keys {
		for _, u := range keyring.Uses() {
			if k, _ := r.Newest(u); bytes.Contains(sealed, k.Secret) {
				t.Errorf("the key for %s lies open", name)
			}
		}
	}
	other := maps.Clone(b.keys)
	other["issuer.2"] = other["issuer.1"]
	swapped := maps.Clone(b.keys)
	swapped["links.1"], swapped["parts.1"] = swapped["parts.1"], swapped["links.1"]
	flipped := maps.Clone(b.keys)
	flipped["links.1"] = bytes.Clone(flipped["links.1"])
	flipped["links.1"][20] ^= 1
	for what, try := range map[string]struct {
		keys         map[string][]byte
		master       keyring.Master
		organization string
	}{
		"another master key":           {b.keys, keyring.Master{2}, "hospital"},
		"another organisation":         {b.keys, keyring.Master{1}, "clinic"},
		"a key under another name":     {other, keyring.Master{1}, "hospital"},
		"keys of two uses exchanged":   {swapped, keyring.Master{1}, "hospital"},
		"a key of which a bit flipped": {flipped, keyring.Master{1}, "hospital"},
	} {
		_, err := keyring.LoadShared(t.Context(), &box{keys: try.keys}, try.master, try.organization, "n1")
		if err == nil || !strings.Contains(err.Error(), "cannot be opened") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := keyring.LoadShared(t.Context(), &box{}, keyring.Master{1}, "hospital", "n1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty box: %v", err)
	}
}

func TestMasterKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "master.key")
	if _, err := keyring.LoadMaster(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an absent master key: %v", err)
	}
	made, err := keyring.CreateMaster(path)
	if err != nil || made == (keyring.Master{}) {
		t.Fatal(made, err)
	}
	if read, err := keyring.LoadMaster(path); err != nil || read != made {
		t.Errorf("read %v, %v", read, err)
	}
	if _, err := keyring.CreateMaster(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second one in the same place: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.LoadMaster(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by the group: %v", err)
	}
	for _, text := range []string{"", "AAAA", "not base64", strings.Repeat("A", 42) + "B="} {
		if _, err := keyring.ParseMaster(text); err == nil {
			t.Errorf("%q is taken for a master key", text)
		}
	}
}

// A node rotates shared keys for all nodes, and of the keys that sign checkpoints its
// own. What older keys sealed opens; nodes that rotate at once lose no key.
func TestRotateShared(t *testing.T) {
	var b box
	m := keyring.Master{1}
	before := share(t, &b, m, "n1")
	other := share(t, &b, m, "n2")
	sealed, err := before.Seal(keyring.Parts, []byte("secret"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[keyring.Use]string{}
	for _, u := range keyring.Uses() {
		id, err := keyring.RotateShared(t.Context(), &b, m, "hospital", "n1", u, time.Now())
		if u.Rotates() != (err == nil) {
			t.Fatalf("%s: %q, %v", u, id, err)
		}
		ids[u] = id
	}
	after, there := share(t, &b, m, "n1"), share(t, &b, m, "n2")
	for u, id := range ids {
		old, _ := before.Newest(u)
		now, _ := after.Newest(u)
		theirs, _ := there.Newest(u)
		if !u.Rotates() {
			id = old.ID
		}
		if u == keyring.Log {
			if unchanged, _ := other.Newest(u); theirs.ID != unchanged.ID || there.LogKeys("n1")[0].ID != id {
				t.Errorf("n1 rotated the key of n2's logs, or n2 does not see n1's: %s", theirs.ID)
			}
		} else if theirs.ID != id {
			t.Errorf("%s: n2 has %s, want %s", u, theirs.ID, id)
		}
		if _, err := after.Key(u, old.ID); now.ID != id || err != nil {
			t.Errorf("%s: newest %s, want %s; the older one: %v", u, now.ID, id, err)
		}
	}
	if plain, err := there.Open(keyring.Parts, sealed, nil); err != nil || string(plain) != "secret" {
		t.Errorf("opened %q, %v", plain, err)
	}
	if _, err := keyring.RotateShared(t.Context(), &box{}, m, "hospital", "n1", keyring.Log, time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty box: %v", err)
	}
	if _, err := keyring.RotateShared(t.Context(), &b, m, "hospital", "n3", keyring.Log, time.Now()); !errors.Is(err, keyring.ErrUnknown) {
		t.Errorf("a node without keys: %v", err)
	}
	stale := &box{keys: maps.Clone(b.keys)}
	if _, err := keyring.RotateShared(t.Context(), &race{&b, stale}, m, "hospital", "n1", keyring.Links, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.RotateShared(t.Context(), &race{&b, stale}, m, "hospital", "n1", keyring.Links, time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second of two that rotate at once: %v", err)
	}
}

// race is a box as somebody saw it before another one added a key.
type race struct {
	*box
	seen *box
}

func (r *race) SealedKeys(ctx context.Context) (map[string][]byte, error) {
	return r.seen.SealedKeys(ctx)
}
