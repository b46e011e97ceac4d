package fhir

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// Functions that look at many bytes at a time agree with those that look at each.
func TestManyBytesAtATime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("   \n\t\r\"\\|$#ab~\x7f\x80\xc3\xa4\xff\x1f!")
	for range 100_000 {
		d := make([]byte, r.IntN(80))
		few := 1 + r.IntN(len(alphabet)) // mostly blanks, or anything
		for i := range d {
			d[i] = alphabet[r.IntN(few)]
		}
		s := scanner{}
		s.data = d
		s.spaces()
		if want := len(d) - len(bytes.TrimLeft(d, " \n\t\r")); s.pos != want {
			t.Fatalf("%q: %d bytes of white space, want %d", d, s.pos, want)
		}
		if got, want := validUTF8(d), utf8.Valid(d); got != want {
			t.Fatalf("%q: valid UTF-8 %t", d, got)
		}
		if len(d) >= 8 {
			want := bytes.IndexFunc(d[:8], func(c rune) bool { return c == '"' || c == '\\' || c < ' ' })
			if got := firstStop(d); got != want {
				t.Fatalf("%q: stops at %d, want %d", d[:8], got, want)
			}
		}
	}
}

func firstStop(d []byte) int {
	mark := stops(binary.LittleEndian.Uint64(d))
	if mark == 0 {
		return -1
	}
	return bits.TrailingZeros64(mark) / 8
}
