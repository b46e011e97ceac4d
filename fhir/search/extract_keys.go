package search

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strings"
)

// keyKind is the kind of a key or of the name of a range.
type keyKind uint8

const (
	tokenKey keyKind = iota
	identifierKey
	ofTypeKey
	foldedKey
	exactKey
	referenceKey
	pathKey
	wordKey
	presentKey
	orderKey
	unitRange  // name|, of quantities and composites
	plainRange // name
	keyKinds
)

var keySigns = [keyKinds]byte{
	tokenKey: opToken, identifierKey: opIdentifier, ofTypeKey: opOfType, foldedKey: opFolded, exactKey: opExact,
	referenceKey: opReference, pathKey: opPath, wordKey: opWord, presentKey: opPresent, orderKey: opOrder, unitRange: '|',
}

// prefix begins a key: the name of a parameter and a sign, or one of the prefixes
// without a parameter. The ranks of a plan's prefixes are in the order of their
// texts, and no name contains a sign: keys sort by rank first, and by the rest of
// the key only if their ranks are equal.
type prefix struct {
	text string
	rank uint16
}

// maxRank exceeds every rank.
const maxRank = 2048

// The prefixes without a parameter sort after all others, in any plan.
var (
	compartmentPrefix = prefix{keyCompartment, maxRank - 3}
	labelPrefix       = prefix{keyLabel, maxRank - 2}
	patientCodePrefix = prefix{keyPatientCode, maxRank - 1}
)

// rank ranks the prefixes of all parameters.
func (p *plan) rank() error {
	p.id = prefix{text: "_id" + string(opToken)}
	p.text, p.content = prefix{text: textParam + string(opWord)}, prefix{text: contentParam + string(opWord)}
	type ranked struct {
		text string
		rank *uint16
	}
	all := []ranked{{p.id.text, &p.id.rank}, {p.text.text, &p.text.rank}, {p.content.text, &p.content.rank}}
	for i := range p.params {
		one := &p.params[i]
		for kind, sign := range keySigns {
			text := one.name + string(rune(sign))
			if sign == 0 {
				text = one.name
			}
			all = append(all, ranked{text, &one.ranks[kind]})
		}
	}
	slices.SortFunc(all, func(a, b ranked) int { return strings.Compare(a.text, b.text) })
	if len(all) > maxRank-3 {
		return errors.New("too many parameters to rank their keys")
	}
	for i, one := range all {
		*one.rank = uint16(i)
	}
	return nil
}

// headed is a key, or the name of a range: head is its rank and the first six
// bytes after its prefix; restFrom is where the prefix ends.
type headed struct {
	head     uint64
	key      span
	restFrom uint32
}

// begin starts a key of a parameter in the arena.
func (x *extractor) begin(p *planParam, kind keyKind) {
	from := uint32(len(x.buf))
	x.buf = append(x.buf, p.name...)
	if sign := keySigns[kind]; sign != 0 {
		x.buf = append(x.buf, sign)
	}
	x.open = headed{uint64(p.ranks[kind]) << 48, span{from, 0}, uint32(len(x.buf))}
}

// beginOther starts a key without a parameter.
func (x *extractor) beginOther(p *prefix) {
	from := uint32(len(x.buf))
	x.buf = append(x.buf, p.text...)
	x.open = headed{uint64(p.rank) << 48, span{from, 0}, uint32(len(x.buf))}
}

// end finishes a key, and returns what of it follows the prefix.
func (x *extractor) end() span {
	k := x.add(x.closed())
	return span{k.restFrom, k.key.to}
}

// closed completes x.open with its end and head.
func (x *extractor) closed() headed {
	k := x.open
	k.key.to = uint32(len(x.buf))
	k.head |= head6(x.buf[k.restFrom:])
	return k
}

// head6 is the first six bytes as a number.
func head6(rest []byte) uint64 {
	if cap(rest) < 8 {
		var room [8]byte
		copy(room[:6], rest)
		return binary.BigEndian.Uint64(room[:]) >> 16
	}
	v := binary.BigEndian.Uint64(rest[:8])
	if n := len(rest); n < 6 {
		v &= ^uint64(0) << (64 - 8*n)
	}
	return v >> 16
}

// compareHeaded compares two keys of the same plan.
func (x *extractor) compareHeaded(a, b *headed) int {
	if a.head != b.head {
		return cmp.Compare(a.head, b.head)
	}
	return bytes.Compare(x.buf[a.restFrom:a.key.to], x.buf[b.restFrom:b.key.to])
}

// ranks chains keys by rank, so that only those of one prefix are compared.
type ranks struct {
	first [maxRank]int32       // the first key of a rank, counted from one
	used  [maxRank / 64]uint64 // ranks that have a key
	words uint32               // words of used that are not zero
	next  []int32              // the next key of the same rank
}

// sortKeys sorts the keys and removes duplicates.
func (x *extractor) sortKeys() {
	r := &x.ranks
	r.next = slices.Grow(r.next[:0], len(x.keys))[:len(x.keys)]
	for i := len(x.keys) - 1; i >= 0; i-- { // backwards: a chain begins with the first key
		rank := x.keys[i].head >> 48 % maxRank
		r.next[i], r.first[rank] = r.first[rank], int32(i+1)
		r.used[rank/64] |= 1 << (rank % 64)
		r.words |= 1 << (rank / 64)
	}
	x.sorted = x.sorted[:0]
	for ; r.words != 0; r.words &= r.words - 1 {
		w := bits.TrailingZeros32(r.words)
		for ; r.used[w] != 0; r.used[w] &= r.used[w] - 1 {
			x.sortRank(w*64 + bits.TrailingZeros64(r.used[w]))
		}
	}
	x.keys, x.sorted = x.sorted, x.keys
}

// sortRank appends the keys of one rank to x.sorted.
func (x *extractor) sortRank(rank int) {
	const few = 16
	from := len(x.sorted)
	if i := x.ranks.first[rank]; x.ranks.next[i-1] == 0 { // most are alone
		x.sorted = append(x.sorted, x.keys[i-1])
		x.ranks.first[rank] = 0
		return
	}
	for i := x.ranks.first[rank]; i != 0; i = x.ranks.next[i-1] {
		if len(x.sorted)-from < few {
			x.insert(&x.keys[i-1], from)
		} else {
			x.sorted = append(x.sorted, x.keys[i-1])
		}
	}
	x.ranks.first[rank] = 0
	if group := x.sorted[from:]; len(group) >= few {
		slices.SortFunc(group, func(a, b headed) int { return x.compareHeaded(&a, &b) })
		group = slices.CompactFunc(group, func(a, b headed) bool { return x.compareHeaded(&a, &b) == 0 })
		x.sorted = x.sorted[:from+len(group)]
	}
}

// insert inserts a key into x.sorted[from:].
func (x *extractor) insert(k *headed, from int) {
	at := len(x.sorted)
	for ; at > from; at-- {
		c := x.compareHeaded(&x.sorted[at-1], k)
		if c == 0 {
			return
		}
		if c < 0 {
			break
		}
	}
	x.sorted = append(x.sorted, *k)
	if at < len(x.sorted)-1 {
		copy(x.sorted[at+1:], x.sorted[at:])
		x.sorted[at] = *k
	}
}
