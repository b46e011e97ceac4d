package ledgerbridge

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/aceso-health/aceso/canonical"
	"github.com/aceso-health/aceso/fhir"
)

// ranges computes RFC 6962 trees. rfc6962.DefaultHasher gives the same hashes with three
// allocations each, which an audit notices.
var ranges = compact.RangeFactory{Hash: func(left, right []byte) []byte {
	h := tlog.NodeHash(tlog.Hash(left), tlog.Hash(right))
	return h[:]
}}

func hashLeaf(leaf []byte) []byte {
	h := leafHash(leaf)
	return h[:]
}

func leafHash(leaf []byte) sum {
	var room [1 + 4*hashSize]byte
	return sha256.Sum256(append(append(room[:0], rfc6962.RFC6962LeafHashPrefix), leaf...))
}

// contentLabel begins each leaf of a transaction's content.
const contentLabel = "aceso.content.v1\x00"

// ContentRoot is the content of a transaction's entry: the RFC 6962 root over its
// written versions in order. A leaf is label || length and bytes of the reference
// || version (8 bytes, big endian) || hash of the stored bytes (zeros for a tombstone).
func ContentRoot(items []Item) fhir.Hash {
	r := ranges.NewEmptyRange(0)
	for _, item := range items {
		leaf := binary.BigEndian.AppendUint64(canonical.Frame([]byte(contentLabel), item.Ref), uint64(item.Version))
		appendLeaf(r, append(leaf, item.Hash[:]...))
	}
	return rootOf(r)
}

// Content is the content of an entry that wrote items: the hash of the stored bytes for
// one create or update, otherwise the root over all items, sorted.
func Content(interaction string, items []Item) fhir.Hash {
	if len(items) == 1 && (interaction == "create" || interaction == "update") {
		return items[0].Hash
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Version, b.Version))
	})
	return ContentRoot(items)
}

// disclosedRoot is the RFC 6962 root over the commitments of an entry's parts.
func disclosedRoot(parts []PartRow) sum {
	switch len(parts) {
	case 0:
		return rootOf(ranges.NewEmptyRange(0))
	case 1:
		return leafHash(parts[0].Commitment[:])
	}
	left := 1 << (bits.Len(uint(len(parts)-1)) - 1)
	return sum(tlog.NodeHash(tlog.Hash(disclosedRoot(parts[:left])), tlog.Hash(disclosedRoot(parts[left:]))))
}

// appendLeaf appends to a range that begins at 0, which never fails.
func appendLeaf(r *compact.Range, leaf []byte) {
	_ = r.Append(hashLeaf(leaf), nil)
}

// rootOf returns the root of a range that begins at 0.
func rootOf(r *compact.Range) (h sum) {
	root, err := r.GetRootHash(nil)
	if err != nil || root == nil {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	copy(h[:], root)
	return h
}
