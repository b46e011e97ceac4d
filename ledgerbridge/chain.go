package ledgerbridge

import (
	"crypto/sha256"
	"fmt"
)

// Chain is a proof bundle laid open, for people who want to see what a verifier
// computes: from the record over its leaf and the path to the root, and on to
// checkpoint and anchor.
type Chain struct {
	Entry      Entry
	Request    *RequestPart // nil if erased or not disclosed
	Closed     int          // parts of which only the commitment is there
	Receipt    Receipt
	Leaf       [32]byte // SHA-256(0x00 || commitment)
	Path       []Step   // from the leaf up; the last one's Node is the root
	Checkpoint Checkpoint
	Anchor     *Anchor // nil if no ledger of a network holds the checkpoint
}

// Step is one level of the path: a node, and the sibling from the proof with which
// it was computed.
type Step struct {
	Sibling [32]byte
	Left    bool     // the sibling stands on the left
	Node    [32]byte // SHA-256(0x01 || left || right)
}

// ReadChain lays a bundle open. Every hash in it is recomputed, and what does not fit
// is an error. Signatures are not looked at: those are for VerifyRecord, against keys
// that the verifier brings along.
func ReadChain(data []byte) (Chain, error) {
	b, err := parseBundle(data)
	if err != nil {
		return Chain{}, err
	}
	var r Result
	for _, check := range []func(*bundle) error{r.checkEntry, r.checkDisclosed, r.checkProof} {
		if err := check(b); err != nil {
			return Chain{}, err
		}
	}
	c := Chain{Entry: r.Entry, Request: r.Request, Closed: r.Closed, Receipt: r.Receipt, Checkpoint: r.Checkpoint}
	if a := b.Anchor; a != nil {
		c.Anchor = &Anchor{Size: a.Size, Channel: a.Channel, Transaction: a.Transaction, Block: uint64(a.Block)}
	}
	return c, c.climb(b.Proof)
}

// climb computes leaf and path as RFC 9162, 2.1.3.2 verifies them.
func (c *Chain) climb(proof string) error {
	index, path, _, err := parseTlogProof(proof)
	if err != nil {
		return err
	}
	c.Leaf = sha256.Sum256(append([]byte{0}, c.Receipt.Commitment[:]...))
	node, last := c.Leaf, c.Checkpoint.Size-1
	for _, sibling := range path {
		s := Step{Sibling: sibling, Left: index%2 == 1 || index == last}
		for s.Left && index%2 == 0 && index > 0 { // a node without a right sibling is the one above, too
			index, last = index/2, last/2
		}
		s.Node = parent(sibling, node)
		if !s.Left {
			s.Node = parent(node, sibling)
		}
		node, index, last = s.Node, index/2, last/2
		c.Path = append(c.Path, s)
	}
	if node != c.Checkpoint.Root {
		return fmt.Errorf("the path does not lead to the root of the checkpoint")
	}
	return nil
}

func parent(left, right [32]byte) [32]byte {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}
