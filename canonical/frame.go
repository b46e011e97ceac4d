package canonical

import "math"

// Frame appends s with its length in front, so that hashed text reads only one way.
func Frame[T string | []byte](b []byte, s T) []byte {
	n := uint32(min(len(s), math.MaxUint32))
	return append(append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)), s...)
}
