package fabric

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// Compare compares the ledger's head with the log, before a node serves. After a
// *ledgerbridge.Contradiction it must not serve, after a *Misconfigured it will never
// anchor; after other errors Run compares again.
func (s *Shipper) Compare(ctx context.Context) error {
	if err := s.holdsSealed(ctx); err != nil {
		return err
	}
	head, err := s.Contract.Head(ctx, s.source)
	if unregistered(err) {
		return s.neverAnchored()
	}
	if err != nil {
		return err
	}
	return s.matches(ctx, head)
}

// holdsSealed checks that the log holds the sealed batch: records are durable before a
// batch of them is sealed, so a shorter log has lost some.
func (s *Shipper) holdsSealed(ctx context.Context) error {
	if s.out == nil {
		return nil
	}
	size, err := s.cover(ctx, s.out.size)
	if err != nil || size >= s.out.size {
		return err
	}
	return &ledgerbridge.Contradiction{Source: s.source, What: fmt.Sprintf(
		"this node has sealed a batch up to record %d for the ledger and holds only %d: it was restored from a backup. Restore what is newer", s.out.size, size)}
}

func unregistered(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && r.Prefix == chaincode.NotFound
}

// neverAnchored checks that a ledger that does not know the log never anchored it.
func (s *Shipper) neverAnchored() error {
	if last := s.Anchors.Last(); last.Size > 0 {
		return &Misconfigured{fmt.Sprintf("channel %q does not know %s, of which it anchored %d records: the profile leads to another network, or the channel was made anew (then move %s away)",
			last.Channel, s.source, last.Size, s.Folder)}
	}
	return nil
}

// resume finds where to go on: after the ledger's head.
func (s *Shipper) resume(ctx context.Context) error {
	head, err := s.Contract.Head(ctx, s.source)
	if unregistered(err) {
		if err := s.neverAnchored(); err != nil {
			return err
		}
		if err := s.Contract.Register(ctx, s.source, s.Key); err != nil {
			return err
		}
		head, err = s.Contract.Head(ctx, s.source)
	}
	if err != nil {
		return err
	}
	if err := s.matches(ctx, head); err != nil {
		return err
	}
	if err := s.mayAnchor(ctx, head); err != nil {
		return err
	}
	s.head = head.Size
	if !s.begin || s.out != nil && s.out.size == head.Size {
		s.mine.Store(head.Size)
		s.begin = true
	}
	if s.out != nil && s.out.OldSize != head.Size { // it arrived, or another one did
		s.take(nil)
	}
	if head.Size <= s.Anchors.Last().Size {
		return nil
	}
	// Following the channel tells its block; until then it leaves a gap.
	return s.Anchors.Add(ledgerbridge.Anchor{OldSize: head.Size, Size: head.Size, Transaction: head.Transaction})
}

// mayAnchor makes sure that the ledger takes this node's key for the next size.
func (s *Shipper) mayAnchor(ctx context.Context, head chaincode.Head) error {
	i := slices.IndexFunc(head.Source.Keys, func(k chaincode.Key) bool { return k.Verifier == s.Key })
	switch {
	case head.Source.State == "closed":
		return &Misconfigured{"the source " + s.source + " was closed on the ledger: it takes no more records"}
	case i < 0:
		return s.Contract.AddKey(ctx, s.source, s.Key, head.Size+1)
	case head.Source.Keys[i].Until > 0 && head.Source.Keys[i].Until <= head.Size+1:
		return &Misconfigured{fmt.Sprintf("the key of this node was revoked on the ledger for %s from size %d on", s.source, head.Source.Keys[i].Until)}
	}
	return nil
}

// matches compares the ledger's head with the log.
func (s *Shipper) matches(ctx context.Context, head chaincode.Head) error {
	if f := head.Source.Fork; f != nil {
		return s.contradiction(ledgerbridge.Checkpoint{Source: s.source, Size: f.Size, Note: []byte(f.First)}, f.Second,
			"it was marked as forked at size %d by %s, and takes no more records. Without --ledger the node can be started, its records then count for its own checkpoints only", f.Size, f.Reporter)
	}
	if confirmed := s.Anchors.Last().Size; head.Size < confirmed {
		return fmt.Errorf("the ledger is at size %d of %s and was at %d before: this peer lags behind, or the channel was made anew", head.Size, s.source, confirmed)
	}
	size, err := s.cover(ctx, head.Size)
	if err != nil {
		return err
	}
	if size < head.Size {
		return s.ahead(ctx, head, size)
	}
	return s.agrees(ctx, head.Size, head.Root, head.Checkpoint)
}

// cover makes checkpoints cover the log up to size, if it is that long, and returns how
// far they do.
func (s *Shipper) cover(ctx context.Context, size int64) (int64, error) {
	last := s.Journal.Last()
	if last.Size >= size {
		return last.Size, nil
	}
	last, err := s.Journal.Checkpoint(ctx)
	return last.Size, err
}

// agrees compares the log's root at a size with the ledger's.
func (s *Shipper) agrees(ctx context.Context, size int64, root chaincode.Hash, checkpoint string) error {
	if size == 0 {
		return nil
	}
	own, err := s.Journal.Sign(ctx, size)
	if err != nil || own.Root == root {
		return err
	}
	return s.contradiction(own, checkpoint, "the ledger has another root for its first %d records: this log was changed or forked after they were anchored", size)
}

// ahead explains why the ledger has more than the log.
func (s *Shipper) ahead(ctx context.Context, head chaincode.Head, size int64) error {
	a, err := s.Contract.GetAnchor(ctx, s.source, head.Size)
	for err == nil && a.Size > size && a.OldSize > 0 {
		a, err = s.Contract.GetAnchor(ctx, s.source, a.OldSize)
	}
	if err != nil {
		return err
	}
	if a.Size <= size {
		if err := s.agrees(ctx, a.Size, a.Root, a.Checkpoint); err != nil {
			return err
		}
	}
	return &ledgerbridge.Contradiction{Source: s.source, What: fmt.Sprintf(
		"the ledger holds %d records of this log, this node only %d: it was restored from a backup, or another process goes on with this log. Restore what is newer; what is lost cannot be recorded again under the same numbers", head.Size, size)}
}

// contradiction keeps both checkpoints for `aceso ledger report-fork`, and names the file.
func (s *Shipper) contradiction(own ledgerbridge.Checkpoint, other, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	data, err := json.MarshalIndent(chaincode.ForkRequest{Origin: s.source, First: string(own.Note), Second: other}, "", "  ")
	var path string
	if err == nil {
		path, err = s.keep(own.Size, append(data, '\n'))
	}
	if err != nil {
		return &ledgerbridge.Contradiction{Source: s.source, What: what + ". Both checkpoints could not be kept: " + err.Error()}
	}
	return &ledgerbridge.Contradiction{Source: s.source, What: what + ". Both checkpoints are in " + path}
}

// keep makes evidence durable, beside that of other forks at the same size: a restored
// log that goes on differently forks again where the ledger stands.
func (s *Shipper) keep(size int64, evidence []byte) (path string, err error) {
	path = s.file(fmt.Sprintf("fork-%d.json", size))
	for n := 2; ; n++ {
		there, err := os.ReadFile(path)
		if err != nil {
			return path, durable.WriteFile(path, evidence)
		}
		if bytes.Equal(there, evidence) {
			return path, nil
		}
		path = s.file(fmt.Sprintf("fork-%d-%d.json", size, n))
	}
}

// ReadFork reads a file that contradiction wrote.
func ReadFork(data []byte) (chaincode.ForkRequest, error) {
	var q chaincode.ForkRequest
	if err := json.Unmarshal(data, &q); err != nil {
		return q, fmt.Errorf("checkpoints of a fork: %w", err)
	}
	for _, signed := range []string{q.First, q.Second} {
		if c, err := ledgerbridge.ParseCheckpoint([]byte(signed)); err != nil || c.Source != q.Origin {
			return q, fmt.Errorf("checkpoints of a fork: not two checkpoints of %q", q.Origin)
		}
	}
	return q, nil
}
