package keyring

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The RSA key of a ring is always the same, another one for another secret, and signs.
func TestRSAKeysAreDerived(t *testing.T) {
	k := Key{ID: "a", Use: IDTokens, Secret: bytes.Repeat([]byte{7}, 32)}
	first, err := k.RSA()
	if err != nil || first.N.BitLen() != 2048 {
		t.Fatal(err)
	}
	sum := sha256.Sum256(first.N.Bytes())
	if got := hex.EncodeToString(sum[:8]); got != "f42df8efcba8eb35" {
		t.Errorf("the modulus of a fixed secret became another one: %s", got)
	}
	again, err := k.RSA()
	if err != nil || !again.Equal(first) {
		t.Errorf("another key the second time: %v", err)
	}
	digest := sha256.Sum256([]byte("x"))
	signed, err := rsa.SignPKCS1v15(rand.Reader, first, crypto.SHA256, digest[:])
	if err != nil || rsa.VerifyPKCS1v15(&again.PublicKey, crypto.SHA256, digest[:], signed) != nil {
		t.Error(err)
	}
	k.Secret = bytes.Repeat([]byte{8}, 32)
	if other, err := k.RSA(); err != nil || other.Equal(first) {
		t.Errorf("the same key for another secret: %v", err)
	}
	if _, err := newKey(Issuer, time.Now()).RSA(); err == nil {
		t.Error("a key for access tokens is an RSA key")
	}
}

// A ring of a version without keys for id_tokens gets one when it is opened, and no other.
func TestOldRingsGetAKeyForIDTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyring.json")
	ring, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	old := &Ring{}
	for _, k := range ring.keys {
		if k.Use != IDTokens {
			old.keys = append(old.keys, k)
		}
	}
	if err := old.write(path, os.Rename); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err != nil {
		t.Errorf("an old ring cannot be read: %v", err)
	}
	opened, err := Open(path)
	if err != nil || len(opened.Keys(IDTokens)) != 1 || len(opened.keys) != len(old.keys)+1 {
		t.Fatal(opened, err)
	}
	again, err := Open(path)
	a, _ := json.Marshal(opened.keys)
	b, _ := json.Marshal(again.keys)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("another ring the second time: %v", err)
	}
}
