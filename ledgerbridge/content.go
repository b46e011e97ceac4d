package ledgerbridge

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/aceso-health/aceso/fhir"
)

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// contentLabel begins each leaf of a transaction's content.
const contentLabel = "aceso.content.v1\x00"

// ContentRoot is the content of a transaction's entry: the RFC 6962 root over its
// written versions in order. A leaf is label || length and bytes of the reference
// || version (8 bytes, big endian) || hash of the stored bytes (zeros for a tombstone).
func ContentRoot(items []Item) fhir.Hash {
	leaves := make([]sum, len(items))
	for i, item := range items {
		leaf := frame([]byte("\x00"+contentLabel), item.Ref) // RFC 6962: a leaf's hash begins with zero
		leaf = binary.BigEndian.AppendUint64(leaf, uint64(item.Version))
		leaves[i] = sha256.Sum256(append(leaf, item.Hash[:]...))
	}
	return treeHash(leaves)
}

// Content is what an entry says about what it wrote: the hash of the stored bytes
// for a create or an update, the content root over all items, sorted, otherwise.
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
	leaves := make([]sum, len(parts))
	for i := range parts {
		leaves[i] = leafHash(parts[i].Commitment)
	}
	return treeHash(leaves)
}

// rootOf is the root of a range that begins at 0.
func rootOf(r *compact.Range) (h sum) {
	root, err := r.GetRootHash(nil)
	if err != nil || root == nil {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	copy(h[:], root)
	return h
}
