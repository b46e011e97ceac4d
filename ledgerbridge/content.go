package ledgerbridge

import (
	"encoding/binary"

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
	leaves := make([][]byte, len(items))
	for i, item := range items {
		leaf := frame([]byte(contentLabel), item.Ref)
		leaf = binary.BigEndian.AppendUint64(leaf, uint64(item.Version))
		leaves[i] = append(leaf, item.Hash[:]...)
	}
	return root(leaves)
}

// disclosedRoot is the RFC 6962 root over the commitments of an entry's parts.
func disclosedRoot(parts []PartRow) [32]byte {
	leaves := make([][]byte, len(parts))
	for i := range parts {
		leaves[i] = parts[i].Commitment[:]
	}
	return root(leaves)
}

func root(leaves [][]byte) (h [32]byte) {
	r := ranges.NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
			return h // cannot happen: a range that starts empty is whole
		}
	}
	return rootOf(r)
}

// rootOf is the root of a range that begins at 0.
func rootOf(r *compact.Range) (h [32]byte) {
	sum, err := r.GetRootHash(nil)
	if err != nil || sum == nil {
		sum = rfc6962.DefaultHasher.EmptyRoot()
	}
	copy(h[:], sum)
	return h
}
