package chaincode

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

// testLog is a source as its node has it: all commitments, and a tree of another
// make than the contract's.
type testLog struct {
	t      testing.TB
	origin string
	key    logKey
	rows   []byte
	tree   *testonly.Tree
}

func newTestLog(t testing.TB, origin string, key byte) *testLog {
	return &testLog{t: t, origin: origin, key: keyOf(t, origin, key), tree: testonly.New(rfc6962.DefaultHasher)}
}

func (l *testLog) size() int64 { return int64(l.tree.Size()) }

// add appends n records whose commitments depend on salt.
func (l *testLog) add(n int, salt byte) *testLog {
	for range n {
		c := sha256.Sum256(binary.BigEndian.AppendUint64([]byte{salt}, l.tree.Size()))
		l.rows = append(l.rows, c[:]...)
		l.tree.AppendData(c[:])
	}
	return l
}

func (l *testLog) root(size int64) Hash { return Hash(l.tree.HashAt(uint64(size))) }

// anchor is the request for records old to size-1.
func (l *testLog) anchor(old, size int64) (AnchorRequest, []byte) {
	root := l.root(size)
	return AnchorRequest{Origin: l.origin, OldSize: old, Root: root, Checkpoint: l.key.sign(l.t, l.origin, size, root)},
		l.rows[old*sha256.Size : size*sha256.Size]
}

// registered is a log that a ledger knows.
func registered(t testing.TB, l *ledger, msp, origin string) *testLog {
	t.Helper()
	log := newTestLog(t, origin, 1)
	l.accept(nil, msp, "RegisterSource", RegisterRequest{Origin: origin, Key: log.key.verifier})
	return log
}

// anchored anchors what the ledger lacks.
func (l *testLog) anchored(on *ledger, msp string) *testLog {
	l.t.Helper()
	var h Head
	on.accept(&h, msp, "Head", OriginRequest{Origin: l.origin})
	q, rows := l.anchor(h.Size, l.size())
	on.accept(nil, msp, "Anchor", q, rows)
	return l
}

// naiveRoot is the definition of RFC 6962, section 2.1, word for word.
func naiveRoot(rows []byte) Hash {
	n := len(rows) / sha256.Size
	switch n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, rows...))
	}
	k := 1
	for 2*k < n {
		k *= 2
	}
	left, right := naiveRoot(rows[:k*sha256.Size]), naiveRoot(rows[k*sha256.Size:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}
