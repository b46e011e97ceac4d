package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
)

// Copied is a Ledger with a copy where those who can change or restore the first one
// have no access.
type Copied struct {
	Ledger
	Copy Ledger
}

// Anchor anchors in both. The next attempt, which MUST be with the same batch, or
// CatchUp mends a failure between the two.
func (c Copied) Anchor(ctx context.Context, b Batch) (Anchor, error) {
	a, err := c.Ledger.Anchor(ctx, b)
	if err != nil {
		return a, err
	}
	if _, err := c.Copy.Anchor(ctx, b); err != nil {
		return a, fmt.Errorf("copy of the checkpoint: %w", err)
	}
	return a, nil
}

// Checkpoints implements CheckpointHistory with those of the copy: the log has to agree
// with them.
func (c Copied) Checkpoints(ctx context.Context, source string, visit func(signed []byte) error) error {
	history, ok := c.Copy.(CheckpointHistory)
	if !ok {
		return errors.New("the copy keeps no history of checkpoints")
	}
	return history.Checkpoints(ctx, source, visit)
}

// Later is a Ledger that lists the checkpoints above a size, oldest first.
type Later interface {
	Ledger
	After(ctx context.Context, source string, size int64, visit func(signed []byte) error) error
}

// After implements Later with the checkpoints of the copy.
func (c Copied) After(ctx context.Context, source string, size int64, visit func(signed []byte) error) error {
	later, ok := c.Copy.(Later)
	if !ok {
		return errors.New("the copy keeps no history of checkpoints")
	}
	return later.After(ctx, source, size, visit)
}

// CatchUp brings a lagging copy to where the ledger is, checkpoint by checkpoint; the
// log MUST give their roots. A ledger behind its copy, or at another root, is a *Damage:
// it was restored or changed.
func CatchUp(ctx context.Context, log Log, from Later, to Ledger) error {
	source := log.Source()
	have, err := to.Head(ctx, source)
	if err != nil {
		return fmt.Errorf("catch up %s: %w", source, err)
	}
	want, err := from.Head(ctx, source)
	if err != nil {
		return fmt.Errorf("catch up %s: %w", source, err)
	}
	if want.Size < have.Size || want.Size == have.Size && want.Root != have.Root {
		return &Damage{Source: source, Seq: -1, Column: "checkpoint", What: fmt.Sprintf(
			"the copy beside it has a checkpoint of %d rows, the last one here has %d: an older state was restored, or this one was changed", have.Size, want.Size)}
	}
	if want.Size == have.Size {
		return nil
	}
	c := &catchingUp{log: log, to: to}
	if c.tree, err = openTree(ctx, log, have); err != nil {
		return err
	}
	if err := from.After(ctx, source, have.Size, func(signed []byte) error { return c.next(ctx, signed) }); err != nil {
		return fmt.Errorf("catch up %s: %w", source, err)
	}
	return nil
}

type catchingUp struct {
	log  Log
	to   Ledger
	tree *tree // as far as the copy is
}

// next copies one checkpoint with the rows that it adds.
func (c *catchingUp) next(ctx context.Context, signed []byte) error {
	next, err := ParseCheckpoint(signed)
	if err != nil {
		return err
	}
	b, err := c.tree.grow(ctx, c.log, next.Size)
	if err != nil {
		return err
	}
	b.Checkpoint = signed
	c.tree.take()
	if b.Root != next.Root {
		return &Damage{Source: b.Source, Seq: -1, Column: "checkpoint", What: fmt.Sprintf("the first %d rows do not give its root: one of them was changed, added or removed", next.Size)}
	}
	_, err = c.to.Anchor(ctx, b)
	return err
}
