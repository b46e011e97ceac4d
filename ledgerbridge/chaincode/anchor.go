package chaincode

import (
	"crypto/sha256"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// MaxCommitments bounds one anchor: 320 KB, well below what orderers accept.
const MaxCommitments = 10_000

// AnchorEvent and ForkEvent are the names of the contract's events. The payloads are
// Anchored and Source.
const (
	AnchorEvent = "anchor"
	ForkEvent   = "fork"
)

// AnchorRequest is the first argument of Anchor; the second is the commitments of the
// records OldSize, OldSize+1, ... as plain bytes, 32 each.
type AnchorRequest struct {
	Origin     string `json:"origin"`
	OldSize    int64  `json:"oldSize"`
	Root       Hash   `json:"root"`       // of the tree after them
	Checkpoint string `json:"checkpoint"` // C2SP signed note for the new size and root
}

// Anchored is the answer of Anchor. Repeated means that an earlier transaction, which it
// names, already made this anchor, and that nothing was written.
type Anchored struct {
	Anchor   Anchor `json:"anchor"`
	Repeated bool   `json:"repeated"`
}

// anchor grows a source's tree.
func (c *call) anchor(q AnchorRequest, commitments []byte) (any, error) {
	next, err := c.proposed(q, commitments)
	if err != nil {
		return nil, err
	}
	var before Anchor
	found, err := c.load(anchorKey(next.Origin, next.Size), &before)
	if err != nil {
		return nil, err
	}
	if found && before.Root != next.Root {
		return nil, refuse(Fork, "%s is anchored at size %d with another root", next.Origin, next.Size)
	}
	if found && before.repeats(next) {
		return Anchored{Anchor: before, Repeated: true}, nil
	}
	s, e, err := c.loadOpen(q.Origin)
	if err != nil {
		return nil, err
	}
	if err := e.precedes(next); err != nil {
		return nil, err
	}
	if err := s.signed(next); err != nil {
		return nil, err
	}
	grown, err := e.grow(next, commitments)
	if err != nil {
		return nil, err
	}
	return c.keep(next, grown)
}

// proposed returns the requested anchor, checked as far as it can be without state.
func (c *call) proposed(q AnchorRequest, commitments []byte) (Anchor, error) {
	if err := c.owns(q.Origin); err != nil {
		return Anchor{}, err
	}
	count := int64(len(commitments) / sha256.Size)
	if len(commitments)%sha256.Size != 0 || count == 0 || count > MaxCommitments {
		return Anchor{}, refuse(Size, "%d bytes are not 1 to %d commitments of 32 bytes", len(commitments), MaxCommitments)
	}
	if q.OldSize < 0 || q.OldSize > maxSize-count {
		return Anchor{}, refuse(Size, "the old size is out of bounds")
	}
	return Anchor{
		Version: version, Origin: q.Origin, OldSize: q.OldSize, Size: q.OldSize + count, Root: q.Root,
		Commitments: sha256.Sum256(commitments), Checkpoint: q.Checkpoint, Transaction: c.stub.GetTxID(),
	}, nil
}

// repeats reports whether two anchors differ at most in their transaction.
func (a Anchor) repeats(b Anchor) bool {
	b.Transaction = a.Transaction
	return a == b
}

// signed checks that the checkpoint is for this anchor.
func (s *Source) signed(next Anchor) error {
	stated, err := s.verify(next.Checkpoint)
	switch {
	case err != nil:
		return err
	case stated.size != next.Size:
		return refuse(Size, "the checkpoint is for size %d, the commitments lead to %d", stated.size, next.Size)
	case stated.root != next.Root:
		return refuse(Checkpoint, "the checkpoint states another root")
	}
	return nil
}

// ranges computes RFC 6962 trees from their right edge.
var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

func emptyEdge() *edge {
	return &edge{Version: version, Root: Hash(rfc6962.DefaultHasher.EmptyRoot()), Frontier: []Hash{}}
}

// precedes checks that an anchor begins where the tree ends. It comes before the
// signature: a peer that lags may not know the newest key yet, and says so as a gap.
func (e *edge) precedes(next Anchor) error {
	if next.OldSize > e.Size {
		return refuse(Gap, "the ledger is at size %d, the anchor begins at %d", e.Size, next.OldSize)
	}
	if next.OldSize < e.Size {
		return refuse(Behind, "the ledger is at size %d already, the anchor begins at %d", e.Size, next.OldSize)
	}
	return nil
}

// grow appends the commitments and insists on the stated root.
func (e *edge) grow(next Anchor, commitments []byte) (*edge, error) {
	hashes := make([][]byte, len(e.Frontier))
	for i := range e.Frontier {
		hashes[i] = e.Frontier[i][:]
	}
	tree, err := ranges.NewRange(0, uint64(e.Size), hashes)
	if err != nil {
		return nil, refuse(State, "the frontier of %s: %v", next.Origin, err)
	}
	for ; len(commitments) > 0; commitments = commitments[sha256.Size:] {
		leaf := rfc6962.DefaultHasher.HashLeaf(commitments[:sha256.Size])
		if err := tree.Append(leaf, nil); err != nil {
			return nil, refuse(State, "append to %s: %v", next.Origin, err)
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return nil, refuse(State, "the root of %s: %v", next.Origin, err)
	}
	if Hash(root) != next.Root {
		return nil, refuse(Fork, "%s: the commitments after size %d of the ledger's tree do not give the stated root", next.Origin, e.Size)
	}
	return &edge{Version: version, Size: next.Size, Root: next.Root, Frontier: frontier(tree), Transaction: next.Transaction}, nil
}

func frontier(tree *compact.Range) []Hash {
	hashes := make([]Hash, len(tree.Hashes()))
	for i, h := range tree.Hashes() {
		hashes[i] = Hash(h)
	}
	return hashes
}

// keep writes an anchor and the new head, and tells the channel.
func (c *call) keep(a Anchor, e *edge) (any, error) {
	answer := Anchored{Anchor: a}
	event, err := encode(answer)
	if err != nil {
		return nil, err
	}
	if err := c.store(anchorKey(a.Origin, a.Size), &a); err != nil {
		return nil, err
	}
	if err := c.store(headKey(a.Origin), e); err != nil {
		return nil, err
	}
	return answer, c.tell(AnchorEvent, event)
}

func (c *call) tell(name string, payload []byte) error {
	if err := c.stub.SetEvent(name, payload); err != nil {
		return refuse(State, "set the event: %v", err)
	}
	return nil
}
