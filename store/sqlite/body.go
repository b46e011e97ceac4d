package sqlite

import (
	"errors"

	"github.com/klauspost/compress/s2"
)

// The first byte of a stored body says how the rest is packed.
const (
	packRaw = 0
	packS2  = 1
)

var errPacked = errors.New("stored body cannot be unpacked")

// maxBody bounds what unpack allocates for damaged bytes.
const maxBody = 64 << 20

// pack compresses a document when that pays.
func pack(body []byte) []byte {
	if body == nil {
		return nil
	}
	if len(body) > 64 {
		to := make([]byte, 1+s2.MaxEncodedLen(len(body)))
		to[0] = packS2
		if n := len(s2.Encode(to[1:], body)); n < len(body)*7/8 {
			return to[:1+n]
		}
	}
	return append([]byte{packRaw}, body...)
}

// unpack is the inverse of pack.
func unpack(b []byte) ([]byte, error) {
	switch {
	case b == nil:
		return nil, nil
	case len(b) == 0:
		return nil, errPacked
	case b[0] == packRaw:
		return b[1:], nil
	case b[0] != packS2:
		return nil, errPacked
	}
	n, err := s2.DecodedLen(b[1:])
	if err != nil || n > maxBody {
		return nil, errPacked
	}
	body, err := s2.Decode(make([]byte, n), b[1:])
	if err != nil {
		return nil, errPacked
	}
	return body, nil
}
