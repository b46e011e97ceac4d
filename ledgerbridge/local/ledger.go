// Package local is the ledger of a node without a network: signed checkpoints in
// one append-only file, and copies of it with witnesses.
//
// It makes tampering evident to holders of earlier checkpoints and receipts. It does not
// protect against an attacker who holds the folder, the signing key and every witness.
package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// FileName is the name of the checkpoint file in a data folder.
const FileName = "checkpoints.log"

// reach bounds what a start reads: tail is how many bytes at the end it reads first;
// after apart bytes, the head of a quiet log is written again, so that the tail has it.
type reach struct{ tail, apart int64 }

var usual = reach{tail: 4 << 20, apart: 1 << 20}

// Ledger keeps the checkpoints of a node's logs in one file.
type Ledger struct {
	reach reach
	mu    sync.Mutex
	file  *os.File
	size  int64 // bytes that are whole and synced
	torn  bool  // a failed write may have left bytes behind them
	next  int64 // number of the next record
	prev  [32]byte
	last  int64 // offset of the last record
	heads map[string]head
	grown chan struct{} // closed and replaced when size grows
}

type head struct {
	ledgerbridge.Head
	at int64 // offset of its last record
}

// Open opens or creates the file. It cuts off a record that a dying process left
// unfinished; any other damage near the end is a *ledgerbridge.Damage (Checkpoints reads
// all of it). sources names the logs whose heads the caller needs.
func Open(path string, sources ...string) (*Ledger, error) {
	return openWrite(path, usual, sources)
}

func openWrite(path string, r reach, sources []string) (*Ledger, error) {
	l, err := open(path, os.O_RDWR|os.O_CREATE, r, sources)
	if err != nil {
		return nil, err
	}
	if err := l.cutTail(path); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	return l, nil
}

// OpenRead opens the file for verification only; fs.ErrNotExist if it is absent.
func OpenRead(path string, sources ...string) (*Ledger, error) {
	return open(path, os.O_RDONLY, usual, sources)
}

func open(path string, flag int, r reach, sources []string) (*Ledger, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open checkpoints: %w", err)
	}
	l := &Ledger{reach: r, file: f, grown: make(chan struct{})}
	if err := l.load(sources); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// load reads the tail, and longer ones until they hold the head of every source.
func (l *Ledger) load(sources []string) error {
	info, err := l.file.Stat()
	if err != nil {
		return fmt.Errorf("open checkpoints: %w", err)
	}
	for length := l.reach.tail; ; length *= 4 {
		from := max(0, info.Size()-length)
		if err := l.loadFrom(from, info.Size()); err != nil {
			return err
		}
		missing := slices.ContainsFunc(sources, func(s string) bool { return l.heads[s].Size == 0 })
		if from == 0 || !missing {
			return nil
		}
	}
}

func (l *Ledger) loadFrom(from, to int64) error {
	l.heads = map[string]head{}
	l.next, l.prev, l.last, l.size = 0, [32]byte{}, 0, 0
	err := scan(l.file, from, to, func(at int64, r record) error {
		l.keep(at, r)
		return nil
	})
	if torn, ok := errors.AsType[*tornError](err); ok {
		l.size = torn.at
		return nil
	}
	return err
}

func (l *Ledger) keep(at int64, r record) {
	c, err := ledgerbridge.ParseCheckpoint(r.note)
	if err != nil {
		return // cannot happen: parseRecord has parsed it
	}
	l.heads[c.Source] = head{Head: ledgerbridge.Head{Size: c.Size, Root: c.Root, Checkpoint: r.note}, at: at}
	l.next, l.prev, l.last, l.size = r.number+1, r.hash, at, at+r.size
}

// cutTail removes an unfinished record, and makes file and name durable.
func (l *Ledger) cutTail(path string) error {
	if err := l.file.Truncate(l.size); err != nil {
		return fmt.Errorf("cut torn checkpoint: %w", err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync checkpoints: %w", err)
	}
	return durable.SyncFolder(filepath.Dir(path))
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }

// Head implements ledgerbridge.Ledger.
func (l *Ledger) Head(_ context.Context, source string) (ledgerbridge.Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heads[source].Head, nil
}

// Anchor implements ledgerbridge.Ledger: when it returns, the checkpoint is in the file
// and synced. It does not verify the signature: the journal made it.
func (l *Ledger) Anchor(_ context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	repeated, err := b.Extends(l.heads[b.Source].Head)
	if err != nil {
		return ledgerbridge.Anchor{}, err
	}
	size := b.OldSize + int64(len(b.Commitments))
	if repeated {
		return ledgerbridge.Anchor{Size: size}, nil
	}
	notes := [][]byte{b.Checkpoint}
	for source, h := range l.heads {
		if source != b.Source && l.size-h.at > l.reach.apart {
			notes = append(notes, h.Checkpoint)
		}
	}
	if err := l.append(notes); err != nil {
		return ledgerbridge.Anchor{}, err
	}
	return ledgerbridge.Anchor{Size: size}, nil
}

// append writes records after the last intact one.
func (l *Ledger) append(notes [][]byte) error {
	var text []byte
	var records []record
	number, prev := l.next, l.prev
	for _, n := range notes {
		r := record{number: number, prev: prev, note: n}
		text = append(text, r.format()...)
		records = append(records, r)
		number, prev = number+1, r.hash
	}
	if err := l.write(text); err != nil {
		return err
	}
	for _, r := range records {
		l.keep(l.size, r)
	}
	close(l.grown)
	l.grown = make(chan struct{})
	return nil
}

// write restores the file if it fails; if it cannot, the next attempt does so first.
func (l *Ledger) write(text []byte) error {
	if l.torn {
		if err := l.file.Truncate(l.size); err != nil {
			return fmt.Errorf("write checkpoint: %w", err)
		}
		l.torn = false
	}
	_, err := l.file.WriteAt(text, l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err == nil {
		return nil
	}
	undo := l.file.Truncate(l.size)
	l.torn = undo != nil
	return errors.Join(fmt.Errorf("write checkpoint: %w", err), undo)
}

// Checkpoints implements ledgerbridge.CheckpointHistory; for "" it visits those of every
// source. It reads the whole file; a broken chain of records is damage.
func (l *Ledger) Checkpoints(ctx context.Context, source string, visit func([]byte) error) error {
	l.mu.Lock()
	to := l.size
	l.mu.Unlock()
	return scan(l.file, 0, to, func(_ int64, r record) error {
		if source != "" && !bytes.HasPrefix(r.note, []byte(source+"\n")) {
			return ctx.Err()
		}
		return visit(r.note)
	})
}
