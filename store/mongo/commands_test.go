package mongo

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// watcher is a node whose commands are counted.
type watcher struct {
	*author
	spy *spy
}

func newWatcher(t *testing.T) (r *watcher, other *author) {
	server, spy := newServer(t), &spy{}
	other = newAuthor(t, server.open(t, testOptions("")))
	other.commit(smallWrite(fhir.Ref{Type: "Observation", ID: "1"}, 0, 1))
	s := spy.open(t, server, other.Store)
	s.accesses = newWriter(s, s.db.Collection("accesses"), s.source(accessesLog))
	if err := s.accesses.takeOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.accesses.queue.Start()
	t.Cleanup(s.accesses.close)
	return &watcher{newAuthor(t, s), spy}, other
}

// read is what a node asks the database for each read by id of a patient's resource.
// back is how many Consents of others were written since it was judged.
func (r *watcher) read(back int64) error {
	v, err := r.Get(context.Background(), fhir.Ref{Type: "Observation", ID: "1"})
	if err != nil {
		return err
	}
	p, err := storetest.Record(r.sealer, "read", "R", 200, "Patient/1")
	if err == nil {
		_, err = r.Record(context.Background(), p, store.Judged{Keys: []string{"Patient/1"}, Epoch: v.Epoch - back})
	}
	return err
}

// count is how many commands of each name were sent while clients read. The log of the
// test has the figures of docs/operations/mongodb.md.
func (r *watcher) count(t *testing.T, clients, each int, back int64) map[string]int {
	t.Helper()
	r.spy.take("")
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for range each {
				if err := r.read(back); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	sent, all := map[string]int{}, 0
	for _, c := range r.spy.sent {
		first, err := c.IndexErr(0)
		if err != nil {
			t.Fatal(err)
		}
		sent[first.Key()]++
		all++
	}
	t.Logf("%d clients: %.2f commands for each read: %v", clients, float64(all)/float64(clients*each), sent)
	return sent
}

// A read costs a snapshot of three commands and a transaction of four, and one more if a
// Consent was written since it was judged. Reads at the same time share them.
func TestCommandsOfReads(t *testing.T) {
	r, other := newWatcher(t)
	const reads = 64
	want := func(got map[string]int, finds int) {
		t.Helper()
		groups := got["commitTransaction"]
		for name, n := range map[string]int{"insert": groups, "update": groups, "find": finds*groups + 2*got["abortTransaction"]} {
			if got[name] != n {
				t.Errorf("%d times %s in %d groups, want %d", got[name], name, groups, n)
			}
		}
	}
	alone := r.count(t, 1, reads, 0)
	if want(alone, 1); fmt.Sprint(alone) != "map[abortTransaction:64 commitTransaction:64 find:192 insert:64 update:64]" {
		t.Errorf("one after the other: %v", alone)
	}
	together := r.count(t, reads, 8, 0)
	if want(together, 1); together["commitTransaction"] > reads*8/4 {
		t.Errorf("at the same time they share too little: %v", together)
	}
	other.commit(smallWrite(fhir.Ref{Type: "Consent", ID: "1"}, 0, 2))
	want(r.count(t, 1, reads, 1), 2)
	want(r.count(t, reads, 8, 1), 2)
}
