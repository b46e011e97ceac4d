package ledgerbridge

import (
	"context"
	"fmt"
	"time"
)

// Standing is how far a log has come: it is journaled up to Size, checkpointed up to
// Checkpointed, and anchored on a network's ledger up to Anchor.Size.
type Standing struct {
	Source       string
	Network      bool      // the log is anchored on a network's ledger
	Size         int64     // durable records
	Checkpointed int64     // those that the last checkpoint covers
	Anchor       Anchor    // the last one on a network's ledger; zero if there is none
	Waiting      int64     // records after it; 0 without a network's ledger
	Oldest       time.Time // when the first of them was made; zero if none waits
	Err          error     // why the last attempt to anchor failed, a *Contradiction if the ledger denies this log; nil if it did not
}

// Contradiction means that a network's ledger and a log cannot both be right: the
// ledger has another root, or more records. The node stops anchoring, and may show
// other records than it wrote.
type Contradiction struct {
	Source string
	What   string // a sentence: what was found, and what to do
}

// Error names the log first.
func (c *Contradiction) Error() string { return c.Source + ": " + c.What }

// Standing reads how far the log has come.
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

// Anchor returns the anchor whose tree first held the record at seq. It finds none while
// the record waits, without a network's ledger, and for a short while after the node
// lost its list of anchors (see Anchors).
func (j *Journal) Anchor(seq int64) (anchor Anchor, found bool, err error) {
	if j.cfg.Anchors == nil {
		return Anchor{}, false, nil
	}
	return j.cfg.Anchors.Covering(seq)
}

// AwaitAnchor asks for the record at seq to be anchored soon, waits until ctx ends, and
// reports whether it was.
func (j *Journal) AwaitAnchor(ctx context.Context, seq int64) (Anchor, bool) {
	if j.cfg.Anchors == nil {
		return Anchor{}, false
	}
	return j.cfg.Anchors.await(ctx, seq)
}
