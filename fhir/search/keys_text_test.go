package search

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Functions that look at many bytes at a time agree with those that look at each.
func TestManyBytesAtATime(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("   \n\t\r\"\\|$#ab~\x7f\x80\xc3\xa4\xff\x1f!")
	for range 100_000 {
		d := make([]byte, r.IntN(80))
		few := 1 + r.IntN(len(alphabet))
		for i := range d {
			d[i] = alphabet[r.IntN(few)]
		}
		if got, want := appendPart(nil, d), appendMarked(nil, d); !bytes.Equal(got, want) {
			t.Fatalf("%q: part %q, want %q", d, got, want)
		}
		if got, want := plainASCII(d), !bytes.ContainsFunc(d, func(c rune) bool { return c >= hashMark }); got != want {
			t.Fatalf("%q: plain ASCII %t", d, got)
		}
	}
}
