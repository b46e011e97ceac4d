package sqlite

import (
	"encoding/binary"
	"errors"

	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

var errIndex = errors.New("stored index cannot be read")

// encodeIndex writes a version's search keys. Ranges and sort values come first,
// so that they can be read without the keys. Keys are sorted: each is
// written as the length it shares with the one before and the rest.
func encodeIndex(x *search.Index) []byte {
	b := make([]byte, 0, 2048)
	b = binary.AppendUvarint(b, uint64(len(x.Dates)))
	for _, d := range x.Dates {
		b = appendText(b, d.Param)
		b = binary.AppendVarint(b, d.Lo)
		b = binary.AppendVarint(b, d.Hi)
	}
	b = binary.AppendUvarint(b, uint64(len(x.Numbers)))
	for _, n := range x.Numbers {
		b = appendText(appendText(appendText(b, n.Param), n.Lo), n.Hi)
	}
	b = binary.AppendUvarint(b, uint64(len(x.Sorts)))
	for _, s := range x.Sorts {
		b = appendText(appendText(appendText(b, s.Param), s.Lo), s.Hi)
	}
	b = binary.AppendUvarint(b, uint64(len(x.Keys)))
	before := ""
	for _, k := range x.Keys {
		n := shared(before, k)
		b = binary.AppendUvarint(b, uint64(n))
		b = appendText(b, k[n:])
		before = k
	}
	return b
}

func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// storedIndex reads the column idx.
func storedIndex(stored []byte) (*search.Index, error) {
	b, err := store.Unpack(stored)
	if err != nil {
		return nil, err
	}
	return decodeIndex(b)
}

// decodeIndex is the inverse of encodeIndex; damaged bytes are an error.
func decodeIndex(b []byte) (*search.Index, error) {
	x, r := decodeRanges(b)
	x.Keys = r.keys()
	if r.bad || r.b != "" {
		return nil, errIndex
	}
	return x, nil
}

// decodeRanges reads what comes before the keys.
func decodeRanges(b []byte) (*search.Index, *indexReader) {
	r := &indexReader{b: string(b)}
	x := &search.Index{}
	x.Dates = make([]search.DateRange, r.count())
	for i := range x.Dates {
		x.Dates[i] = search.DateRange{Param: r.text(), Lo: r.int(), Hi: r.int()}
	}
	x.Numbers = make([]search.NumberRange, r.count())
	for i := range x.Numbers {
		x.Numbers[i] = search.NumberRange{Param: r.text(), Lo: r.text(), Hi: r.text()}
	}
	x.Sorts = make([]search.Sort, r.count())
	for i := range x.Sorts {
		x.Sorts[i] = search.Sort{Param: r.text(), Lo: r.text(), Hi: r.text()}
	}
	return x, r
}

// indexReader consumes b; after damage it returns zero values and bad is set.
type indexReader struct {
	b   string
	bad bool
}

func (r *indexReader) fail() { r.b, r.bad = "", true }

func (r *indexReader) uint() uint64 {
	var v uint64
	for i := 0; i < len(r.b) && i < binary.MaxVarintLen64; i++ {
		c := r.b[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			r.b = r.b[i+1:]
			return v
		}
	}
	r.fail()
	return 0
}

func (r *indexReader) int() int64 {
	u := r.uint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads how many items follow; none is shorter than one byte.
func (r *indexReader) count() int {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *indexReader) text() string {
	n := r.count()
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

// maxKeys bounds what keys allocates for damaged bytes.
const maxKeys = 16 << 20

// keys concatenates all keys and cuts them out of that one string.
func (r *indexReader) keys() []string {
	keys := make([]string, r.count())
	ends := make([]int, len(keys))
	all := make([]byte, 0, 4*len(r.b))
	start := 0
	for i := range keys {
		n := r.uint()
		rest := r.text()
		if n > uint64(len(all)-start) || len(all) > maxKeys {
			r.fail()
			return nil
		}
		before := all[start : start+int(n)]
		start = len(all)
		all = append(append(all, before...), rest...)
		ends[i] = len(all)
	}
	text, start := string(all), 0
	for i, end := range ends {
		keys[i], start = text[start:end], end
	}
	return keys
}
