package mongo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"

	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// The primary of three members is killed twice while 64 clients write: nothing that
// was acknowledged is lost, nothing is written twice, and service comes back by itself.
func TestFailover(t *testing.T) {
	path, err := exec.LookPath("mongod")
	if err != nil {
		t.Skip("SKIPPED: needs mongod on PATH; TestSchedules has what the stand-in can do")
	}
	set, err := mongotest.StartSet(path, 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Stop)
	server := &server{uri: set.URI(), database: "failover"}
	w := &writers{author: newAuthor(t, server.open(t, testOptions(""))), acknowledged: map[string]int64{}}
	finish := w.start(t, 64)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for range 2 {
		before := w.count()
		waitFor(t, func() bool { return w.count() > before+500 })
		primary, err := set.Primary(ctx)
		if err != nil {
			t.Fatal(err)
		}
		killed := time.Now()
		set.Kill(primary)
		before = w.count()
		waitFor(t, func() bool { return w.count() > before+64 }) // more than can have been under way
		t.Logf("service was back after %v", time.Since(killed).Round(time.Millisecond))
		if err := set.Start(primary); err != nil {
			t.Fatal(err)
		}
		if err := set.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	finish()
	w.verify(t)
}

// writers create resources as fast as they can and note what was acknowledged.
type writers struct {
	*author
	mu           sync.Mutex
	acknowledged map[string]int64 // entry by id
	failed       int
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acknowledged)
}

// start lets clients write until what it returns is called.
func (w *writers) start(t *testing.T, clients int) (finish func()) {
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					w.write(t, fmt.Sprintf("%d-%d", client, i))
				}
			}
		})
	}
	return func() {
		close(stop)
		wait.Wait()
	}
}

func (w *writers) write(t *testing.T, id string) {
	entry, err := w.entry()
	if err != nil {
		t.Error(err)
		return
	}
	c := store.Change{Writes: []store.Write{smallWrite(fhir.Ref{Type: "Observation", ID: id}, 0, 1)}, Entry: entry}
	r, err := w.Commit(context.Background(), c)
	w.mu.Lock()
	defer w.mu.Unlock()
	var known *fhir.Error
	switch {
	case err == nil:
		w.acknowledged[id] = r.Seq
	case errors.As(err, &known) && known.Kind == fhir.Unavailable:
		w.failed++
	default:
		t.Errorf("a write failed with %v", err)
	}
}

// verify looks for everything that was acknowledged, and for everything else.
func (w *writers) verify(t *testing.T) {
	t.Logf("%d writes acknowledged, %d clients were told to try again", len(w.acknowledged), w.failed)
	seqs := map[int64]bool{}
	for id, seq := range w.acknowledged {
		v, err := w.Get(context.Background(), fhir.Ref{Type: "Observation", ID: id})
		if err != nil || v.Seq != seq || v.Version != 1 || seqs[seq] {
			t.Errorf("%s was acknowledged with entry %d and is in %d: %v", id, seq, v.Seq, err)
		}
		seqs[seq] = true
	}
	log, _ := w.Logs()
	size, err := log.Size(context.Background())
	w.must(err)
	n := int64(0)
	w.must(log.Rows(context.Background(), 0, size, func(row ledgerbridge.Row) error {
		n++
		return ledgerbridge.CheckRow(log.Source(), n-1, &row)
	}))
	versions := int64(0)
	for h := (store.History{Type: "Observation", Limit: 1000}); ; {
		page, err := w.History(context.Background(), h)
		w.must(err)
		versions += int64(len(page.Matches))
		if h.After = page.Next; h.After == nil {
			break
		}
	}
	if n != size || versions != size || size < int64(len(w.acknowledged)) || size > int64(len(w.acknowledged)+w.failed) {
		t.Errorf("the log has size %d, %d entries and %d versions", size, n, versions)
	}
}

// The stand-in dies while 64 clients write, and comes back.
func TestRestart(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: the server is real; see TestFailover")
	}
	w := &writers{author: newAuthor(t, server.open(t, testOptions(""))), acknowledged: map[string]int64{}}
	finish := w.start(t, 64)
	for range 3 {
		before := w.count()
		waitFor(t, func() bool { return w.count() > before+200 })
		server.standIn.Stop()
		server.standIn.Restart()
		before = w.count()
		waitFor(t, func() bool { return w.count() > before+64 })
	}
	finish()
	w.verify(t)
}
