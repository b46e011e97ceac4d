package chaincode

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// story is a source with a true log, a false one, and what the ledger should hold.
type story struct {
	t        testing.TB
	ledger   *ledger
	log, lie *testLog
	size     int64
	anchors  []int64 // sizes
}

// FuzzAnchors tells the contract a story, one byte a step, and compares what it
// accepts and refuses, and the head that it keeps, with trees of another make, with
// the definition of the tree, and with the node's own check of a batch.
func FuzzAnchors(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{8, 16, 1, 2, 3, 4, 5, 6, 7, 0, 1, 7, 255, 254, 253})
	for seed := range uint64(60) {
		steps := make([]byte, 40)
		r := rand.New(rand.NewPCG(seed, 1))
		for i := range steps {
			steps[i] = byte(r.Uint32())
		}
		f.Add(steps)
	}
	truth, lie := newTestLog(f, northLog, 1).add(2100, 0), newTestLog(f, northLog, 1).add(2100, 1)
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 60 {
			steps = steps[:60]
		}
		s := newStory(t, *truth, *lie)
		s.grow(1)
		for _, b := range steps {
			s.step(b&7, int64(b>>3))
			s.compare()
		}
		s.consistent()
	})
}

func newStory(t *testing.T, truth, lie testLog) *story {
	truth.t, lie.t = t, t
	l := newLedger(t)
	l.accept(nil, north, "RegisterSource", RegisterRequest{Origin: northLog, Key: truth.key.verifier})
	return &story{t: t, ledger: l, log: &truth, lie: &lie}
}

func (s *story) step(kind byte, n int64) {
	switch kind {
	case 0:
		s.grow(n + 1)
	case 1:
		s.repeat(n % int64(len(s.anchors)))
	case 2:
		q, rows := s.log.anchor(s.size+1+n, s.size+2+n)
		s.ledger.refuse(Gap, north, "Anchor", q, rows)
	case 3:
		s.late(n)
	case 4:
		q, rows := s.log.anchor(s.size, s.size+n+1)
		rows = slices.Clone(rows)
		rows[(n*37)%int64(len(rows))] ^= 1
		s.ledger.refuse(Fork, north, "Anchor", q, rows)
	case 5:
		q, rows := s.lie.anchor(s.size, s.size+n+1)
		s.ledger.refuse(Fork, north, "Anchor", q, rows)
		if err := s.node(q, rows); err == nil {
			s.t.Error("the node would accept another history")
		}
	case 6:
		q, rows := s.log.anchor(s.size, s.size+n+1)
		q.Checkpoint = keyOf(s.t, northLog, 9).sign(s.t, northLog, s.size+n+1, q.Root)
		s.ledger.refuse(Signature, north, "Anchor", q, rows)
	case 7:
		size := s.anchors[n%int64(len(s.anchors))]
		q, rows := s.lie.anchor(max(0, size-n-1), size)
		s.ledger.refuse(Fork, north, "Anchor", q, rows)
	}
}

// grow anchors n more records; the node's check of the same batch must agree.
func (s *story) grow(n int64) {
	s.t.Helper()
	q, rows := s.log.anchor(s.size, s.size+n)
	if err := s.node(q, rows); err != nil {
		s.t.Errorf("the node refuses what is right: %v", err)
	}
	s.ledger.accept(nil, north, "Anchor", q, rows)
	s.size += n
	s.anchors = append(s.anchors, s.size)
}

// node is the check that a node makes before it sends a batch, from the frontier
// that the contract keeps.
func (s *story) node(q AnchorRequest, rows []byte) error {
	var e edge
	if err := decode(s.ledger.state[headKey(northLog)], &e); err != nil {
		s.t.Fatal(err)
	}
	b := ledgerbridge.Batch{Source: q.Origin, OldSize: q.OldSize, Root: q.Root, Checkpoint: []byte(q.Checkpoint)}
	for _, h := range e.Frontier {
		b.Frontier = append(b.Frontier, h)
	}
	for c := range slices.Chunk(rows, 32) {
		b.Commitments = append(b.Commitments, [32]byte(c))
	}
	_, err := b.Extends(ledgerbridge.Head{Size: e.Size, Root: e.Root})
	return err
}

// repeat sends an old anchor again.
func (s *story) repeat(i int64) {
	s.t.Helper()
	old := int64(0)
	if i > 0 {
		old = s.anchors[i-1]
	}
	q, rows := s.log.anchor(old, s.anchors[i])
	var a Anchored
	o := s.ledger.accept(&a, north, "Anchor", q, rows)
	if !a.Repeated || len(o.writes) > 0 || o.event != "" {
		s.t.Errorf("the anchor of size %d is not taken as a repetition", s.anchors[i])
	}
}

// late sends true records that begin before the head but are no old anchor.
func (s *story) late(n int64) {
	s.t.Helper()
	old := n % s.size
	size := old + 1 + n
	if i := slices.Index(s.anchors, size); i >= 0 && (i == 0 && old == 0 || i > 0 && s.anchors[i-1] == old) {
		s.repeat(int64(i))
		return
	}
	q, rows := s.log.anchor(old, size)
	s.ledger.refuse(Behind, north, "Anchor", q, rows)
}

// compare checks the head.
func (s *story) compare() {
	s.t.Helper()
	var h Head
	s.ledger.accept(&h, south, "Head", OriginRequest{Origin: northLog})
	if h.Size != s.size || h.Root != s.log.root(s.size) {
		s.t.Fatalf("the head is %d %x, want %d %x", h.Size, h.Root, s.size, s.log.root(s.size))
	}
}

// consistent checks that all anchors are steps of one tree.
func (s *story) consistent() {
	s.t.Helper()
	var before Anchor
	for i, size := range s.anchors {
		var a Anchor
		s.ledger.accept(&a, south, "GetAnchor", AnchorQuery{Origin: northLog, Size: size})
		if i > 0 {
			path, err := s.log.tree.ConsistencyProof(uint64(before.Size), uint64(size))
			if err == nil {
				err = proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(before.Size), uint64(size), path, before.Root[:], a.Root[:])
			}
			if err != nil || a.OldSize != before.Size {
				s.t.Errorf("%d after %d: %v", size, before.Size, err)
			}
		}
		before = a
	}
	if before.Root != naiveRoot(s.log.rows[:s.size*32]) {
		s.t.Error("the last root is not that of the definition")
	}
}

// FuzzCheckpoint compares the contract's reading of checkpoints with the node's: what
// one accepts the other must.
func FuzzCheckpoint(f *testing.F) {
	key := keyOf(f, northLog, 1)
	good := key.sign(f, northLog, 5, Hash{1})
	f.Add(good)
	f.Add(key.signText(f, northLog+"\n05\n"+"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="+"\n"))
	f.Add(key.signText(f, northLog+"\n5\n"+"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB="+"\n"))
	f.Add(key.signText(f, northLog+"\n5\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nextension\n"))
	f.Add(key.signText(f, northLog+"\n-1\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	f.Add(key.signText(f, southLog+"\n5\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	s := &Source{Origin: northLog, Keys: []Key{{Verifier: key.verifier}}}
	keys, err := ledgerbridge.ParseKeys([]string{key.verifier})
	if err != nil {
		f.Fatal(err)
	}
	mutations([]byte(good), func(changed []byte) { sameReading(f, s, keys, string(changed)) })
	f.Fuzz(func(t *testing.T, signed string) { sameReading(t, s, keys, signed) })
}

func sameReading(t testing.TB, s *Source, keys ledgerbridge.Keys, signed string) {
	got, err := s.verify(signed)
	want, nodeErr := ledgerbridge.VerifyCheckpoint([]byte(signed), keys)
	if (err == nil) != (nodeErr == nil) {
		t.Fatalf("contract: %v, node: %v, for %q", err, nodeErr, signed)
	}
	if err == nil && (got.origin != want.Source || got.size != want.Size || got.root != want.Root) {
		t.Errorf("contract reads %+v, node %+v", got, want)
	}
}
