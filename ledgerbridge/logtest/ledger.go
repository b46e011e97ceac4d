package logtest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"sync"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Ledger is a ledgerbridge.Ledger in memory. Fail makes the next anchors fail.
type Ledger struct {
	mu    sync.Mutex
	notes map[string][][]byte
	heads map[string]ledgerbridge.Head
	fail  error
}

// Fail makes every Anchor fail with err, until it is called with nil.
func (l *Ledger) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

// Anchor implements ledgerbridge.Ledger.
func (l *Ledger) Anchor(_ context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	anchor := ledgerbridge.Anchor{Size: b.OldSize + int64(len(b.Commitments))}
	repeated, err := b.Extends(l.heads[b.Source])
	if err == nil {
		err = l.fail
	}
	if err != nil || repeated {
		return anchor, err
	}
	if l.heads == nil {
		l.heads, l.notes = map[string]ledgerbridge.Head{}, map[string][][]byte{}
	}
	l.heads[b.Source] = ledgerbridge.Head{Size: anchor.Size, Root: b.Root, Checkpoint: b.Checkpoint}
	l.notes[b.Source] = append(l.notes[b.Source], b.Checkpoint)
	return anchor, nil
}

// Head implements ledgerbridge.Ledger.
func (l *Ledger) Head(_ context.Context, source string) (ledgerbridge.Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heads[source], nil
}

// Checkpoints implements ledgerbridge.CheckpointHistory.
func (l *Ledger) Checkpoints(_ context.Context, source string, visit func([]byte) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.notes[source] {
		if err := visit(n); err != nil {
			return err
		}
	}
	return nil
}

// Key is a signing key that is always the same for the same name.
func Key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// After visits the checkpoints of more than size rows. It implements ledgerbridge.Later.
func (l *Ledger) After(ctx context.Context, source string, size int64, visit func([]byte) error) error {
	return l.Checkpoints(ctx, source, func(signed []byte) error {
		if c, err := ledgerbridge.ParseCheckpoint(signed); err != nil || c.Size <= size {
			return err
		}
		return visit(signed)
	})
}
