package fabric_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// fakeContract is a channel in memory: one source. It takes only what extends it.
type fakeContract struct {
	mu      sync.Mutex
	known   bool
	head    chaincode.Head
	anchors map[int64]chaincode.Anchor
	events  []fabric.Event
	changed chan struct{}
	tries   []ledgerbridge.Batch // each call of Anchor
	fault   func(try int) fault  // what goes wrong with it
	down    error                // of every call, if set
}

// fault is what happens to one attempt to anchor.
type fault struct {
	err     error
	arrives bool   // the anchor is final all the same
	first   func() // happens before
}

func newContract() *fakeContract {
	return &fakeContract{anchors: map[int64]chaincode.Anchor{}, changed: make(chan struct{})}
}

func refusal(p chaincode.Prefix) error {
	return fmt.Errorf("Anchor: %w", &fabric.Refusal{Prefix: p, Sentence: "no"})
}

func (f *fakeContract) Head(context.Context, string) (chaincode.Head, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down == nil && !f.known {
		return chaincode.Head{}, refusal(chaincode.NotFound)
	}
	return f.head, f.down
}

func (f *fakeContract) GetAnchor(_ context.Context, _ string, size int64) (chaincode.Anchor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a, ok := f.anchors[size]
	if !ok {
		return a, refusal(chaincode.NotFound)
	}
	return a, f.down
}

func (f *fakeContract) Register(_ context.Context, origin, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = true
	f.head.Source = chaincode.Source{Version: 1, Origin: origin, State: "open", Keys: []chaincode.Key{{Verifier: key}}}
	return f.down
}

func (f *fakeContract) AddKey(_ context.Context, _, key string, from int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head.Source.Keys = append(f.head.Source.Keys, chaincode.Key{Verifier: key, From: from})
	return f.down
}

func (f *fakeContract) Anchor(_ context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	f.mu.Lock()
	try := len(f.tries)
	f.tries = append(f.tries, b)
	var wrong fault
	if f.fault != nil {
		wrong = f.fault(try)
	}
	f.mu.Unlock()
	if wrong.first != nil {
		wrong.first()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return ledgerbridge.Anchor{}, f.down
	}
	if wrong.err != nil && !wrong.arrives {
		return ledgerbridge.Anchor{}, wrong.err
	}
	anchor, err := f.take(b)
	if wrong.err != nil {
		err = wrong.err
	}
	return anchor, err
}

// take keeps an anchor; mu is held.
func (f *fakeContract) take(b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	repeated, err := b.Extends(ledgerbridge.Head{Size: f.head.Size, Root: f.head.Root})
	if err != nil {
		return ledgerbridge.Anchor{}, refusal(chaincode.Fork)
	}
	size := b.OldSize + int64(len(b.Commitments))
	if repeated {
		return ledgerbridge.Anchor{OldSize: b.OldSize, Size: size, Transaction: f.head.Transaction}, nil
	}
	block := uint64(len(f.events) + 7)
	a := chaincode.Anchor{
		Version: 1, Origin: b.Source, OldSize: b.OldSize, Size: size, Root: b.Root, Checkpoint: string(b.Checkpoint),
		Transaction: fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(block)))),
	}
	f.anchors[size] = a
	f.head.Size, f.head.Root, f.head.Checkpoint, f.head.Transaction = size, b.Root, string(b.Checkpoint), a.Transaction
	f.events = append(f.events, fabric.Event{Block: block, Transaction: a.Transaction, Origin: b.Source, Anchor: &a})
	close(f.changed)
	f.changed = make(chan struct{})
	return ledgerbridge.Anchor{OldSize: b.OldSize, Size: size, Transaction: a.Transaction, Block: block, Time: time.Now()}, nil
}

func (f *fakeContract) Follow(ctx context.Context, origin string, block uint64, visit func(fabric.Event) error) error {
	for at := 0; ; {
		f.mu.Lock()
		events, changed := f.events[at:], f.changed
		f.mu.Unlock()
		for _, e := range events {
			if e.Block >= block && e.Origin == origin {
				if err := visit(e); err != nil {
					return err
				}
			}
			at++
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// plant makes the ledger hold what another log of this source would be: a fork.
func (f *fakeContract) plant(t *testing.T, origin string, count int) {
	t.Helper()
	other := newNode(t, origin)
	other.add(count)
	b, err := other.journal.Batch(t.Context(), 0, int64(count))
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = true
	f.head.Source = chaincode.Source{Version: 1, Origin: origin, State: "open", Keys: []chaincode.Key{{Verifier: other.key}}}
	if _, err := f.take(b); err != nil {
		t.Fatal(err)
	}
}

const origin = "clinic/n1/changes.0"

// fakeNode is a log with its journal and what a shipper needs.
type fakeNode struct {
	t       *testing.T
	log     *logtest.Log
	sealer  *ledgerbridge.Sealer
	journal *ledgerbridge.Journal
	anchors *ledgerbridge.Anchors
	folder  string
	key     string
	keys    []string // all that it had: those of before still count
	said    *os.File
}

func newNode(t *testing.T, origin string) *fakeNode {
	t.Helper()
	n := &fakeNode{t: t, log: logtest.New(origin), folder: t.TempDir()}
	secret := ledgerbridge.Secret{ID: "s", Key: make([]byte, 32)}
	var err error
	n.sealer, err = ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "clinic", Node: "n1", Parts: new(logtest.Keys), Pseudonyms: secret, Requests: []ledgerbridge.Secret{secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.open("log")
	return n
}

// open starts the journal, as a node does; its signing key has that name.
func (n *fakeNode) open(key string) {
	n.t.Helper()
	var err error
	if n.anchors != nil {
		_ = n.anchors.Close()
	}
	if n.anchors, err = ledgerbridge.OpenAnchors(filepath.Join(n.folder, "anchors"), "records"); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = n.anchors.Close() })
	private := logtest.Key(key)
	signer, err := ledgerbridge.NewSigner(n.log.Source(), private)
	if err != nil {
		n.t.Fatal(err)
	}
	if n.key, err = ledgerbridge.VerifierKey(n.log.Source(), private.Public().(ed25519.PublicKey)); err != nil {
		n.t.Fatal(err)
	}
	n.keys = append(n.keys, n.key)
	keys, err := ledgerbridge.ParseKeys(n.keys)
	if err != nil {
		n.t.Fatal(err)
	}
	n.journal, err = ledgerbridge.OpenJournal(n.t.Context(), ledgerbridge.JournalConfig{
		Log: n.log, Ledger: new(logtest.Ledger), Signer: signer, Keys: keys, Anchors: n.anchors,
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// add appends records and makes a checkpoint.
func (n *fakeNode) add(count int) {
	n.t.Helper()
	for range count {
		p, err := n.sealer.Prepare(n.t.Context(), ledgerbridge.Draft{Action: "R"})
		if err != nil {
			n.t.Fatal(err)
		}
		if _, err := n.log.Append(p); err != nil {
			n.t.Fatal(err)
		}
	}
	if _, err := n.journal.Checkpoint(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

var quick = fabric.Cadence{Age: time.Millisecond, Most: 50}

func (n *fakeNode) shipper(c fabric.Contract, cadence fabric.Cadence) *fabric.Shipper {
	n.t.Helper()
	var err error
	if n.said == nil {
		if n.said, err = os.CreateTemp(n.t.TempDir(), "log"); err != nil {
			n.t.Fatal(err)
		}
	}
	s, err := fabric.NewShipper(fabric.ShipperConfig{
		Contract: c, Journal: n.journal, Anchors: n.anchors, Key: n.key, Folder: n.folder, Cadence: cadence,
		Log:   slog.New(slog.NewTextHandler(n.said, nil)),
		Pause: func(int) time.Duration { return time.Millisecond },
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

// logged is what the shipper said.
func (n *fakeNode) logged() string {
	data, err := os.ReadFile(n.said.Name())
	if err != nil {
		n.t.Fatal(err)
	}
	return string(data)
}

// run lets a shipper work until the returned function is called.
func run(s *fabric.Shipper) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(ctx) }()
	return func() { cancel(); <-ended }
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (n *fakeNode) anchored(size int64) func() bool {
	return func() bool { return n.anchors.Last().Size >= size }
}
