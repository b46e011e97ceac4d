package ledgerbridge

import (
	"encoding/json"
	"fmt"

	"github.com/transparency-dev/merkle/rfc6962"
)

// Chain shows people what a verifier computes from a proof bundle: from the record
// over its leaf and the path to the root, and on to checkpoint and anchor.
type Chain struct {
	Entry        Entry
	Request      *RequestPart // nil if erased or not disclosed
	Patients     int          // parts that are about a patient each
	Receipt      Receipt
	Leaf         [32]byte // SHA-256(0x00 || commitment)
	Path         []Step   // from the leaf up; the last one's Node is the root
	Checkpoint   Checkpoint
	State        State        // "" where the ledger is a file beside the log
	Anchor       *AnchorProof // of the checkpoint; nil if no network's ledger holds it
	Endorsements int          // peers whose signatures under the anchor are in the evidence
}

// Waits reports whether the checkpoint still waits for its anchor on a network's ledger.
func (c *Chain) Waits() bool { return c.State == Checkpointed }

// Step is one level of the path: a node, and the sibling from the proof that gives it.
type Step struct {
	Sibling [32]byte
	Left    bool     // the sibling stands on the left
	Beside  Span     // records below the sibling
	Node    [32]byte // SHA-256(0x01 || left || right)
	Below   Span     // records below the node
}

// Span is a range of records: From <= seq < To.
type Span struct{ From, To int64 }

// ReadChain reads a bundle and recomputes every hash in it; a mismatch is an error. It
// ignores signatures: VerifyRecord checks them, against keys that the verifier brings.
func ReadChain(data []byte) (Chain, error) {
	b, err := parseBundle(data)
	if err != nil {
		return Chain{}, err
	}
	var r Result
	if err := r.recompute(b); err != nil {
		return Chain{}, err
	}
	c := Chain{Entry: r.Entry, Request: r.Request, Patients: patientsOf(&r.Entry, len(b.Parts)-r.Request.apart()), Receipt: r.Receipt, Checkpoint: r.Checkpoint, State: State(b.State)}
	if a := b.Anchor; a != nil {
		if c.Anchor, err = a.proof(); err != nil {
			return Chain{}, err
		}
		if a.Evidence != nil && a.Size != c.Checkpoint.Size {
			return Chain{}, fmt.Errorf("the anchor is for size %d, the proof for size %d", a.Size, c.Checkpoint.Size)
		}
		c.Endorsements = endorsements(a.Evidence)
	}
	return c, c.climb(b.Proof)
}

// patientsOf says how many of the parts are about a patient: all but the one for the
// request and, with two or more patients, the one about the question.
func patientsOf(e *Entry, parts int) int {
	if e.Schema > 1 && parts > 3 {
		return parts - 2
	}
	return max(parts-1, 0)
}

// climb computes leaf and path as RFC 9162, 2.1.3.2 verifies them.
func (c *Chain) climb(proof string) error {
	index, path, _, err := parseTlogProof(proof)
	if err != nil {
		return err
	}
	c.Leaf = sum(rfc6962.DefaultHasher.HashLeaf(c.Receipt.Commitment[:]))
	node, last, width := c.Leaf, c.Checkpoint.Size-1, int64(1)
	for _, sibling := range path {
		s := Step{Sibling: sibling, Left: index%2 == 1 || index == last}
		for s.Left && index%2 == 0 && index > 0 { // a node without a right sibling is the one above, too
			index, last, width = index/2, last/2, 2*width
		}
		if s.Left {
			s.Node, s.Beside.From = parent(sibling, node), (index-1)*width
		} else {
			s.Node, s.Beside.From = parent(node, sibling), (index+1)*width
		}
		s.Beside.To = min(s.Beside.From+width, c.Checkpoint.Size)
		node, index, last, width = s.Node, index/2, last/2, 2*width
		s.Below = Span{index * width, min((index+1)*width, c.Checkpoint.Size)}
		c.Path = append(c.Path, s)
	}
	if node != c.Checkpoint.Root {
		return fmt.Errorf("the path does not lead to the root of the checkpoint")
	}
	return nil
}

func parent(left, right [32]byte) [32]byte {
	return sum(rfc6962.DefaultHasher.HashChildren(left[:], right[:]))
}

// endorsements counts the signatures in evidence of the form in docs/record-format.md.
// An AnchorVerifier checks whether they hold.
func endorsements(evidence json.RawMessage) int {
	var e struct {
		Answer struct {
			Endorsements []json.RawMessage `json:"endorsements"`
		} `json:"answer"`
	}
	if json.Unmarshal(evidence, &e) != nil {
		return 0
	}
	return len(e.Answer.Endorsements)
}
