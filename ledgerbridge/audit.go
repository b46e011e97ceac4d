package ledgerbridge

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
)

// CheckpointHistory is a Ledger that keeps every checkpoint of a source. Checkpoints
// visits them, oldest first.
type CheckpointHistory interface {
	Checkpoints(ctx context.Context, source string, visit func(signed []byte) error) error
}

// AuditConfig is what an audit reads.
type AuditConfig struct {
	Log    Log
	Ledger Ledger   // a CheckpointHistory is read in full, of others the head
	Keys   Keys     // public keys whose checkpoints count
	From   TreeHead // of an audit before: what it covers is not read again; zero: everything is
}

// Audited is what an audit read.
type Audited struct {
	Rows        int64 // of the tree, those that were not read again included
	Checkpoints int
	Size        int64    // of the last checkpoint
	Root        [32]byte // over all rows, also those after the last checkpoint
	Head        TreeHead // of the last checkpoint: a later audit may go on from it
}

// Audit re-hashes a whole log: every row with CheckRow, the tree over all rows, and
// against that tree every stored tile and every checkpoint's signature and root. visit
// adds checks for each row, such as Sealer.AuditParts; it may be nil. Audit returns the
// first mismatch as a *Damage.
func Audit(ctx context.Context, cfg AuditConfig, visit func(*Row) error) (Audited, error) {
	a := audit{cfg: cfg, source: cfg.Log.Source(), tree: newTree()}
	if err := a.goOn(ctx); err != nil {
		return a.seen, err
	}
	if err := a.readCheckpoints(ctx); err != nil {
		return a.seen, err
	}
	size, err := cfg.Log.Size(ctx)
	if err != nil {
		return a.seen, fmt.Errorf("audit of %s: %w", a.source, err)
	}
	if size < a.seen.Size {
		return a.seen, cutLog(a.source, size, a.seen.Size)
	}
	if err := a.matchCheckpoints(); err != nil { // those of size 0
		return a.seen, err
	}
	err = eachRow(ctx, cfg.Log, cfg.From.Size, size, func(row *Row) error {
		if err := a.row(ctx, row); err != nil || visit == nil {
			return err
		}
		return visit(row)
	})
	if err != nil {
		return a.seen, err
	}
	a.seen.Root = a.tree.root()
	return a.seen, a.edges(ctx)
}

// Audit audits the journal's log.
func (j *Journal) Audit(ctx context.Context, visit func(*Row) error) (Audited, error) {
	return Audit(ctx, AuditConfig{Log: j.cfg.Log, Ledger: j.cfg.Ledger, Keys: j.cfg.Keys}, visit)
}

type signedRoot struct {
	size int64
	root [32]byte
}

type audit struct {
	cfg    AuditConfig
	source string
	signed []signedRoot // checkpoints not yet reached
	tree   *tree        // of the rows so far
	seen   Audited
}

// readCheckpoints verifies every signature; sizes must not shrink.
func (a *audit) readCheckpoints(ctx context.Context) error {
	found := func(what string) error {
		return &Damage{Source: a.source, Seq: -1, Column: "checkpoint " + strconv.Itoa(a.seen.Checkpoints), What: what}
	}
	visit := func(signed []byte) error {
		c, err := VerifyCheckpoint(signed, a.cfg.Keys)
		if err != nil {
			return found(err.Error())
		}
		if c.Source != a.source || c.Size < a.seen.Size {
			return found(fmt.Sprintf("is of %s at size %d, after size %d", c.Source, c.Size, a.seen.Size))
		}
		a.signed = append(a.signed, signedRoot{c.Size, c.Root})
		a.seen.Size = c.Size
		a.seen.Checkpoints++
		return nil
	}
	if later, ok := a.cfg.Ledger.(Later); ok && a.cfg.From.Size > 0 {
		return later.After(ctx, a.source, a.cfg.From.Size, visit)
	}
	if history, ok := a.cfg.Ledger.(CheckpointHistory); ok && a.cfg.From.Size == 0 {
		return history.Checkpoints(ctx, a.source, visit)
	}
	head, err := a.cfg.Ledger.Head(ctx, a.source)
	if err != nil || head.Checkpoint == nil {
		return err
	}
	return visit(head.Checkpoint)
}

func (a *audit) row(ctx context.Context, row *Row) error {
	if err := CheckRow(a.source, row.Seq, row); err != nil {
		return err
	}
	if err := a.tree.append(row.Commitment); err != nil {
		return err
	}
	for _, t := range a.tree.full {
		if err := a.tile(ctx, t.Level, t.Index, t.Data); err != nil {
			return err
		}
	}
	a.tree.full = nil
	a.seen.Rows++
	return a.matchCheckpoints()
}

// tile compares a stored tile with the rows. It must hold at least what the last
// checkpoint covers, and no hash that the rows do not give.
func (a *audit) tile(ctx context.Context, level int, index int64, want []byte) error {
	needed := max(0, min(a.seen.Size>>(tileHeight*level)-index*tileWidth, tileWidth))
	data, err := a.cfg.Log.ReadTile(ctx, level, index)
	if err != nil {
		return fmt.Errorf("audit of %s: read tile %d/%d: %w", a.source, level, index, err)
	}
	switch {
	case int64(len(data)) < needed*hashSize || len(data)%hashSize != 0 || len(data) > tileWidth*hashSize:
		return tileDamage(a.cfg.Log, level, index, fmt.Sprintf("has %d bytes, a checkpoint covers %d hashes of it", len(data), needed))
	case !bytes.HasPrefix(want, data) && !a.ahead(ctx, level, index, want, data):
		return tileDamage(a.cfg.Log, level, index, "holds hashes that the rows do not give")
	}
	return nil
}

// ahead reports whether a tile holds more only because rows came during the audit.
func (a *audit) ahead(ctx context.Context, level int, index int64, want, data []byte) bool {
	size, err := a.cfg.Log.Size(ctx)
	have := index*tileWidth + int64(len(data)/hashSize)
	return err == nil && bytes.HasPrefix(data, want) && have <= size>>(tileHeight*level)
}

// edges compares the partial tiles, or finds tiles past the end.
func (a *audit) edges(ctx context.Context) error {
	for level := range maxLevels {
		if err := a.tile(ctx, level, a.tree.counts[level]/tileWidth, a.tree.tiles[level]); err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) matchCheckpoints() error {
	for len(a.signed) > 0 && a.signed[0].size == a.seen.Rows {
		if a.signed[0].root != a.tree.root() {
			at := a.seen.Checkpoints - len(a.signed)
			return &Damage{Source: a.source, Seq: -1, Column: "checkpoint " + strconv.Itoa(at), What: fmt.Sprintf("the first %d rows do not give its root: one of them was changed, added or removed", a.seen.Rows)}
		}
		a.seen.Head = TreeHead{a.seen.Rows, a.signed[0].root}
		a.signed = a.signed[1:]
	}
	return nil
}
