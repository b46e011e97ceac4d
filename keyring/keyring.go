// Package keyring keeps every key and hands them out by use and by id: those of one
// node in a file of its data folder, those that several nodes share sealed in their
// database (see Share).
//
// It does not know what its keys sign or seal, does not keep the keys of patients'
// parts (they live and die apart, wrapped by a key of this ring), and does not talk to
// a key management service.
package keyring

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Use is what a key is for. A key has exactly one use.
type Use string

// The uses. Signing keys are Ed25519; all others are 32 random bytes, from which the RSA
// key of IDTokens is derived.
const (
	Issuer     Use = "issuer"     // signs access tokens (JWT, EdDSA)
	IDTokens   Use = "id-tokens"  // signs id_tokens (JWT, RS256): see Key.RSA
	Log        Use = "log"        // signs checkpoints
	Links      Use = "links"      // seals paging links (AES-256-GCM)
	Pseudonyms Use = "pseudonyms" // HMAC-SHA-256 of identifiers in entries
	Requests   Use = "requests"   // seals the request part of a record (AES-256-GCM)
	Parts      Use = "parts"      // wraps the keys of patients' parts (AES-256-GCM)
)

// Uses lists every use; a new ring has one key for each.
func Uses() []Use { return []Use{Issuer, IDTokens, Log, Links, Pseudonyms, Requests, Parts} }

// ErrUnknown means that the ring has no such key.
var ErrUnknown = errors.New("keyring: no such key")

// Key is one key, as it stands in the file or, sealed, in the box. Secret is the seed of
// a signing key.
type Key struct {
	ID      string    `json:"id"`
	Use     Use       `json:"use"`
	Node    string    `json:"node,omitempty"` // of a key of use Log in a shared ring: its node; otherwise ""
	Created time.Time `json:"created"`
	Secret  []byte    `json:"secret"`
}

func (k Key) valid() bool {
	return k.ID != "" && len(k.ID) <= 255 && len(k.Secret) == 32 && k.Use.known()
}

// Signer is the private key of a signing use.
func (k Key) Signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.Secret) }

// Public is the public key of a signing use.
func (k Key) Public() ed25519.PublicKey { return k.Signer().Public().(ed25519.PublicKey) }

// Signs reports whether keys of this use sign, and so have a public half.
func (u Use) Signs() bool { return u == Issuer || u == Log }

// Rotates reports whether a new key of this use may follow the old one. Pseudonyms find
// the records of a patient only if one key made them all.
func (u Use) Rotates() bool { return u != Pseudonyms }

func (u Use) known() bool { return slices.Contains(Uses(), u) }

// Ring is the keys of one node, its own and the shared ones. It does not change
// after Open or Share.
type Ring struct {
	node string // "" if the ring is not shared
	keys []Key  // oldest first
}

// Keys returns the keys of a use, newest first: the first one signs and seals, the
// others still verify and open. LogKeys returns those that sign other nodes' logs.
func (r *Ring) Keys(u Use) []Key { return r.ofNode(u, r.node) }

// LogKeys returns the keys that sign checkpoints of one node, newest first.
func (r *Ring) LogKeys(node string) []Key {
	if r.node == "" {
		node = ""
	}
	return r.ofNode(Log, node)
}

func (r *Ring) ofNode(u Use, node string) []Key {
	var found []Key
	for i := len(r.keys) - 1; i >= 0; i-- {
		if k := &r.keys[i]; k.Use == u && (u != Log || k.Node == node) {
			found = append(found, r.keys[i])
		}
	}
	return found
}

// Newest returns the key that signs or seals for a use now.
func (r *Ring) Newest(u Use) (Key, error) {
	if keys := r.Keys(u); len(keys) > 0 {
		return keys[0], nil
	}
	return Key{}, fmt.Errorf("%w for %q", ErrUnknown, u)
}

// Key returns the key with this id if it is for this use: an id that arrives with
// a token or a link must not select a key of another purpose.
func (r *Ring) Key(u Use, id string) (Key, error) {
	for _, k := range r.keys {
		if k.ID == id && k.Use == u {
			return k, nil
		}
	}
	return Key{}, fmt.Errorf("%w %q for %q", ErrUnknown, id, u)
}

// Signer returns the newest signing key of a use and its id.
func (r *Ring) Signer(u Use) (id string, key ed25519.PrivateKey, err error) {
	k, err := r.Newest(u)
	if err != nil {
		return "", nil, err
	}
	if !u.Signs() {
		return "", nil, fmt.Errorf("keyring: keys for %q do not sign", u)
	}
	return k.ID, k.Signer(), nil
}

// Secret returns the newest secret of a use and its id.
func (r *Ring) Secret(u Use) (id string, secret []byte, err error) {
	k, err := r.Newest(u)
	if err != nil {
		return "", nil, err
	}
	if u.Signs() {
		return "", nil, fmt.Errorf("keyring: keys for %q have no shared secret", u)
	}
	return k.ID, k.Secret, nil
}

func newKey(u Use, now time.Time) Key {
	var id [6]byte
	rand.Read(id[:])
	k := Key{ID: string(u) + "-" + hex.EncodeToString(id[:]), Use: u, Created: now.UTC().Truncate(time.Second)}
	k.Secret = make([]byte, 32)
	rand.Read(k.Secret)
	return k
}
