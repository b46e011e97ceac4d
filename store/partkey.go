package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// Wrap seals or opens the key of a patient's parts; context, the key's id, is
// authenticated with it.
type Wrap func(key, context []byte) ([]byte, error)

// PartKeyOwner is the first half of the ids of a patient's part keys. The patient is a
// pseudonym already; the hash makes it fit to be a file name.
func PartKeyOwner(patient string) string {
	sum := sha256.Sum256([]byte(patient))
	return hex.EncodeToString(sum[:16])
}

// NewPartKey makes a part key with an id of its own, and wraps it.
func NewPartKey(patient string, wrap Wrap) (id string, key, wrapped []byte, err error) {
	suffix, key := make([]byte, 8), make([]byte, 32)
	rand.Read(suffix)
	rand.Read(key)
	id = PartKeyOwner(patient) + "-" + hex.EncodeToString(suffix)
	wrapped, err = wrap(key, []byte(id))
	return id, key, wrapped, err
}
