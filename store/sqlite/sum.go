package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
)

// versionRow is a row of versions without its document, which hash covers.
type versionRow struct {
	stamp, rid, version, typ, at int64
	deleted                      bool
	method, owner                string
	seq, base                    int64
	hash, facts, index           []byte
}

// sum is the checksum of the row. It shows damage; what shows intent is the change
// log, whose entries hold the hashes of the documents.
func (v *versionRow) sum() []byte {
	b := make([]byte, 0, 256+len(v.facts)+len(v.index))
	for _, n := range []int64{v.stamp, v.rid, v.version, v.typ, v.at, v.seq, v.base} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if v.deleted {
		b = append(b, 1)
	}
	b = appendText(appendText(b, v.method), v.owner)
	b = appendText(b, string(v.hash))
	b = appendText(appendText(b, string(v.facts)), string(v.index))
	sum := sha256.Sum256(b)
	return sum[:16]
}
