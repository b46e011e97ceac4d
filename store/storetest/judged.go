package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// RunShared runs what a store that several nodes share must pass besides Run. open
// returns two nodes on one empty database.
func RunShared(t *testing.T, open func(t *testing.T) (a, b store.Store)) {
	for name, test := range map[string]func(a, b *world){
		"what another node changed is judged again": testOvertaken,
		"members judged by the past fail alone":     testOvertakenMembers,
		"what rows lead to is looked at again":      testSeen,
		"a grant that another node ended":           testGrantEndsElsewhere,
		"kept rows that two nodes write":            testKeptElsewhere,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			test(newWorld(t, a), newWorld(t, b))
		})
	}
}

// RunAlone runs what a store of one process must pass besides Run.
func RunAlone(t *testing.T, open func(t *testing.T) store.Store) {
	t.Run("what this process has serialised is in every snapshot", func(t *testing.T) { testNeverOvertaken(newWorld(t, open(t))) })
}

// consent is a version of a Consent of one patient.
func (w *world) consent(g *generator, id string, expect int64, patient string) store.Write {
	c := g.write(fhir.Ref{Type: "Consent", ID: id}, expect, w.tick())
	c.Facts.Patients = []string{patient}
	return c
}

// epoch is what an answer would be judged at now.
func (w *world) epoch() int64 {
	w.Helper()
	_, epoch, err := w.store.Consents(w.Context(), "Patient/anna")
	w.check(err)
	return epoch
}

// judge records a read and commits a change that were judged by j. Both must have the
// same end, and leave an entry each if it is a good one.
func (w *world) judge(j store.Judged) error {
	w.Helper()
	before := w.sizes()
	_, read := w.store.Record(w.Context(), w.entry(), j)
	_, written := w.store.Commit(w.Context(), store.Change{Entry: w.entry(), Judged: j})
	want := before
	if read == nil {
		want = [2]int64{before[0] + 1, before[1] + 1}
	}
	if now := w.sizes(); !errors.Is(written, read) || now != want {
		w.Errorf("judged by %+v: record %v, commit %v, logs from %d to %d entries", j, read, written, before, now)
	}
	return read
}

// sizes are those of the change log and the access log.
func (w *world) sizes() (n [2]int64) {
	w.Helper()
	changes, accesses := w.store.Logs()
	for i, log := range []ledgerbridge.Log{changes, accesses} {
		size, err := log.Size(w.Context())
		w.check(err)
		n[i] = size
	}
	return n
}

func testJudgedNow(w *world) {
	g := newGenerator(703, 5)
	w.check(w.judge(store.Judged{}))
	w.check(w.judge(store.Judged{All: true}))
	w.check(w.judge(store.Judged{Keys: []string{"Patient/anna"}, Epoch: w.epoch()}))
	for n := range int64(3) {
		w.commit(w.consent(g, "1", n, "Patient/anna"), w.consent(g, "2", n, "Patient/ben"))
		w.check(w.judge(store.Judged{Keys: []string{"Patient/ben", "Patient/anna"}, Epoch: w.epoch()}))
		w.check(w.judge(store.Judged{All: true, Epoch: w.epoch()}))
	}
}

func testOvertaken(w, other *world) {
	g := newGenerator(704, 5)
	other.commit(other.consent(g, "1", 0, "Patient/anna"))
	first := w.epoch()
	other.commit(other.consent(g, "2", 0, "Patient/ben"), other.consent(g, "3", 0, "Patient/carl"))
	second := w.epoch()
	other.commit(other.consent(g, "2", 1, "Patient/dora")) // no longer of ben
	for _, c := range []struct {
		epoch   int64
		keys    []string
		changed bool
	}{
		{0, []string{"Patient/anna"}, true},
		{first, []string{"Patient/anna"}, false},
		{first, []string{"Patient/anna", "Patient/eve"}, false},
		{first, []string{"Patient/eve", "Patient/carl"}, true},
		{second, []string{"Patient/carl"}, false},
		{second, []string{"Patient/ben"}, true},
		{second, []string{"Patient/dora"}, true},
		{w.epoch(), []string{"Patient/ben"}, false},
	} {
		if err := w.judge(store.Judged{Keys: c.keys, Epoch: c.epoch}); c.changed != errors.Is(err, store.ErrChanged) || !c.changed && err != nil {
			w.Errorf("judged by %v at %d: %v", c.keys, c.epoch, err)
		}
	}
	w.wantChanged(w.judge(store.Judged{All: true, Epoch: second}))
	w.check(w.judge(store.Judged{All: true, Epoch: w.epoch()}))
	w.check(w.judge(store.Judged{}))
}

// testOvertakenMembers has many records at once, of which every fourth was judged by what
// has changed, and another fourth by the same as it is now.
func testOvertakenMembers(w, other *world) {
	const clients = 96
	old := w.epoch()
	other.commit(other.consent(newGenerator(705, 5), "1", 0, "Patient/anna"))
	judged := []store.Judged{
		{Keys: []string{"Patient/anna"}, Epoch: old}, {Keys: []string{"Patient/ben"}, Epoch: old}, {},
		{Keys: []string{"Patient/anna"}, Epoch: w.epoch()},
	}
	var recorded atomic.Int64
	var wait sync.WaitGroup
	for i := range clients {
		j, entry, old := judged[i%4], w.entry(), i%4 == 0
		wait.Go(func() {
			_, err := w.store.Record(context.Background(), entry, j)
			if err == nil {
				recorded.Add(1)
			}
			if old != errors.Is(err, store.ErrChanged) || !old && err != nil {
				w.Errorf("judged by %+v: %v", j, err)
			}
		})
	}
	wait.Wait()
	if n := w.sizes()[1]; n != clients*3/4 || n != recorded.Load() {
		w.Errorf("%d entries, %d acknowledged", n, recorded.Load())
	}
}

func testNeverOvertaken(w *world) {
	g := newGenerator(706, 5)
	old := w.epoch()
	w.commit(w.consent(g, "1", 0, "Patient/anna"))
	w.check(w.judge(store.Judged{Keys: []string{"Patient/anna"}, Epoch: old}))
	w.check(w.judge(store.Judged{All: true, Epoch: old}))
}
