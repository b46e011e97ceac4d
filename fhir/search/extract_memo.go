package search

import (
	"bytes"
	"encoding/binary"
)

// A memo caches the keys of codes: a hospital uses the same codes over and over.
// Its size is fixed, and it keeps only what it has seen twice.
type memo [memoSize]*remembered

const (
	memoBits = 10
	memoSize = 1 << memoBits
	memoText = 1024 // longer values are not kept
)

// remembered holds the keys of one value as a token of one parameter. Spans are
// relative to text.
type remembered struct {
	hash      uint64
	param     *planParam
	elem, typ int32
	raw       []byte // empty: seen once only
	text      []byte
	keys      []headed
	codes     []span
	sorted    bool
	lo, hi    span
}

// token writes the keys of a token parameter, from the memo if possible. The memo
// keeps only first values of a parameter: later ones depend on them for sorting.
func (x *extractor) token(i int32, s *sink, p *planParam) {
	raw := x.Raw(i)
	switch c := x.class(i); {
	case s.exists, x.seen[s.param].sorted, len(raw) > memoText, x.known != nil, c == identifierClass, c == contactClass:
		x.makeToken(i, s, p)
		return
	}
	n := &x.Nodes[i]
	hash := hashToken(raw, uint64(s.param)<<48|uint64(x.plan.typ)<<32|uint64(n.Elem))
	entry := &x.memo[hash>>(64-memoBits)]
	switch e := *entry; {
	case e == nil:
		*entry = &remembered{hash: hash}
	case e.hash != hash:
		e.hash, e.raw = hash, e.raw[:0]
	case len(e.raw) == 0:
		x.remember(i, s, p, e)
		return
	case e.param == p && e.elem == n.Elem && e.typ == n.Type && bytes.Equal(e.raw, raw):
		x.recall(s.param, p, e)
		return
	}
	x.makeToken(i, s, p)
}

// hashToken hashes the use of a value with its middle and end, where codings
// differ.
func hashToken(raw []byte, use uint64) uint64 {
	const odd = 0x9E3779B97F4A7C15
	h := use*odd ^ uint64(len(raw))
	if n := len(raw); n >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(raw[n/2-4:])) * odd
		h = (h ^ h>>32 ^ binary.LittleEndian.Uint64(raw[max(0, n-16):])) * odd
		return (h ^ h>>32 ^ binary.LittleEndian.Uint64(raw[n/3&^3:])) * odd
	}
	var room [8]byte
	copy(room[:], raw)
	h = (h ^ binary.LittleEndian.Uint64(room[:])) * odd
	return (h ^ h>>32) * odd
}

// remember writes the keys and keeps them.
func (x *extractor) remember(i int32, s *sink, p *planParam, e *remembered) {
	from, keys, codes := uint32(len(x.buf)), len(x.keys), len(x.codes)
	x.makeToken(i, s, p)
	if x.known != nil { // some of its keys may be elsewhere
		return
	}
	n := &x.Nodes[i]
	e.param, e.elem, e.typ, e.raw = p, n.Elem, n.Type, append(e.raw, x.Raw(i)...)
	e.text = append(e.text[:0], x.buf[from:]...)
	e.keys, e.codes = e.keys[:0], e.codes[:0]
	for _, k := range x.keys[keys:] {
		e.keys = append(e.keys, headed{k.head, k.key.back(from), k.restFrom - from})
	}
	for _, c := range x.codes[codes:] {
		e.codes = append(e.codes, c.back(from))
	}
	if v := &x.seen[s.param]; v.sorted {
		e.sorted, e.lo, e.hi = true, v.lo.back(from), v.hi.back(from)
	} else {
		e.sorted = false
	}
}

// recall writes the keys from the memo.
func (x *extractor) recall(param int, p *planParam, e *remembered) {
	from := uint32(len(x.buf))
	x.buf = append(x.buf, e.text...)
	for _, k := range e.keys {
		x.keys = append(x.keys, headed{k.head, k.key.on(from), k.restFrom + from})
	}
	for _, c := range e.codes {
		x.codes = append(x.codes, c.on(from))
	}
	if e.sorted {
		x.bounds(param, p, e.lo.on(from), e.hi.on(from))
	}
}

func (s span) back(by uint32) span { return span{s.from - by, s.to - by} }
func (s span) on(by uint32) span   { return span{s.from + by, s.to + by} }
