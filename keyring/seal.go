package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// sealVersion begins everything that Seal makes.
const sealVersion = 1

var errSealed = errors.New("keyring: sealed bytes are damaged, foreign or were sealed for something else")

// Seal encrypts with AES-256-GCM under the newest key of the use. The result names
// the key: version, length of the id, id, nonce, ciphertext; aad and that head are
// authenticated. Nonces are random, so a use should be rotated before 2^32 seals.
func (r *Ring) Seal(u Use, plaintext, aad []byte) ([]byte, error) {
	id, secret, err := r.Secret(u)
	if err != nil {
		return nil, err
	}
	head := append([]byte{sealVersion, byte(len(id))}, id...)
	sealed, err := seal(secret, plaintext, bind(u, head, aad))
	return append(head, sealed...), err
}

// Open decrypts what Seal encrypted; older keys still open.
func (r *Ring) Open(u Use, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != sealVersion || len(sealed) < 2+int(sealed[1]) {
		return nil, errSealed
	}
	head, rest := sealed[:2+int(sealed[1])], sealed[2+int(sealed[1]):]
	k, err := r.Key(u, string(head[2:]))
	if err != nil || u.Signs() {
		return nil, errSealed
	}
	return unseal(k.Secret, rest, bind(u, head, aad))
}

// seal encrypts under one key: nonce, ciphertext.
func seal(secret, plaintext, aad []byte) ([]byte, error) {
	aead, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, plaintext, aad), nil
}

// unseal is the inverse of seal.
func unseal(secret, sealed, aad []byte) ([]byte, error) {
	aead, err := newAEAD(secret)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errSealed
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], aad)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// bind keeps uses apart and lets nothing move between head and aad: the head says
// its own length.
func bind(u Use, head, aad []byte) []byte {
	b := append([]byte("aceso.keyring.v1\x00"+string(u)+"\x00"), head...)
	return append(b, aad...)
}

func newAEAD(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
