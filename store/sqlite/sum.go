package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
)

// versionRow is a row of versions.
type versionRow struct {
	stamp, rid, version, typ, at int64
	deleted                      bool
	method, owner                string
	seq, base                    int64
	hash                         []byte
	content
}

// content are the large columns of a version as they are stored.
type content struct{ facts, index, body []byte }

// sum is the checksum of the content.
func (c *content) sum() []byte {
	h := sha256.New()
	for _, b := range [][]byte{c.facts, c.index, c.body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	return h.Sum(nil)
}

// sum is the checksum of the row, given that of its content. It shows damage.
// Tampering shows in the change log, whose entries hold the hashes of the documents.
func (v *versionRow) sum(content []byte) []byte {
	b := make([]byte, 0, 256)
	for _, n := range []int64{v.stamp, v.rid, v.version, v.typ, v.at, v.seq, v.base} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if v.deleted {
		b = append(b, 1)
	}
	b = appendText(appendText(b, v.method), v.owner)
	b = append(appendText(b, string(v.hash)), content...)
	sum := sha256.Sum256(b)
	return sum[:16]
}
