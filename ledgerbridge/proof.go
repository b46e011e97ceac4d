package ledgerbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that a row is the one at its position under a checkpoint.
type Proof struct {
	Row        Row
	Checkpoint Checkpoint
	Inclusion  [][32]byte   // RFC 6962 audit path, leaf to root
	State      State        // "" where the ledger is a file beside the log
	Anchor     *AnchorProof // of the checkpoint; nil if a network's ledger does not hold it
	Lacks      error        // why there is no evidence of an anchor, or no word of one; else nil
}

// AnchorProof shows that a network's ledger holds a checkpoint.
type AnchorProof struct {
	Anchor
	Chaincode string
	BlockHash [32]byte        // zero without evidence
	Evidence  json.RawMessage // in the form of the network's AnchorVerifier; nil if the network could not be asked
}

// AnchorProver asks a network for evidence of what its ledger holds.
type AnchorProver interface {
	// Covering asks the ledger which anchor first held the record at seq. It serves logs
	// whose anchors this node has not listed, and may take seconds.
	Covering(ctx context.Context, source string, seq int64) (a Anchor, found bool, err error)
	// ProveAnchor returns evidence of an anchor of source, and the checkpoint (signed
	// note) that the ledger holds there. It MUST return within seconds. With an error,
	// the proof holds only what is known without asking.
	ProveAnchor(ctx context.Context, source string, a Anchor) (p AnchorProof, signed []byte, err error)
}

// Inclusion returns the audit path of row seq in the tree of that size.
func (j *Journal) Inclusion(ctx context.Context, seq, size int64) ([][32]byte, error) {
	if seq < 0 || seq >= size || size > j.Last().Size {
		return nil, fmt.Errorf("inclusion of row %d at size %d: the last checkpoint has size %d", seq, size, j.Last().Size)
	}
	path, err := tlog.ProveRecord(size, seq, readNodes(ctx, j.cfg.Log))
	if err != nil {
		return nil, fmt.Errorf("inclusion of row %d: %w", seq, err)
	}
	return sums(path), nil
}

// Consistency returns the proof that the tree of a size is a prefix of that of a later
// size.
func (j *Journal) Consistency(ctx context.Context, size, later int64) ([][32]byte, error) {
	if size < 0 || size > later || later > j.Last().Size {
		return nil, fmt.Errorf("consistency of %d and %d: the last checkpoint has size %d", size, later, j.Last().Size)
	}
	if size == 0 {
		return nil, nil
	}
	path, err := tlog.ProveTree(later, size, readNodes(ctx, j.cfg.Log))
	if err != nil {
		return nil, fmt.Errorf("consistency of %d and %d: %w", size, later, err)
	}
	return sums(path), nil
}

// Prove returns row seq with its proof under the last checkpoint, and makes a checkpoint
// if none covers the row yet. It returns no proof that would not verify: the error is
// then a *Damage, and fs.ErrNotExist if the log was never that long.
func (j *Journal) Prove(ctx context.Context, seq int64) (Proof, error) {
	c := j.Last()
	if seq >= c.Size {
		var err error
		if c, err = j.Checkpoint(ctx); err != nil {
			return Proof{}, err
		}
	}
	return j.prove(ctx, seq, c)
}

// ProveUnder is Prove under an earlier checkpoint, such as an anchored one, signed by a
// key of the log.
func (j *Journal) ProveUnder(ctx context.Context, seq int64, signed []byte) (Proof, error) {
	c, err := j.Verify(signed)
	if err != nil {
		return Proof{}, &Damage{Source: j.Source(), Seq: -1, Column: "checkpoint", What: err.Error()}
	}
	return j.prove(ctx, seq, c)
}

// Verify reads a checkpoint (signed note) of this log, signed by one of its keys.
func (j *Journal) Verify(signed []byte) (Checkpoint, error) {
	c, err := VerifyCheckpoint(signed, j.cfg.Keys)
	if err == nil && c.Source != j.Source() {
		err = fmt.Errorf("it is one of %s", c.Source)
	}
	return c, err
}

// ProveAnchored is Prove under the checkpoint by which a network's ledger first held
// the row, with the network's evidence. It proves under the last checkpoint a row that
// is not anchored, or for which the network has no evidence now: a network never keeps
// a log from proving its own rows.
func (j *Journal) ProveAnchored(ctx context.Context, seq int64, network AnchorProver) (Proof, error) {
	anchor, found, err := j.Anchor(seq)
	if err != nil {
		return Proof{}, err
	}
	if j.cfg.Anchors == nil { // a log that another node anchors
		anchor, found, err = network.Covering(ctx, j.Source(), seq)
	}
	if !found {
		p, failed := j.Prove(ctx, seq)
		if p.Lacks = err; err == nil {
			p.State = Checkpointed
		}
		return p, failed
	}
	evidence, signed, lacks := network.ProveAnchor(ctx, j.Source(), anchor)
	var p Proof
	if lacks == nil {
		p, err = j.ProveUnder(ctx, seq, signed)
	} else {
		p, err = j.Prove(ctx, seq)
	}
	p.State, p.Anchor, p.Lacks = Anchored, &evidence, lacks
	return p, err
}

func (j *Journal) prove(ctx context.Context, seq int64, c Checkpoint) (Proof, error) {
	if seq < 0 || seq >= c.Size {
		return Proof{}, fmt.Errorf("prove row %d of %s: %w", seq, j.Source(), fs.ErrNotExist)
	}
	row, err := ReadRow(ctx, j.cfg.Log, seq)
	if err != nil {
		return Proof{}, err
	}
	p := Proof{Row: row, Checkpoint: c}
	if p.Inclusion, err = j.Inclusion(ctx, seq, c.Size); err != nil {
		return Proof{}, err
	}
	if err := VerifyInclusion(row.Receipt(c.Source), c, p.Inclusion); err != nil {
		return Proof{}, &Damage{Source: j.Source(), Seq: seq, Column: "commitment", What: "is not what the tree holds at this position"}
	}
	return p, nil
}

// VerifyInclusion checks that a log's tree holds the record of a receipt. The
// checkpoint must have been verified.
func VerifyInclusion(r Receipt, c Checkpoint, path [][32]byte) error {
	if r.Source != c.Source {
		return fmt.Errorf("inclusion: %s and %s are different logs", r.Source, c.Source)
	}
	if r.Seq < 0 || c.Size < 1 {
		return fmt.Errorf("inclusion: no such position")
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(r.Commitment[:])
	err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(r.Seq), uint64(c.Size), leaf, slicesOf(path), c.Root[:])
	if err != nil {
		return fmt.Errorf("%s at %d does not hold record %d as it was: %w", c.Source, c.Size, r.Seq, err)
	}
	return nil
}

// VerifyConsistency checks that between two checkpoints a log was only appended to.
// Both must have been verified.
func VerifyConsistency(earlier, later Checkpoint, path [][32]byte) error {
	if earlier.Source != later.Source {
		return fmt.Errorf("consistency: %s and %s are different logs", earlier.Source, later.Source)
	}
	err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(earlier.Size), uint64(later.Size), slicesOf(path), earlier.Root[:], later.Root[:])
	if err != nil {
		return fmt.Errorf("%s at %d does not continue its checkpoint at %d: %w", later.Source, later.Size, earlier.Size, err)
	}
	return nil
}

func slicesOf(path [][32]byte) [][]byte {
	s := make([][]byte, len(path))
	for i := range path {
		s[i] = path[i][:]
	}
	return s
}
