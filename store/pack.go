package store

import (
	_ "embed"
	"errors"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/aceso-health/aceso/fhir"
)

// The first byte of packed bytes says how the rest is packed. Numbers are never reused:
// a better dictionary gets a new one.
const (
	packRaw        = 0
	packS2         = 1
	packDictionary = 2 // s2 with dictionary2.txt
)

// dictionary2 is made-up text of what FHIR documents and their index keys have in
// common. Stored data depend on every byte of it.
//
//go:embed dictionary2.txt
var dictionary2 []byte

// dictionary is made when first needed and never changes.
var dictionary = sync.OnceValue(func() *s2.Dict { return s2.MakeDict(dictionary2, nil) })

var errPacked = errors.New("stored bytes cannot be unpacked")

// maxBody bounds what Unpack allocates for damaged bytes.
const maxBody = 64 << 20

// Pack compresses stored bytes when that pays. Nil stays nil.
func Pack(b []byte) []byte {
	if b == nil {
		return nil
	}
	if len(b) > 32 {
		to := make([]byte, 1+s2.MaxEncodedLen(len(b)))
		to[0] = packDictionary
		if n := len(dictionary().Encode(to[1:], b)); n < len(b)*7/8 {
			return to[:1+n]
		}
	}
	return append([]byte{packRaw}, b...)
}

// Unpack is the inverse of Pack; damaged bytes are an error.
func Unpack(b []byte) ([]byte, error) {
	if len(b) == 0 {
		if b == nil {
			return nil, nil
		}
		return nil, errPacked
	}
	decode := s2.Decode
	switch b[0] {
	case packRaw:
		return b[1:], nil
	case packS2:
	case packDictionary:
		decode = dictionary().Decode
	default:
		return nil, errPacked
	}
	n, err := s2.DecodedLen(b[1:])
	if err != nil || n > maxBody {
		return nil, errPacked
	}
	body, err := decode(make([]byte, n), b[1:])
	if err != nil {
		return nil, errPacked
	}
	return body, nil
}

// UnpackedLen is how many bytes Unpack will give; of damaged bytes, 0.
func UnpackedLen(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	if b[0] == packRaw {
		return len(b) - 1
	}
	n, err := s2.DecodedLen(b[1:])
	if err != nil || n > maxBody {
		return 0
	}
	return n
}

// UnpackFacts reads facts as Pack packed their encoding.
func UnpackFacts(packed []byte) (fhir.Facts, error) {
	raw, err := Unpack(packed)
	if err != nil {
		return fhir.Facts{}, err
	}
	return fhir.ParseFacts(raw)
}
