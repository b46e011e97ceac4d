package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrRefused means that a ledger refused a batch for its content: the log was forked,
// cut or skipped ahead. Retrying does not help.
var ErrRefused = errors.New("ledger: batch refused")

// Extends checks that a batch continues head: its frontier is that of the head, and
// frontier and commitments together give the root that the checkpoint states. It
// reports a batch that already is the head as repeated.
func (b *Batch) Extends(head Head) (repeated bool, err error) {
	refuse := func(why string) (bool, error) {
		return false, fmt.Errorf("%w: %s at size %d: %s", ErrRefused, b.Source, b.OldSize, why)
	}
	size := b.OldSize + int64(len(b.Commitments))
	c, err := ParseCheckpoint(b.Checkpoint)
	if err != nil || c.Source != b.Source || c.Size != size || c.Root != b.Root {
		return refuse("the checkpoint is not for these rows")
	}
	if size == head.Size && b.Root == head.Root {
		return true, nil
	}
	if b.OldSize != head.Size {
		return refuse(fmt.Sprintf("the ledger is at size %d", head.Size))
	}
	if len(b.Commitments) == 0 {
		return refuse("nothing is new")
	}
	tree, err := ranges.NewRange(0, uint64(b.OldSize), slices.Clone(slicesOf(b.Frontier)))
	if err != nil {
		return refuse("the frontier has the wrong length")
	}
	if b.OldSize > 0 && rootOf(tree) != head.Root {
		return refuse("the rows before are not those of the ledger")
	}
	for _, commitment := range b.Commitments {
		appendLeaf(tree, commitment[:])
	}
	if rootOf(tree) != b.Root {
		return refuse("the new rows do not give the new root")
	}
	return false, nil
}

// Batch makes the batch of rows from <= seq < to, with a checkpoint for its end that
// the journal's key has signed. A checkpoint of the journal MUST cover them: their
// place in the tree is read from its tiles.
func (j *Journal) Batch(ctx context.Context, from, to int64) (Batch, error) {
	t, err := loadTree(ctx, j.cfg.Log, from)
	if err != nil {
		return Batch{}, err
	}
	b, err := t.grow(ctx, j.cfg.Log, to)
	if err != nil {
		return Batch{}, err
	}
	c, err := j.sign(t)
	b.Checkpoint = c.Note
	return b, err
}

// Sign makes a checkpoint of the log as it was at an earlier size, which a checkpoint
// of the journal MUST cover.
func (j *Journal) Sign(ctx context.Context, size int64) (Checkpoint, error) {
	t, err := loadTree(ctx, j.cfg.Log, size)
	if err != nil {
		return Checkpoint{}, err
	}
	return j.sign(t)
}

func (j *Journal) sign(t *tree) (Checkpoint, error) {
	c := Checkpoint{Source: j.Source(), Size: t.size(), Root: t.root()}
	if err := c.sign(j.cfg.Signer); err != nil {
		return Checkpoint{}, fmt.Errorf("sign checkpoint of %s: %w", c.Source, err)
	}
	return c, nil
}
