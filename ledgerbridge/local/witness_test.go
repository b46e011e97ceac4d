package local_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge/local"
)

// The last checkpoints can be cut off unseen, but for a witness.
func TestCutCheckpointIsFoundByWitness(t *testing.T) {
	w, dir := newWriter(t), t.TempDir()
	witness := local.NewWitness(dir, "clinic", "n1")
	c := follow(t, w, witness)
	for range 4 {
		w.checkpoint(changes)
	}
	flush(t, c)
	copied := local.WitnessFile(dir, "clinic", "n1")
	if n, err := local.Compare(w.path, copied); err != nil || n != 4 {
		t.Fatal(n, err)
	}
	good := w.read()
	r := records(good)
	w.write([]byte(strings.Join(r[:3], "")))
	if err := w.open(); err != nil {
		t.Fatalf("documented as not found without a witness, but: %v", err)
	}
	_, err := w.ledger.Follow(ctx, witness)
	wantDamage(t, "at start", err)
	_, err = local.Compare(w.path, copied)
	wantDamage(t, "compare", err)

	// Rewritten with the same key, and as long as before.
	w.checkpoint(changes)
	_, err = local.Compare(w.path, copied)
	if bytes.Equal(w.read(), good) {
		t.Fatal("the rewrite is the same")
	}
	wantDamage(t, "rewritten", err)
	_, err = w.ledger.Follow(ctx, witness)
	wantDamage(t, "rewritten, at start", err)
}

func follow(t *testing.T, w *writer, witness local.Witness) *local.Copier {
	t.Helper()
	c, err := w.ledger.Follow(ctx, witness)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func flush(t *testing.T, c *local.Copier) {
	t.Helper()
	if err := c.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestFolderWitnessCatchesUp(t *testing.T) {
	w, dir := newWriter(t), t.TempDir()
	w.checkpoint(changes)
	missing := filepath.Join(dir, "later")
	c := follow(t, w, local.NewWitness(missing, "clinic", "n1"))
	if err := c.Flush(ctx); err == nil {
		t.Fatal("copied into a folder that does not exist")
	}
	if behind, err := c.Behind(); behind == 0 || err == nil {
		t.Errorf("behind %d, %v", behind, err)
	}
	w.checkpoint(accesses) // service goes on
	if err := os.Mkdir(missing, 0o700); err != nil {
		t.Fatal(err)
	}
	flush(t, c)
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	c = follow(t, w, local.NewWitness(missing, "clinic", "n1"))
	w.checkpoint(accesses)
	flush(t, c)
	copied, err := os.ReadFile(local.WitnessFile(missing, "clinic", "n1"))
	if err != nil || !bytes.Equal(copied, w.read()) {
		t.Errorf("the copy differs: %v", err)
	}
	if behind, err := c.Behind(); behind != 0 || err != nil {
		t.Errorf("behind %d, %v", behind, err)
	}
}

// keeper is a witness at a URL: it writes down what is posted to it.
type keeper struct {
	mu     sync.Mutex
	kept   []byte
	status int
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if k.status != 0 {
		w.WriteHeader(k.status)
		return
	}
	k.kept = append(k.kept, body...)
}

func TestURLWitness(t *testing.T) {
	k := &keeper{status: http.StatusServiceUnavailable}
	server := httptest.NewServer(k)
	defer server.Close()
	w := newWriter(t)
	c := follow(t, w, local.NewWitness(server.URL, "clinic", "n1"))
	w.checkpoint(changes)
	if err := c.Flush(ctx); err == nil {
		t.Error("a refusal of the witness is not reported")
	}
	k.mu.Lock()
	k.status = 0
	k.mu.Unlock()
	flush(t, c)
	if err := w.open(); err != nil { // sends the last record again
		t.Fatal(err)
	}
	c = follow(t, w, local.NewWitness(server.URL, "clinic", "n1"))
	w.checkpoint(accesses)
	flush(t, c)
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(kept, k.kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := local.Compare(w.path, kept); err != nil || n != 2 {
		t.Errorf("%d records agree, %v", n, err)
	}
	r := records(w.read())
	w.write([]byte(r[0]))
	_, err := local.Compare(w.path, kept)
	wantDamage(t, "cut", err)
}

func TestCopierRuns(t *testing.T) {
	w, dir := newWriter(t), t.TempDir()
	c := follow(t, w, local.NewWitness(dir, "clinic", "n1"))
	run, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); c.Run(run, func(err error) { t.Error(err) }) }()
	w.checkpoint(changes)
	for {
		if behind, _ := c.Behind(); behind == 0 {
			break
		}
	}
	stop()
	<-done
	if _, err := local.Compare(w.path, local.WitnessFile(dir, "clinic", "n1")); err != nil {
		t.Error(err)
	}
}
