package local_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

const changes, accesses = "clinic/n1/changes.0", "clinic/n1/accesses.0"

var ctx = context.Background()

// writer anchors made-up logs.
type writer struct {
	t       testing.TB
	ledger  *local.Ledger
	path    string
	journal map[string]*ledgerbridge.Journal
	logs    map[string]*logtest.Log
	sealer  *ledgerbridge.Sealer
	reach   func() (*local.Ledger, error)
}

func newWriter(t testing.TB) *writer {
	t.Helper()
	w := &writer{t: t, path: filepath.Join(t.TempDir(), local.FileName), logs: map[string]*logtest.Log{}}
	w.reach = func() (*local.Ledger, error) { return local.Open(w.path, changes, accesses) }
	var err error
	w.sealer, err = ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "clinic", Node: "n1", Parts: new(logtest.Keys),
		Pseudonyms: ledgerbridge.Secret{ID: "p", Key: make([]byte, 32)},
		Requests:   []ledgerbridge.Secret{{ID: "r", Key: make([]byte, 32)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{changes, accesses} {
		w.logs[source] = logtest.New(source)
	}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.ledger.Close() })
	return w
}

// open is a start of the node; the ledger before is just left.
func (w *writer) open() error {
	ledger, err := w.reach()
	if err != nil {
		return err
	}
	if w.ledger != nil {
		w.ledger.Close()
	}
	w.ledger, w.journal = ledger, map[string]*ledgerbridge.Journal{}
	for source, log := range w.logs {
		if w.journal[source], err = ledgerbridge.OpenJournal(ctx, ledgerbridge.JournalConfig{
			Log: log, Ledger: ledger, Signer: signer(w.t, source), Keys: keys(w.t),
		}); err != nil {
			return err
		}
	}
	return nil
}

func signer(t testing.TB, source string) note.Signer {
	t.Helper()
	s, err := ledgerbridge.NewSigner(source, logtest.Key("log"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keys(t testing.TB) ledgerbridge.Keys {
	t.Helper()
	var texts []string
	for _, source := range []string{changes, accesses} {
		text, err := ledgerbridge.VerifierKey(source, logtest.Key("log").Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	k, err := ledgerbridge.ParseKeys(texts)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *writer) checkpoint(source string) {
	w.t.Helper()
	p, err := w.sealer.Prepare(ctx, ledgerbridge.Draft{Action: "R"})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.logs[source].Append(p); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.journal[source].Checkpoint(ctx); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) read() []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *writer) write(b []byte) {
	w.t.Helper()
	if err := os.WriteFile(w.path, b, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// audit is what a full verification does: every checkpoint of every source.
func (w *writer) audit() error {
	ledger, err := local.OpenRead(w.path, changes, accesses)
	if err != nil {
		return err
	}
	defer ledger.Close()
	for _, log := range w.logs {
		if _, err := ledgerbridge.Audit(ctx, ledgerbridge.AuditConfig{Log: log, Ledger: ledger, Keys: keys(w.t)}, nil); err != nil {
			return err
		}
	}
	return nil
}

func wantDamage(t *testing.T, what string, err error) {
	t.Helper()
	var d *ledgerbridge.Damage
	if !errors.As(err, &d) {
		t.Errorf("%s: error %v, want damage", what, err)
	}
}

func TestReopen(t *testing.T) {
	w := newWriter(t)
	for i := range 10 {
		w.checkpoint([]string{changes, accesses}[i%2])
		if i%3 == 0 {
			if err := w.open(); err != nil {
				t.Fatal(err)
			}
		}
	}
	head, err := w.ledger.Head(ctx, accesses)
	if err != nil || head.Size != 5 {
		t.Errorf("head %d, %v", head.Size, err)
	}
	if err := w.audit(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(w.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

// Whatever a kill leaves of the last record is cut; what was acknowledged stays.
func TestTornTailIsCut(t *testing.T) {
	w := newWriter(t)
	for range 3 {
		w.checkpoint(changes)
	}
	whole := w.read()
	w.checkpoint(changes)
	longer := w.read()
	for cut := len(whole); cut < len(longer); cut++ {
		for zeros := range 2 { // a power cut may leave zeros behind
			if zeros *= 100; zeros > 0 && cut%32 != 0 {
				continue
			}
			w.write(append(bytes.Clone(longer[:cut]), make([]byte, zeros)...))
			if err := w.audit(); err != nil {
				t.Fatalf("reading a file cut at %d with %d zeros: %v", cut, zeros, err)
			}
			if err := w.open(); err != nil {
				t.Fatalf("cut at %d with %d zeros: %v", cut, zeros, err)
			}
			if got := w.read(); !bytes.Equal(got, whole) {
				t.Fatalf("cut at %d: %d bytes left, want %d", cut, len(got), len(whole))
			}
		}
	}
	w.checkpoint(changes)
	if err := w.audit(); err != nil {
		t.Error(err)
	}
}

// Zeros are the end of the file only if nothing follows them.
func TestZerosInside(t *testing.T) {
	w := newWriter(t)
	w.checkpoint(changes)
	first := w.read()
	w.checkpoint(changes)
	rest := w.read()[len(first):]
	w.write(slices.Concat(first, make([]byte, 10_000), rest))
	wantDamage(t, "zeros between two records", w.open())
}

// Every byte of the file matters: changed, it is found by a verification, and in the
// last record at start too.
func TestEveryByteOfTheFile(t *testing.T) {
	w := newWriter(t)
	for i := range 4 {
		w.checkpoint([]string{changes, accesses}[i%2])
	}
	good := w.read()
	for i := range good {
		for _, x := range []byte{1, 128} {
			bad := bytes.Clone(good)
			bad[i] ^= x
			w.write(bad)
			wantDamage(t, fmt.Sprintf("byte %d ^ %d", i, x), w.audit())
			wantDamage(t, fmt.Sprintf("byte %d ^ %d at start", i, x), w.open())
		}
	}
	w.write(good)
	if err := w.audit(); err != nil {
		t.Error(err)
	}
}

func records(b []byte) []string {
	parts := strings.SplitAfter(string(b), "\nend ")
	var all []string
	for i := 0; i+1 < len(parts); i++ {
		const sum = 65
		body := parts[i]
		if i > 0 {
			body = body[sum:]
		}
		all = append(all, body+parts[i+1][:sum])
	}
	return all
}

func TestRecordsRemovedOrMoved(t *testing.T) {
	w := newWriter(t)
	for i := range 5 {
		w.checkpoint([]string{changes, accesses}[i%2])
	}
	good := w.read()
	r := records(good)
	if strings.Join(r, "") != string(good) || len(r) != 5 {
		t.Fatal("the test cannot split records")
	}
	for name, bad := range map[string][]string{
		"first removed":  r[1:],
		"middle removed": {r[0], r[1], r[3], r[4]},
		"swapped":        {r[0], r[2], r[1], r[3], r[4]},
		"doubled":        {r[0], r[1], r[1], r[2], r[3], r[4]},
		"last doubled":   {r[0], r[1], r[2], r[3], r[4], r[4]},
	} {
		w.write([]byte(strings.Join(bad, "")))
		wantDamage(t, name, w.audit())
	}
}

// A quiet log's head is found at start although the other one has filled the file:
// it is written again now and then.
func TestQuietLogInALongFile(t *testing.T) {
	w := newWriter(t)
	w.ledger.Close()
	w.ledger = nil
	const tail, apart = 4096, 2048
	w.reach = func() (*local.Ledger, error) { return local.OpenReach(w.path, tail, apart, changes, accesses) }
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	w.checkpoint(changes)
	for range 40 {
		w.checkpoint(accesses)
	}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]int64{changes: 1, accesses: 40} {
		if head, err := w.ledger.Head(ctx, source); err != nil || head.Size != want {
			t.Errorf("%s: head %d, want %d, %v", source, head.Size, want, err)
		}
	}
	count := 0
	if err := w.ledger.Checkpoints(ctx, changes, func([]byte) error { count++; return nil }); err != nil || count < 5 {
		t.Errorf("%d checkpoints of the quiet log, %v", count, err)
	}
	if err := w.audit(); err != nil {
		t.Error(err)
	}
	w.checkpoint(accesses)
}
