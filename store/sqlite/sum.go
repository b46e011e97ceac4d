package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
)

// versionRow is a row of versions with the numbers that searches do not need.
type versionRow struct {
	*row
	typ, base int64
}

// contentSum is the checksum of the large columns of a version as they are stored.
func (r *row) contentSum() []byte {
	h := sha256.New()
	for _, b := range [][]byte{r.PackedFacts, r.packedIndex, r.PackedBody} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	return h.Sum(nil)
}

// sum is the checksum of the row, given that of its content. It shows damage.
// Tampering shows in the change log, whose entries hold the hashes of the documents.
func (v *versionRow) sum(content []byte) []byte {
	b := make([]byte, 0, 256)
	for _, n := range []int64{v.Stamp, v.Place, v.Version, v.typ, v.Updated, v.Seq, v.base} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if v.Deleted {
		b = append(b, 1)
	}
	if v.Purged != "" {
		b = binary.BigEndian.AppendUint64(b, uint64(v.deletedColumn()))
	}
	b = appendText(appendText(b, v.Method), v.Owner)
	b = append(appendText(b, string(v.Hash[:])), content...)
	sum := sha256.Sum256(b)
	return sum[:16]
}
