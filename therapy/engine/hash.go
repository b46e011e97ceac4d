package engine

import (
	"encoding/hex"
	"errors"
)

// Hash is a SHA-256 value; in JSON it is 64 lower-case hexadecimal digits.
type Hash [32]byte

// String writes the hash in hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes the hash in hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 lower-case hexadecimal digits and nothing else.
func (h *Hash) UnmarshalText(text []byte) error {
	var read Hash
	if len(text) != hex.EncodedLen(len(read)) {
		return errHash
	}
	if _, err := hex.Decode(read[:], text); err != nil || read.String() != string(text) {
		return errHash
	}
	*h = read
	return nil
}

var errHash = errors.New("not a SHA-256 in 64 lower-case hexadecimal digits")
