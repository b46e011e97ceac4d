package ledgerbridge_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

const source = "clinic/n1/accesses.0"

// node is a log with everything around it.
type node struct {
	t      testing.TB
	sealer *ledgerbridge.Sealer
	keys   *logtest.Keys
	log    *logtest.Log
	ledger ledgerbridge.Ledger
	vkey   string
}

func newNode(t testing.TB) *node {
	n := &node{t: t, log: logtest.New(source), ledger: new(logtest.Ledger)}
	n.sealer, n.keys = newSealer(t)
	n.vkey = vkey(t, "log")
	return n
}

func vkey(t testing.TB, name string) string {
	t.Helper()
	text, err := ledgerbridge.VerifierKey(source, logtest.Key(name).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parseKeys(t testing.TB, texts ...string) ledgerbridge.Keys {
	t.Helper()
	keys, err := ledgerbridge.ParseKeys(texts)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (n *node) add(count int) {
	n.t.Helper()
	for i := range count {
		d := search()
		d.Request = fmt.Sprint(i)
		if _, err := n.log.Append(prepare(n.t, n.sealer, d)); err != nil {
			n.t.Fatal(err)
		}
	}
}

func (n *node) config() ledgerbridge.JournalConfig {
	n.t.Helper()
	signer, err := ledgerbridge.NewSigner(source, logtest.Key("log"))
	if err != nil {
		n.t.Fatal(err)
	}
	return ledgerbridge.JournalConfig{Log: n.log, Ledger: n.ledger, Signer: signer, Keys: parseKeys(n.t, n.vkey)}
}

func (n *node) open() (*ledgerbridge.Journal, error) {
	n.t.Helper()
	return ledgerbridge.OpenJournal(context.Background(), n.config())
}

func (n *node) journal() *ledgerbridge.Journal {
	n.t.Helper()
	j, err := n.open()
	if err != nil {
		n.t.Fatal(err)
	}
	return j
}

func checkpoint(t testing.TB, j *ledgerbridge.Journal) ledgerbridge.Checkpoint {
	t.Helper()
	c, err := j.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (n *node) rows() []ledgerbridge.Row {
	var all []ledgerbridge.Row
	err := n.log.Rows(context.Background(), 0, 1<<40, func(r ledgerbridge.Row) error { all = append(all, r); return nil })
	if err != nil {
		n.t.Fatal(err)
	}
	return all
}

// oracle is the second, independent tree: golang.org/x/mod/sumdb/tlog.
type oracle struct{ hashes []tlog.Hash }

func (o *oracle) ReadHashes(at []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(at))
	for i, x := range at {
		found[i] = o.hashes[x]
	}
	return found, nil
}

func newOracle(t testing.TB, rows []ledgerbridge.Row) *oracle {
	t.Helper()
	o := new(oracle)
	for i, r := range rows {
		more, err := tlog.StoredHashes(int64(i), r.Commitment[:], o)
		if err != nil {
			t.Fatal(err)
		}
		o.hashes = append(o.hashes, more...)
	}
	return o
}

func hashes(path [][32]byte) []tlog.Hash {
	var p []tlog.Hash
	for _, h := range path {
		p = append(p, h)
	}
	return p
}

// Trees of many sizes, grown in steps with restarts between, agree with the oracle in
// root, every kind of inclusion proof and consistency proof.
func TestTreeAgreesWithOracle(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	p := prepare(t, n.sealer, ledgerbridge.Draft{Action: "R"})
	rng := rand.New(rand.NewPCG(6962, 1))
	var sizes []int64
	size := int64(0)
	for _, step := range []int64{1, 1, 1, 4, 1, 247, 1, 1, 255, 1, 511, 1024, 3, 65536 - 2048 - 3, 1, 300} {
		for range step {
			if _, err := n.log.Append(p); err != nil {
				t.Fatal(err)
			}
		}
		size += step
		sizes = append(sizes, size)
		if c := checkpoint(t, n.journal()); c.Size != size { // a restart each time
			t.Fatalf("checkpoint of size %d, want %d", c.Size, size)
		}
	}
	rows := n.rows()
	j, o := n.journal(), newOracle(t, rows)
	for _, size := range sizes {
		root, err := tlog.TreeHash(size, o)
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			seq := rng.Int64N(size)
			path, err := j.Inclusion(ctx, seq, size)
			if err != nil {
				t.Fatal(err)
			}
			leaf := tlog.RecordHash(rows[seq].Commitment[:])
			if err := tlog.CheckRecord(hashes(path), size, root, seq, leaf); err != nil {
				t.Errorf("row %d of %d: %v", seq, size, err)
			}
			old := 1 + rng.Int64N(size)
			path, err = j.Consistency(ctx, old, size)
			if err != nil {
				t.Fatal(err)
			}
			oldRoot, _ := tlog.TreeHash(old, o)
			if err := tlog.CheckTree(hashes(path), size, root, old, oldRoot); err != nil {
				t.Errorf("%d to %d: %v", old, size, err)
			}
		}
	}
	if root, _ := tlog.TreeHash(size, o); root != j.Last().Root {
		t.Error("the root differs from the oracle's")
	}
	if a, err := j.Audit(ctx, nil); err != nil || a.Rows != size || a.Checkpoints != len(sizes) {
		t.Errorf("audit: %+v, %v", a, err)
	}
}

func TestNothingNewMakesNoCheckpoint(t *testing.T) {
	n := newNode(t)
	j := n.journal()
	if c := checkpoint(t, j); c.Size != 0 {
		t.Errorf("an empty log has a checkpoint of size %d", c.Size)
	}
	n.add(3)
	first := checkpoint(t, j)
	if again := checkpoint(t, j); !bytes.Equal(again.Note, first.Note) {
		t.Error("a second checkpoint without news")
	}
	if j.State(2) != ledgerbridge.Checkpointed || j.State(3) != ledgerbridge.Journaled {
		t.Errorf("states %s, %s", j.State(2), j.State(3))
	}
}

func TestFailedAnchorIsTriedAgain(t *testing.T) {
	n := newNode(t)
	j := n.journal()
	n.add(300)
	full := errors.New("disk full")
	n.ledger.(*logtest.Ledger).Fail(full)
	for range 3 {
		if _, err := j.Checkpoint(context.Background()); !errors.Is(err, full) || !errors.Is(j.Err(), full) {
			t.Fatalf("error %v, kept %v", err, j.Err())
		}
		n.add(1)
	}
	n.ledger.(*logtest.Ledger).Fail(nil)
	if c := checkpoint(t, j); c.Size != 303 || j.Err() != nil {
		t.Errorf("after the fault: size %d, %v", c.Size, j.Err())
	}
	if _, err := j.Audit(context.Background(), nil); err != nil {
		t.Error(err)
	}
}

func TestProveBeyondTheEnd(t *testing.T) {
	n := newNode(t)
	n.add(2)
	for _, seq := range []int64{-1, 2, 99} {
		if _, err := n.journal().Prove(context.Background(), seq); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("row %d: %v", seq, err)
		}
	}
}

func TestRunMakesALastCheckpoint(t *testing.T) {
	n := newNode(t)
	j := n.journal()
	n.add(2)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	j.Run(ctx)
	if j.Last().Size != 2 {
		t.Errorf("size %d after the end", j.Last().Size)
	}
}

func TestForeignSignerAndKeys(t *testing.T) {
	n := newNode(t)
	n.add(2)
	checkpoint(t, n.journal())
	cfg := n.config()
	cfg.Keys = parseKeys(t, vkey(t, "thief"))
	if _, err := ledgerbridge.OpenJournal(context.Background(), cfg); err == nil {
		t.Error("a checkpoint by an untrusted key was continued")
	}
	cfg = n.config()
	cfg.Signer, _ = ledgerbridge.NewSigner("clinic/n1/changes.0", logtest.Key("log"))
	if _, err := ledgerbridge.OpenJournal(context.Background(), cfg); err == nil {
		t.Error("the signer of another log was accepted")
	}
}

func TestRotatedKey(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(3)
	checkpoint(t, n.journal())
	n.add(2)
	old, fresh := n.vkey, vkey(t, "second")
	cfg := n.config()
	cfg.Keys = parseKeys(t, old+"@0-3", fresh+"@3-")
	cfg.Signer, _ = ledgerbridge.NewSigner(source, logtest.Key("second"))
	j, err := ledgerbridge.OpenJournal(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint(t, j)
	if _, err := j.Audit(ctx, nil); err != nil {
		t.Error(err)
	}
	stolen := n.config() // the old key signs on after its end
	stolen.Keys = cfg.Keys
	stolen.Ledger = new(logtest.Ledger)
	thief, err := ledgerbridge.OpenJournal(ctx, stolen)
	if err != nil {
		t.Fatal(err)
	}
	if c := checkpoint(t, thief); c.Size != 5 {
		t.Fatal(c.Size)
	}
	if _, err := thief.Audit(ctx, nil); err == nil {
		t.Error("a checkpoint of size 5 by a key that ended at 3 counts")
	}
	for _, bad := range []string{"@", "@x-", "@5-3", "@-3", "@3-0", "@0-3-4"} {
		if _, err := ledgerbridge.ParseKeys([]string{old + bad}); err == nil {
			t.Errorf("accepted a key with %q", bad)
		}
	}
}

func TestBatchMustExtend(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(5)
	ledger := &capture{Ledger: new(logtest.Ledger)}
	n.ledger = ledger
	j := n.journal()
	checkpoint(t, j)
	first := ledger.last
	n.add(3)
	checkpoint(t, j)
	second := ledger.last
	head, err := ledger.Head(ctx, source)
	if err != nil || head.Size != 8 {
		t.Fatal(head.Size, err)
	}
	if _, err := ledger.Ledger.Anchor(ctx, second); err != nil {
		t.Errorf("the same batch again: %v", err)
	}
	if _, err := ledger.Ledger.Anchor(ctx, first); !errors.Is(err, ledgerbridge.ErrRefused) {
		t.Errorf("an old batch again: %v", err)
	}
	edits := map[string]func(b *ledgerbridge.Batch){
		"other commitment":   func(b *ledgerbridge.Batch) { b.Commitments[1][0] ^= 1 },
		"one row less":       func(b *ledgerbridge.Batch) { b.Commitments = b.Commitments[:2] },
		"gap":                func(b *ledgerbridge.Batch) { b.OldSize++ },
		"other frontier":     func(b *ledgerbridge.Batch) { b.Frontier[0][0] ^= 1 },
		"no frontier":        func(b *ledgerbridge.Batch) { b.Frontier = nil },
		"other root":         func(b *ledgerbridge.Batch) { b.Root[0] ^= 1 },
		"other source":       func(b *ledgerbridge.Batch) { b.Source = "lab/n1/accesses.0" },
		"another checkpoint": func(b *ledgerbridge.Batch) { b.Checkpoint = first.Checkpoint },
	}
	at5 := ledgerbridge.Head{Size: 5, Root: first.Root}
	if repeated, err := second.Extends(at5); err != nil || repeated {
		t.Fatal(repeated, err)
	}
	for name, edit := range edits {
		b := second
		b.Commitments, b.Frontier = slices.Clone(b.Commitments), slices.Clone(b.Frontier)
		edit(&b)
		if _, err := b.Extends(at5); !errors.Is(err, ledgerbridge.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// capture keeps the last batch.
type capture struct {
	ledgerbridge.Ledger
	last ledgerbridge.Batch
}

func (c *capture) Anchor(ctx context.Context, b ledgerbridge.Batch) (ledgerbridge.Anchor, error) {
	c.last = b
	return c.Ledger.Anchor(ctx, b)
}
