package engine

import (
	"crypto/ecdsa"
	"crypto/ed25519"
)

// Signed is the knowledge that an organisation signed an event. Its zero value knows
// nothing, and only Verify makes another: Apply cannot be told that a signature is good.
type Signed struct {
	event        Hash
	organisation string
	revoked      int64
}

// Verify checks the signature of an event with a key of the register. An ECDSA signature is
// ASN.1 over SHA-256 of the canonical form; an Ed25519 one is over that hash.
func (r *Register) Verify(e *Event, key string, signature []byte) Signed {
	k := r.keys[key]
	if k == nil {
		return Signed{}
	}
	hash := e.Hash()
	if !k.verify(hash, signature) {
		return Signed{}
	}
	return Signed{event: hash, organisation: k.Organisation, revoked: k.Revoked}
}

func (k *Key) verify(hash Hash, signature []byte) bool {
	if k.ecdsa != nil {
		return ecdsa.VerifyASN1(k.ecdsa, hash[:], signature)
	}
	return ed25519.Verify(k.ed25519, hash[:], signature)
}

// by says whether an organisation signed the event with this hash.
func (s *Signed) by(organisation string, event Hash) bool {
	return s.organisation == organisation && s.event == event
}
