package keyring_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/keyring"
)

func open(t *testing.T, path string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOpenCreatesOnceAndPrivately(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "keyring.json")
	if _, err := keyring.Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Load of an absent ring: %v", err)
	}
	rings := make([]*keyring.Ring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() { rings[i], _ = keyring.Open(path) })
	}
	wg.Wait()
	for _, u := range keyring.Uses() {
		first, err := rings[0].Newest(u)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range rings {
			if k, err := r.Newest(u); err != nil || k.ID != first.ID || !bytes.Equal(k.Secret, first.Secret) {
				t.Errorf("%s: process %d has another key (%v)", u, i, err)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".keyring-*")); len(left) > 0 {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestRefusedFiles(t *testing.T) {
	good := filepath.Join(t.TempDir(), "keyring.json")
	open(t, good)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, want string
		edit       func(string) string
		mode       fs.FileMode
	}{
		{"readable by the group", "chmod 600", nil, 0o640},
		{"readable by all", "chmod 600", nil, 0o604},
		{"newer version", "version 2", func(s string) string { return strings.Replace(s, `"version": 1`, `"version": 2`, 1) }, 0o600},
		{"truncated", "damaged", func(s string) string { return s[:len(s)/2] }, 0o600},
		{"empty", "damaged", func(string) string { return "" }, 0o600},
		{"text after the end", "damaged", func(s string) string { return s + s }, 0o600},
		{"unknown member", "damaged", func(s string) string { return strings.Replace(s, `"version"`, `"x": 1, "version"`, 1) }, 0o600},
		{"unknown use", "unknown use", func(s string) string { return strings.Replace(s, `"use": "links"`, `"use": "linx"`, 1) }, 0o600},
		{"a use without key", "lacks a key", func(s string) string { return strings.Replace(s, `"use": "links"`, `"use": "parts"`, 1) }, 0o600},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keyring.json")
			s := string(text)
			if c.edit != nil {
				s = c.edit(s)
			}
			if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := keyring.Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestSealOpen(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "keyring.json"))
	sealed, err := r.Seal(keyring.Links, []byte("page 2"), []byte("caller"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := r.Open(keyring.Links, sealed, []byte("caller")); err != nil || string(plain) != "page 2" {
		t.Fatalf("Open = %q, %v", plain, err)
	}
	if _, err := r.Open(keyring.Links, sealed, []byte("other")); err == nil {
		t.Error("another caller opened it")
	}
	if _, err := r.Open(keyring.Parts, sealed, []byte("caller")); err == nil {
		t.Error("a key of another use opened it")
	}
	for i := range sealed {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(sealed)
			bad[i] ^= bit
			if _, err := r.Open(keyring.Links, bad, []byte("caller")); err == nil {
				t.Fatalf("byte %d changed and it still opened", i)
			}
		}
		if _, err := r.Open(keyring.Links, sealed[:i], []byte("caller")); err == nil {
			t.Fatalf("opened when cut to %d bytes", i)
		}
	}
}

func TestRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyring.json")
	before := open(t, path)
	sealed, _ := before.Seal(keyring.Links, []byte("x"), nil)
	oldID, oldKey, _ := before.Signer(keyring.Log)
	for _, u := range []keyring.Use{keyring.Links, keyring.Log} {
		if _, err := keyring.Rotate(path, u, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	after := open(t, path)
	if _, err := after.Open(keyring.Links, sealed, nil); err != nil {
		t.Errorf("the old key no longer opens: %v", err)
	}
	newID, newKey, err := after.Signer(keyring.Log)
	if err != nil || newID == oldID || newKey.Equal(oldKey) {
		t.Errorf("the newest key does not sign: %s, %v", newID, err)
	}
	if k, err := after.Key(keyring.Log, oldID); err != nil || !k.Public().Equal(oldKey.Public().(ed25519.PublicKey)) {
		t.Errorf("the old public key is lost: %v", err)
	}
	if _, err := after.Key(keyring.Issuer, oldID); !errors.Is(err, keyring.ErrUnknown) {
		t.Errorf("an id selected a key of another use: %v", err)
	}
}

func TestWrongKindOfUse(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "keyring.json"))
	if _, _, err := r.Signer(keyring.Links); err == nil {
		t.Error("a sealing key signed")
	}
	if _, _, err := r.Secret(keyring.Issuer); err == nil {
		t.Error("a signing key was handed out as a secret")
	}
	if _, err := r.Seal(keyring.Log, nil, nil); err == nil {
		t.Error("a signing key sealed")
	}
	if _, err := keyring.Rotate(filepath.Join(t.TempDir(), "none"), keyring.Log, time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Rotate of nothing: %v", err)
	}
}
