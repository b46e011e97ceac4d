package ledgerbridge

import (
	"context"
	"fmt"
	"time"
)

// Standing is how far a log has come: journaled to Size, checkpointed to
// Checkpointed, anchored on a network's ledger to Anchor.Size.
type Standing struct {
	Source       string
	Network      bool      // a network's ledger is to hold the log's anchors
	Size         int64     // durable records
	Checkpointed int64     // those that the last checkpoint covers
	Anchor       Anchor    // the last one on a network's ledger; zero if there is none
	Waiting      int64     // records after it; 0 without a network's ledger
	Oldest       time.Time // when the first of them was made; zero if none waits
	Err          error     // why the last attempt to anchor failed, a *Contradiction if the ledger denies this log; nil if it did not
}

// Contradiction says that a network's ledger and a log cannot both be right: the
// ledger has another root, or more records. Nothing is anchored any more, and what
// the node shows may not be what it has recorded.
type Contradiction struct {
	Source string
	What   string // a sentence: what was found, and what to do
}

// Error names the log first.
func (c *Contradiction) Error() string { return c.Source + ": " + c.What }

// Standing reads where the log stands now.
func (j *Journal) Standing(ctx context.Context) (Standing, error) {
	a := j.cfg.Anchors
	s := Standing{Source: j.Source(), Network: a != nil, Checkpointed: j.Last().Size}
	if a != nil {
		s.Anchor, s.Err = a.Last(), a.Err()
	}
	var err error
	if s.Size, err = j.cfg.Log.Size(ctx); err != nil {
		return s, fmt.Errorf("standing of %s: %w", s.Source, err)
	}
	if a == nil || s.Size <= s.Anchor.Size {
		return s, nil
	}
	s.Waiting = s.Size - s.Anchor.Size
	s.Oldest, err = a.timeOf(ctx, j.cfg.Log, s.Anchor.Size)
	return s, err
}

// Anchor is the anchor whose tree was the first to hold the record at seq. It is not
// found while the record waits, without a network's ledger, and for a short while
// after the node's list of anchors was lost (see Anchors).
func (j *Journal) Anchor(seq int64) (anchor Anchor, found bool, err error) {
	if j.cfg.Anchors == nil {
		return Anchor{}, false, nil
	}
	return j.cfg.Anchors.Covering(seq)
}

// AwaitAnchor asks for the record at seq to be anchored soon and waits for it until
// ctx ends. It reports whether that happened.
func (j *Journal) AwaitAnchor(ctx context.Context, seq int64) (Anchor, bool) {
	if j.cfg.Anchors == nil {
		return Anchor{}, false
	}
	return j.cfg.Anchors.await(ctx, seq)
}
