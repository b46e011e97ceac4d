package engine

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/aceso-health/aceso/canonical"
)

// Commit is the blinded commitment of a handover: nobody who lacks the nonce, which is in
// the code of the seal, learns from it what is in the box.
func Commit(h Handover) Hash {
	b := make([]byte, 0, 256)
	for _, s := range [...]string{h.Nonce, h.COI, h.Product, h.Bag, h.Seal, h.Count, h.Logger} {
		b = canonical.Frame(b, s)
	}
	return sha256.Sum256(b)
}

// Handover is what giver and receiver each read from bag, seal and logger.
type Handover struct {
	Nonce, COI, Product, Bag, Seal, Count, Logger string
}

// same compares two commitments in constant time.
func same(a, b Hash) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }
