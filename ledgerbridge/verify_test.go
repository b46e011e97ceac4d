package ledgerbridge_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// bundle makes the proof bundle of a row with the given parts opened.
func (n *node) bundle(j *ledgerbridge.Journal, seq int64, parts ...int) []byte {
	n.t.Helper()
	ctx := context.Background()
	p, err := j.Prove(ctx, seq)
	if err != nil {
		n.t.Fatal(err)
	}
	all, err := n.sealer.OpenParts(ctx, p.Row.Parts, func(i int) bool { return slices.Contains(parts, i) })
	if err != nil {
		n.t.Fatal(err)
	}
	opened := map[int]ledgerbridge.Opened{}
	for _, i := range parts {
		opened[i] = all[i]
	}
	b, err := ledgerbridge.FormatBundle(p, opened)
	if err != nil {
		n.t.Fatal(err)
	}
	return b
}

func TestBundleIsAccepted(t *testing.T) {
	n := newNode(t)
	n.add(300)
	j := n.journal()
	checkpoint(t, j)
	n.add(7) // Prove makes the checkpoint that is missing
	for _, seq := range []int64{0, 1, 255, 256, 299, 306} {
		for _, parts := range [][]int{nil, {0}, {0, 1}, {0, 1, 2}, {0, 1, 2, 3}} {
			b := n.bundle(j, seq, parts...)
			r, err := ledgerbridge.VerifyRecord(b, []string{vkey(t, "other"), n.vkey}, nil)
			if err != nil || r.Verdict != ledgerbridge.OK || r.Entry.Seq != seq || r.Closed != 4-len(parts) {
				t.Fatalf("row %d, parts %v: %+v, %v", seq, parts, r, err)
			}
			if (r.Request != nil) != (len(parts) > 0) || len(r.Patients) != min(2, max(0, len(parts)-1)) || (r.Asked != nil) != (len(parts) == 4) {
				t.Errorf("parts %v: request %v, patients %v", parts, r.Request, r.Patients)
			}
			if err := independent(b, n.vkey); err != nil {
				t.Errorf("the independent verifier refuses row %d: %v", seq, err)
			}
			if err := ledgerbridge.VerifyReceipt(r.Receipt, r); err != nil {
				t.Error(err)
			}
			other := r.Receipt
			other.Commitment[3] ^= 1
			if err := ledgerbridge.VerifyReceipt(other, r); err == nil {
				t.Error("another receipt fits")
			}
		}
	}
}

// A closed part must give nothing away.
func TestBundleKeepsClosedPartsClosed(t *testing.T) {
	n := newNode(t)
	n.add(1)
	b := n.bundle(n.journal(), 0, 0, 1)
	row := n.rows()[0]
	for _, secret := range []string{"Patient/2", n.sealer.PatientPseudonym("Patient/2"), n.sealer.TargetPseudonym("Observation/8"), row.Parts[2].Key, hex.EncodeToString(row.Parts[2].Salt[:])} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%q of a closed part is in the bundle", secret)
		}
	}
	closed := n.bundle(n.journal(), 0)
	if bytes.Contains(closed, []byte("Patient/")) || bytes.Contains(closed, []byte("Noor")) {
		t.Errorf("a bundle without open parts names somebody: %s", closed)
	}
}

// Every byte of a valid bundle, changed in several ways, removed or doubled.
func TestEveryByteOfABundle(t *testing.T) {
	n := newNode(t)
	n.add(21)
	j := n.journal()
	good := n.bundle(j, 13, 0, 1, 3)
	trusted := []string{n.vkey}
	refused := func(what string, i int, bad []byte) {
		t.Helper()
		if r, err := ledgerbridge.VerifyRecord(bad, trusted, nil); err == nil || r.Verdict == ledgerbridge.OK {
			t.Errorf("%s at byte %d of %d accepted: %s", what, i, len(good), bad[max(0, i-20):min(len(bad), i+20)])
		}
	}
	for i := range good {
		for _, x := range []byte{1, 2, 4, 8, 16, 32, 64, 128, 0xff} {
			bad := bytes.Clone(good)
			bad[i] ^= x
			refused("a bit changed", i, bad)
		}
		refused("cut", i, good[:i])
		refused("removed", i, append(bytes.Clone(good[:i]), good[i+1:]...))
		refused("doubled", i, append(bytes.Clone(good[:i+1]), good[i:]...))
		refused("a space", i, append(append(bytes.Clone(good[:i]), ' '), good[i:]...))
	}
	refused("newline", len(good), append(bytes.Clone(good), '\n'))
}

// Fields of many bundles exchanged for those of others, in canonical form again.
func TestEveryFieldOfAThousandBundles(t *testing.T) {
	n := newNode(t)
	n.add(1000)
	j := n.journal()
	last := n.bundle(j, 999, 0, 1, 2, 3)
	rng := rand.New(rand.NewPCG(4, 4))
	for seq := range int64(1000) {
		good := n.bundle(j, seq, 0, 1, 2, 3)
		if seq%100 == 0 {
			if err := independent(good, n.vkey); err != nil {
				t.Fatal(err)
			}
		}
		if seq == 999 {
			continue
		}
		bad := exchange(t, rng, good, last)
		if bytes.Equal(bad, good) {
			continue
		}
		if r, err := ledgerbridge.VerifyRecord(bad, []string{n.vkey}, nil); err == nil || r.Verdict != ledgerbridge.Tampered {
			t.Fatalf("row %d: accepted %s", seq, bad)
		}
		if err := independent(bad, n.vkey); err == nil {
			t.Fatalf("row %d: the independent verifier accepted %s", seq, bad)
		}
	}
}

// exchange takes one member, at any depth, from another bundle.
func exchange(t *testing.T, rng *rand.Rand, good, other []byte) []byte {
	t.Helper()
	var a, b any
	if json.Unmarshal(good, &a) != nil || json.Unmarshal(other, &b) != nil {
		t.Fatal("not JSON")
	}
	for {
		x, y := a, b
		for {
			if list, ok := x.([]any); ok {
				i := rng.IntN(len(list))
				x, y = list[i], y.([]any)[i]
				continue
			}
			members := x.(map[string]any)
			names := make([]string, 0, len(members))
			for name := range members {
				names = append(names, name)
			}
			name := names[rng.IntN(len(names))]
			switch v := members[name].(type) {
			case map[string]any:
				x, y = v, y.(map[string]any)[name]
				continue
			case []any:
				if len(v) > 0 {
					if _, ok := v[0].(map[string]any); ok {
						x, y = v, y.(map[string]any)[name]
						continue
					}
				}
			}
			members[name] = y.(map[string]any)[name]
			break
		}
		text, err := json.Marshal(a) // sorted members, no spaces: canonical for these values
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("\\u0026"), []byte("&"))
		if !bytes.Equal(text, good) {
			return text
		}
	}
}

func TestForgedBundle(t *testing.T) {
	n := newNode(t)
	n.add(5)
	thief := newNode(t)
	thief.vkey = vkey(t, "thief")
	thief.log = n.log
	cfg := thief.config()
	cfg.Signer, _ = ledgerbridge.NewSigner(source, logtest.Key("thief"))
	j, err := ledgerbridge.OpenJournal(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	forged := thief.bundle(j, 3, 0)
	if r, err := ledgerbridge.VerifyRecord(forged, []string{thief.vkey}, nil); err != nil || r.Verdict != ledgerbridge.OK {
		t.Fatalf("the forgery is not consistent: %v", err)
	}
	if r, err := ledgerbridge.VerifyRecord(forged, []string{n.vkey}, nil); err == nil || r.Verdict != ledgerbridge.Tampered {
		t.Errorf("forged with another key: %s, %v", r.Verdict, err)
	}
	if r, err := ledgerbridge.VerifyRecord(forged, nil, nil); err == nil || r.Verdict != ledgerbridge.Incomplete {
		t.Errorf("without trusted keys: %s, %v", r.Verdict, err)
	}
	elsewhere, err := ledgerbridge.VerifierKey("clinic/n1/changes.0", logtest.Key("thief").Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := ledgerbridge.VerifyRecord(forged, []string{elsewhere}, nil); err == nil || r.Verdict == ledgerbridge.OK {
		t.Errorf("the key of another log: %s, %v", r.Verdict, err)
	}
	if r, err := ledgerbridge.VerifyRecord(forged, []string{thief.vkey + "@0-4"}, nil); err == nil || r.Verdict == ledgerbridge.OK {
		t.Errorf("a key that ended before: %s, %v", r.Verdict, err)
	}
	if r, err := ledgerbridge.VerifyRecord(forged, []string{"nonsense"}, nil); err == nil || r.Verdict != ledgerbridge.Incomplete {
		t.Errorf("an unreadable key: %s, %v", r.Verdict, err)
	}
}

// A row replayed after the last anchor keeps its hash; its position gives it away.
func TestReplayedEntryInABundle(t *testing.T) {
	n := newNode(t)
	n.add(4)
	replay := n.rows()[1]
	replay.Seq = 4
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row { return append(r, replay) })
	_, err := n.open()
	wantDamage(t, err, 4)
	if _, err := ledgerbridge.ReadRow(context.Background(), n.log, 4); err == nil {
		t.Error("the replayed row was read as row 4")
	}
}

// anchors is an AnchorVerifier that says err and keeps what it was asked.
type anchors struct {
	err    error
	proof  *ledgerbridge.AnchorProof
	record ledgerbridge.Receipt
}

func (a *anchors) VerifyAnchor(p *ledgerbridge.AnchorProof, record ledgerbridge.Receipt, _ ledgerbridge.Checkpoint) error {
	a.proof, a.record = p, record
	return a.err
}

// anchoredBundle is a bundle under an anchored checkpoint that is not the last one.
func (n *node) anchoredBundle(seq, size int64) []byte {
	n.t.Helper()
	j := n.journal()
	for added := int64(0); added < size; added++ {
		n.add(1)
	}
	signed := checkpoint(n.t, j).Note
	n.add(4)
	checkpoint(n.t, j)
	p, err := j.ProveUnder(context.Background(), seq, signed)
	if err != nil {
		n.t.Fatal(err)
	}
	p.State = ledgerbridge.Anchored
	p.Anchor = &ledgerbridge.AnchorProof{
		Anchor:    ledgerbridge.Anchor{Size: size, Channel: "aceso", Transaction: "ab", Block: 7},
		Chaincode: "aceso", BlockHash: [32]byte{1}, Evidence: json.RawMessage(`{"block":"x"}`),
	}
	b, err := ledgerbridge.FormatBundle(p, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return b
}

func TestAnchoredBundle(t *testing.T) {
	n := newNode(t)
	b, keys := n.anchoredBundle(2, 3), []string{n.vkey}
	if err := independent(b, n.vkey); err != nil {
		t.Error(err)
	}
	network := &anchors{}
	r, err := ledgerbridge.VerifyRecord(b, keys, network)
	if err != nil || r.Verdict != ledgerbridge.OK || r.Checkpoint.Size != 3 || network.record != r.Receipt {
		t.Fatalf("%+v, %v", r, err)
	}
	if p := network.proof; p.Block != 7 || p.Size != 3 || p.Channel != "aceso" || p.BlockHash != [32]byte{1} || string(p.Evidence) != `{"block":"x"}` {
		t.Errorf("the verifier was shown %+v", p)
	}
	if r, err := ledgerbridge.VerifyRecord(b, keys, nil); err == nil || r.Verdict != ledgerbridge.Incomplete {
		t.Errorf("nobody knows the network: %s, %v", r.Verdict, err)
	}
	for err, want := range map[error]ledgerbridge.Verdict{errors.New("forged"): ledgerbridge.Tampered, fmt.Errorf("x: %w", ledgerbridge.ErrIncomplete): ledgerbridge.Incomplete} {
		if r, got := ledgerbridge.VerifyRecord(b, keys, &anchors{err: err}); !errors.Is(got, err) || r.Verdict != want {
			t.Errorf("%v: %s, %v", err, r.Verdict, got)
		}
	}
}

// network is an AnchorProver that knows checkpoints by size, or fails.
type network struct {
	notes map[int64][]byte
	err   error
}

func (n *network) Covering(_ context.Context, _ string, seq int64) (ledgerbridge.Anchor, bool, error) {
	if n.err != nil {
		return ledgerbridge.Anchor{}, false, n.err
	}
	for size := range n.notes {
		if size-4 <= seq && seq < size {
			return ledgerbridge.Anchor{OldSize: size - 4, Size: size, Transaction: "ab"}, true, nil
		}
	}
	return ledgerbridge.Anchor{}, false, nil
}

func (n *network) ProveAnchor(_ context.Context, _ string, a ledgerbridge.Anchor) (ledgerbridge.AnchorProof, []byte, error) {
	p := ledgerbridge.AnchorProof{Anchor: a, Chaincode: "aceso"}
	if n.err == nil {
		p.BlockHash, p.Evidence = [32]byte{4}, json.RawMessage(`{}`)
	}
	return p, n.notes[a.Size], n.err
}

func TestProveAnchored(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	list, err := ledgerbridge.OpenAnchors(filepath.Join(t.TempDir(), "anchors"), "aceso")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	cfg := n.config()
	cfg.Anchors = list
	j, err := ledgerbridge.OpenJournal(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	net := &network{notes: map[int64][]byte{}}
	for size := int64(4); size <= 12; size += 4 {
		n.add(4)
		net.notes[size] = checkpoint(t, j).Note
	}
	for size := int64(4); size <= 8; size += 4 {
		if err := list.Add(ledgerbridge.Anchor{OldSize: size - 4, Size: size, Transaction: strings.Repeat("a", 64), Block: uint64(size)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		seq, size, anchor int64
		fails             error
	}{{0, 4, 4, nil}, {3, 4, 4, nil}, {4, 8, 8, nil}, {8, 12, 0, nil}, {5, 12, 8, errors.New("nobody answers")}} {
		net.err = test.fails
		p, err := j.ProveAnchored(ctx, test.seq, net)
		if err != nil {
			t.Fatal(err)
		}
		if p.Checkpoint.Size != test.size || (p.Anchor == nil) != (test.anchor == 0) || !errors.Is(p.Lacks, test.fails) {
			t.Errorf("row %d: %+v", test.seq, p)
		}
		b, err := ledgerbridge.FormatBundle(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := ledgerbridge.VerifyRecord(b, []string{n.vkey}, &anchors{})
		complete := test.anchor > 0 && test.fails == nil
		if (err == nil) != complete || !complete && r.Verdict != ledgerbridge.Incomplete {
			t.Errorf("row %d: %s, %v", test.seq, r.Verdict, err)
		}
		if r.Anchor != nil && r.Anchor.Size != test.anchor {
			t.Errorf("row %d: anchor of size %d", test.seq, r.Anchor.Size)
		}
		if err := independent(b, n.vkey); err != nil {
			t.Errorf("row %d: %v", test.seq, err)
		}
	}
}

// Of a log that another node anchors, the network is asked where it is.
func TestProveAnchoredByOthers(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	j := n.journal()
	n.add(4)
	net := &network{notes: map[int64][]byte{4: checkpoint(t, j).Note}}
	n.add(4)
	if p, err := j.ProveAnchored(ctx, 2, net); err != nil || p.State != ledgerbridge.Anchored || p.Checkpoint.Size != 4 || p.Lacks != nil {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := j.ProveAnchored(ctx, 5, net); err != nil || p.State != ledgerbridge.Checkpointed || p.Anchor != nil || p.Lacks != nil {
		t.Errorf("waits: %+v, %v", p, err)
	}
	net.err = errors.New("nobody answers")
	if p, err := j.ProveAnchored(ctx, 2, net); err != nil || p.State != "" || p.Anchor != nil || p.Lacks == nil {
		t.Errorf("nobody knows: %+v, %v", p, err)
	}
}

// A bundle may not claim less or more than it has, nor for another size.
func TestAnchoredBundleChanged(t *testing.T) {
	n := newNode(t)
	b, keys := string(n.anchoredBundle(2, 3)), []string{n.vkey}
	_, rest, _ := strings.Cut(b, `,"transaction":"ab"},`)
	for name, bad := range map[string]string{
		"without anchor":   `{` + rest,
		"other state":      strings.Replace(b, `"anchored"`, `"checkpointed"`, 1),
		"unknown state":    strings.Replace(b, `"anchored"`, `"notarised"`, 1),
		"without state":    strings.Replace(b, `,"state":"anchored"`, "", 1),
		"another size":     strings.Replace(b, `"size":3`, `"size":4`, 1),
		"no hash":          strings.Replace(b, `"block_hash":"01`, `"block_hash":"zz`, 1),
		"block below zero": strings.Replace(b, `"block":7`, `"block":-7`, 1),
	} {
		if bad == b {
			t.Fatalf("%s: nothing was changed", name)
		}
		if r, err := ledgerbridge.VerifyRecord([]byte(bad), keys, &anchors{}); err == nil || r.Verdict != ledgerbridge.Tampered {
			t.Errorf("%s: %s, %v", name, r.Verdict, err)
		}
	}
	if r, err := ledgerbridge.VerifyRecord([]byte(strings.Replace(`{`+rest, `"anchored"`, `"checkpointed"`, 1)), keys, &anchors{}); err == nil || r.Verdict != ledgerbridge.Incomplete {
		t.Errorf("stripped of its anchor: %s, %v", r.Verdict, err)
	}
}

func TestProveUnder(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(5)
	j := n.journal()
	signed := checkpoint(t, j).Note
	n.add(5)
	checkpoint(t, j)
	if _, err := j.ProveUnder(ctx, 5, signed); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a row that the checkpoint does not cover: %v", err)
	}
	var damage *ledgerbridge.Damage
	if _, err := j.ProveUnder(ctx, 1, []byte(strings.Replace(string(signed), "\n5\n", "\n6\n", 1))); !errors.As(err, &damage) {
		t.Errorf("a checkpoint that nobody signed: %v", err)
	}
	other := newNode(t)
	other.add(7)
	forked := checkpoint(t, other.journal()).Note // the same key, another history
	if _, err := j.ProveUnder(ctx, 1, forked); !errors.As(err, &damage) {
		t.Errorf("a checkpoint of another history: %v", err)
	}
}

func TestCheckpointIsStrict(t *testing.T) {
	n := newNode(t)
	n.add(12)
	c := checkpoint(t, n.journal())
	keys := parseKeys(t, n.vkey)
	if got, err := ledgerbridge.VerifyCheckpoint(c.Note, keys); err != nil || got.Root != c.Root || got.Size != 12 {
		t.Fatal(got, err)
	}
	for i := range c.Note {
		for _, x := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
			bad := bytes.Clone(c.Note)
			bad[i] ^= x
			if _, err := ledgerbridge.VerifyCheckpoint(bad, keys); err == nil {
				t.Errorf("byte %d changed and accepted: %q", i, bad)
			}
		}
	}
	_, signature, _ := strings.Cut(string(c.Note), "\n\n")
	for name, bad := range map[string]string{
		"second signature": string(c.Note) + signature,
		"extension line":   strings.Replace(string(c.Note), "\n\n", "\nmore\n\n", 1),
		"no signature":     strings.TrimSuffix(string(c.Note), signature),
		"size 012":         strings.Replace(string(c.Note), "\n12\n", "\n012\n", 1),
		"empty":            "",
	} {
		if _, err := ledgerbridge.VerifyCheckpoint([]byte(bad), keys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Parts take more memory than they take in a file: there is an end to them.
func TestBundleOfTooManyParts(t *testing.T) {
	n := newNode(t)
	n.add(1)
	good := n.bundle(n.journal(), 0)
	for name, parts := range map[string]string{
		"more than":  `"parts":[` + strings.Repeat("{},", 100_000) + `{}`,
		"not a list": `"parts":null,"p":[{}`, "is no part": `"parts":[7`,
	} {
		bad := bytes.Replace(good, []byte(`"parts":[`), []byte(parts+","), 1)
		if r, err := ledgerbridge.VerifyRecord(bad, []string{n.vkey}, nil); err == nil || r.Verdict != ledgerbridge.Tampered {
			t.Errorf("%s: %s, %v", name, r.Verdict, err)
		} else if name == "more than" && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key may be given more than once, for sizes that overlap, beside others.
func TestKeyGivenTwice(t *testing.T) {
	n := newNode(t)
	n.add(3)
	good := n.bundle(n.journal(), 1, 0)
	for _, trusted := range [][]string{{n.vkey, n.vkey}, {n.vkey + "@0-3", n.vkey}, {n.vkey + "@9-", n.vkey + "@1-", n.vkey + "@3-"}} {
		if r, err := ledgerbridge.VerifyRecord(good, trusted, nil); err != nil || r.Verdict != ledgerbridge.OK {
			t.Errorf("%q: %s, %v", trusted, r.Verdict, err)
		}
	}
	if r, err := ledgerbridge.VerifyRecord(good, []string{n.vkey + "@9-", n.vkey + "@0-2"}, nil); err == nil {
		t.Errorf("for none of these sizes: %s", r.Verdict)
	}
}

func TestConsistencyFindsAFork(t *testing.T) {
	ctx := context.Background()
	n := newNode(t)
	n.add(5)
	j := n.journal()
	old := checkpoint(t, j)
	n.add(6)
	fresh := checkpoint(t, j)
	path, err := j.Consistency(ctx, old.Size, fresh.Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledgerbridge.VerifyConsistency(old, fresh, path); err != nil {
		t.Error(err)
	}
	fork := newNode(t)
	fork.add(11)
	other := checkpoint(t, fork.journal())
	if err := ledgerbridge.VerifyConsistency(old, other, path); err == nil {
		t.Error("a fork is taken for a continuation")
	}
	for i := range path {
		bad := append([][32]byte(nil), path...)
		bad[i][0] ^= 1
		if err := ledgerbridge.VerifyConsistency(old, fresh, bad); err == nil {
			t.Errorf("hash %d of the proof changed and accepted", i)
		}
	}
	renamed := fresh
	renamed.Source = "clinic/n1/changes.0"
	if err := ledgerbridge.VerifyConsistency(old, renamed, path); err == nil {
		t.Error("two different logs are consistent")
	}
}

// FuzzVerifyRecord: whatever is accepted is the bundle that was made.
func FuzzVerifyRecord(f *testing.F) {
	g := readGolden(f, goldenFiles[1]) // the same in every process that fuzzes
	good := []byte(g.Bundle)
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`"clear":{`), []byte(`"clear":null,"x":{`), 1))
	f.Add([]byte(`{"parts":[{}],"v":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ledgerbridge.VerifyRecord(data, []string{g.Trusted}, nil)
		if (err == nil) != (r.Verdict == ledgerbridge.OK) {
			t.Fatalf("verdict %s with error %v", r.Verdict, err)
		}
		if err == nil && !bytes.Equal(data, good) {
			t.Fatalf("accepted %q", data)
		}
	})
}
