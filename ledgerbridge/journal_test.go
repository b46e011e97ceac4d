package ledgerbridge_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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

// edits are what an intruder may do to rows 0..11 of which 0..7 are checkpointed
// and 8..11 are not. seq is the row that must be named (-1: no row).
var edits = []struct {
	name   string
	seq    int64
	atOpen bool // found by OpenJournal too
	edit   func([]ledgerbridge.Row) []ledgerbridge.Row
}{
	{"delete a row", 3, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { return slices.Delete(r, 3, 4) }},
	{"delete the first row", 0, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { return r[1:] }},
	{"delete and renumber", 3, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r = slices.Delete(r, 3, 4)
		for i := range r {
			r[i].Seq = int64(i)
		}
		return r
	}},
	{"swap rows with their numbers", 2, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[2], r[4] = r[4], r[2]
		r[2].Seq, r[4].Seq = 2, 4
		return r
	}},
	{"reorder rows", 2, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[2], r[4] = r[4], r[2]; return r }},
	{"cut below the checkpoint", 6, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { return r[:6] }},
	{"replay a row at the end", 12, true, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		again := r[5]
		again.Seq = int64(len(r))
		return append(r, again)
	}},
	{"replay a row instead of another after the checkpoint", 9, true, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[9] = r[8]
		r[9].Seq = 9
		return r
	}},
	{"entry of an old row", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Entry[9] ^= 1; return r }},
	{"entry of a new row", 9, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[9].Entry[9] ^= 1; return r }},
	{"salt", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Salt[9] ^= 1; return r }},
	{"commitment", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Commitment[9] ^= 1; return r }},
	{"time", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Time = r[4].Time.Add(1e6); return r }},
	{"agent", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Agent = "x"; return r }},
	{"action", 10, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[10].Action = "R"; return r }},
	{"outcome", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Outcome = 403; return r }},
	{"patient", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Patient = r[4].Parts[2].Patient; return r }},
	{"target", 10, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[10].Parts[1].Target += " x"; return r }},
	{"key of a part", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Key = "part-9"; return r }},
	{"salt of a part", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Salt[0] ^= 1; return r }},
	{"commitment of a part", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Commitment[0] ^= 1; return r }},
	{"sealed bytes", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Sealed[40] ^= 1; return r }},
	{"sealed bytes gone", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].Sealed = nil; return r }},
	{"erased by nobody", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[4].Parts[1].Sealed, r[4].Parts[1].ErasedBy = nil, "x"
		return r
	}},
	{"erasure noted only", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1].ErasedBy = source + "/1"; return r }},
	{"part removed", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts = r[4].Parts[:2]; return r }},
	{"parts swapped", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r[4].Parts[1], r[4].Parts[2] = r[4].Parts[2], r[4].Parts[1]
		return r
	}},
	{"part of another row", 4, false, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[4].Parts[1] = r[5].Parts[1]; return r }},
	{"all parts removed", 10, true, func(r []ledgerbridge.Row) []ledgerbridge.Row { r[10].Parts = nil; return r }},
}

func TestEveryEditIsFound(t *testing.T) {
	ctx := context.Background()
	for _, c := range edits {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.add(8)
			j := n.journal()
			checkpoint(t, j)
			n.add(4)
			check := func(r *ledgerbridge.Row) error { return n.sealer.CheckParts(ctx, source, r) }
			if _, err := j.Audit(ctx, check); err != nil {
				t.Fatalf("before the edit: %v", err)
			}
			n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row { return c.edit(deep(r)) })
			_, err := j.Audit(ctx, check)
			wantDamage(t, err, c.seq)
			if _, err = n.open(); c.atOpen {
				wantDamage(t, err, c.seq)
			} else if err != nil {
				t.Logf("found at start already: %v", err)
			}
		})
	}
}

// deep copies rows so that an edit of one does not reach what others share.
func deep(rows []ledgerbridge.Row) []ledgerbridge.Row {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Entry = slices.Clone(rows[i].Entry)
		rows[i].Parts = slices.Clone(rows[i].Parts)
		for k := range rows[i].Parts {
			rows[i].Parts[k].Sealed = slices.Clone(rows[i].Parts[k].Sealed)
		}
	}
	return rows
}

func wantDamage(t *testing.T, err error, seq int64) {
	t.Helper()
	var d *ledgerbridge.Damage
	if !errors.As(err, &d) {
		t.Fatalf("error %v, want damage of row %d", err, seq)
	}
	if d.Seq != seq || d.Source != source {
		t.Errorf("%v: names row %d of %s, want row %d", err, d.Seq, d.Source, seq)
	}
}

// A consistent rewrite of a checkpointed row (entry, salt, commitment and parts
// all fit) is found by the tree.
func TestRewrittenRowIsFound(t *testing.T) {
	n := newNode(t)
	n.add(8)
	j := n.journal()
	checkpoint(t, j)
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
		d := search()
		d.Decision = "deny"
		forged := seal(t, n.sealer, d, 4)
		r[4] = forged
		return r
	})
	_, err := j.Audit(context.Background(), nil)
	wantDamage(t, err, -1)
	if _, err := j.Prove(context.Background(), 4); err == nil {
		t.Error("a proof of the forged row was given")
	} else {
		wantDamage(t, err, 4)
	}
}

func TestTilesDamaged(t *testing.T) {
	ctx := context.Background()
	for _, size := range []int{40, 300, 600} {
		for _, place := range [][2]int64{{0, 0}, {0, 1}, {0, 2}, {1, 0}} {
			for name, edit := range map[string]func([]byte) []byte{
				"bit":     func(b []byte) []byte { b[33] ^= 1; return b },
				"cut":     func(b []byte) []byte { return b[:len(b)-32] },
				"odd":     func(b []byte) []byte { return append(b, 1) },
				"longer":  func(b []byte) []byte { return append(b, make([]byte, 32)...) },
				"removed": func([]byte) []byte { return nil },
			} {
				n := newNode(t)
				n.addSmall(size)
				j := n.journal()
				checkpoint(t, j)
				if data, _ := n.log.ReadTile(ctx, int(place[0]), place[1]); len(data) < 34 && name == "bit" || data == nil {
					continue
				}
				n.log.DamageTile(int(place[0]), place[1], edit)
				_, err := j.Audit(ctx, nil)
				var d *ledgerbridge.Damage
				if !errors.As(err, &d) || !strings.HasPrefix(d.Column, fmt.Sprintf("tile %d/%d", place[0], place[1])) {
					t.Errorf("size %d, tile %v, %s: %v", size, place, name, err)
				}
			}
		}
	}
}

func (n *node) addSmall(count int) {
	n.t.Helper()
	p := prepare(n.t, n.sealer, ledgerbridge.Draft{Action: "R"})
	for range count {
		if _, err := n.log.Append(p); err != nil {
			n.t.Fatal(err)
		}
	}
}

func TestExtraTileIsFound(t *testing.T) {
	n := newNode(t)
	n.addSmall(256)
	j := n.journal()
	checkpoint(t, j)
	n.log.DamageTile(0, 1, func([]byte) []byte { return make([]byte, 32) })
	if _, err := j.Audit(context.Background(), nil); err == nil {
		t.Error("a tile beyond the rows is not found")
	}
}

// The rows' tail after the last checkpoint can be cut unseen, but for a receipt.
func TestCutTailIsFoundWithAReceipt(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(8)
	j := n.journal()
	checkpoint(t, j)
	n.add(2)
	row, err := ledgerbridge.ReadRow(ctx, n.log, 9)
	if err != nil {
		t.Fatal(err)
	}
	receipt := row.Receipt(source)
	if err := ledgerbridge.CheckReceipt(ctx, n.log, receipt); err != nil {
		t.Fatal(err)
	}
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row { return r[:9] })
	if _, err := j.Audit(ctx, nil); err != nil {
		t.Fatalf("documented as not found without a receipt, but: %v", err)
	}
	wantDamage(t, ledgerbridge.CheckReceipt(ctx, n.log, receipt), 9)
	n.add(1) // another row takes its place
	wantDamage(t, ledgerbridge.CheckReceipt(ctx, n.log, receipt), 9)
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

func TestErasure(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(4)
	j := n.journal()
	before := checkpoint(t, j)
	who := n.sealer.PatientPseudonym("Patient/1")
	erase := ledgerbridge.Draft{Action: "D", Interaction: ledgerbridge.Erase, Target: "Patient/1", Patients: []ledgerbridge.Touched{{Patient: "Patient/1"}}}
	row, err := n.log.Append(prepare(t, n.sealer, erase))
	if err != nil {
		t.Fatal(err)
	}
	by := ledgerbridge.Place(source, row.Seq)
	if err := n.keys.Destroy(ctx, who); err != nil {
		t.Fatal(err)
	}
	if count, err := n.log.Erase(ctx, who, by); err != nil || count != 5 {
		t.Fatal(count, err)
	}
	if err := ledgerbridge.CheckErasure(ctx, n.log, by, who); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{ledgerbridge.Place(source, 1), ledgerbridge.Place(source, 99), "x", "lab/n1/accesses.0/4"} {
		if err := ledgerbridge.CheckErasure(ctx, n.log, bad, who); err == nil {
			t.Errorf("%s is taken for an erasure", bad)
		}
	}
	if err := ledgerbridge.CheckErasure(ctx, n.log, by, n.sealer.PatientPseudonym("Patient/2")); err == nil {
		t.Error("the erasure counts for another patient")
	}
	after := checkpoint(t, j)
	if _, err := j.Audit(ctx, func(r *ledgerbridge.Row) error { return n.sealer.CheckParts(ctx, source, r) }); err != nil {
		t.Errorf("after an erasure: %v", err)
	}
	path, err := j.Consistency(ctx, before.Size, after.Size)
	if err != nil || ledgerbridge.VerifyConsistency(before, after, path) != nil {
		t.Error("the log after the erasure does not continue the one before", err)
	}
}
