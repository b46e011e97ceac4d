package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

var anna = fhir.Ref{Type: "Patient", ID: "anna"}

func testReadBack(w *world) {
	g := newGenerator(1, 3)
	first := g.write(anna, 0, w.tick())
	second := g.write(anna, 1, w.tick())
	second.Body = append(bytes.Repeat([]byte(`{"a":"é"} `), 40_000), 0, 0xff)
	second.Hash = sha256.Sum256(second.Body)
	if _, err := w.store.Get(w.Context(), anna); !errors.Is(err, store.ErrNotFound) {
		w.Fatalf("get before it exists: %v", err)
	}
	w.commit(first)
	w.same(w.get(anna), w.model.versions[0])
	r := w.commit(second)
	got := w.get(anna)
	w.same(got, w.model.versions[1])
	changes, _ := w.store.Logs()
	if got.Source != changes.Source() || got.Seq != r.Seq {
		w.Errorf("change entry %s/%d, want %s/%d", got.Source, got.Seq, changes.Source(), r.Seq)
	}
	for i, want := range w.model.versions {
		v, err := w.store.GetVersion(w.Context(), anna, int64(i+1))
		w.check(err)
		want.Facts.Labels = nil // later versions may add some
		v.Facts.Labels = nil
		v.Facts.Patients, v.Facts.Later, v.Facts.Loose = want.Facts.Patients, nil, false
		w.same(v, want)
	}
	for _, missing := range []int64{0, 3, -1} {
		if _, err := w.store.GetVersion(w.Context(), anna, missing); !errors.Is(err, store.ErrNotFound) {
			w.Errorf("version %d: %v", missing, err)
		}
	}
	if _, err := w.store.GetVersion(w.Context(), fhir.Ref{Type: "Patient", ID: "Anna"}, 1); !errors.Is(err, store.ErrNotFound) {
		w.Errorf("ids are not case sensitive: %v", err)
	}
}

func testRecreate(w *world) {
	g := newGenerator(2, 3)
	w.commit(g.write(anna, 0, w.tick()))
	w.commit(tombstone(w.get(anna), w.tick()))
	gone := w.get(anna)
	w.same(gone, w.model.versions[1])
	if !gone.Deleted || gone.Body != nil || gone.Version != 2 {
		w.Errorf("tombstone %+v", gone)
	}
	q := &search.Query{Type: "Patient", Where: search.All{}}
	w.searched(q, nil)
	w.wantChanged(w.try(g.write(anna, 0, w.tick())))
	w.commit(g.write(anna, 2, w.tick()))
	w.same(w.get(anna), w.model.versions[2])
	w.searched(q, nil)
}

func testExpect(w *world) {
	g := newGenerator(3, 3)
	w.commit(g.write(anna, 0, w.tick()))
	changes, _ := w.store.Logs()
	before, err := changes.Size(w.Context())
	w.check(err)
	for _, expect := range []int64{0, 2, -1, 100} {
		w.wantChanged(w.try(g.write(anna, expect, w.tick())))
	}
	w.wantChanged(w.try(g.write(fhir.Ref{Type: "Patient", ID: "ben"}, 1, w.tick())))
	w.wantChanged(w.try(g.write(fhir.Ref{Type: "Device", ID: "1"}, 4, w.tick())))
	after, err := changes.Size(w.Context())
	w.check(err)
	if before != after {
		w.Errorf("the change log grew from %d to %d", before, after)
	}
	w.same(w.get(anna), w.model.versions[0])
	w.searched(&search.Query{Type: "Patient", Where: search.All{}}, nil)
}

func testAtomic(w *world) {
	g := newGenerator(4, 3)
	ben := fhir.Ref{Type: "Patient", ID: "ben"}
	w.commit(g.write(anna, 0, w.tick()))
	w.wantChanged(w.try(g.write(ben, 0, w.tick()), g.write(anna, 1, w.tick()), g.write(anna, 7, w.tick())))
	if _, err := w.store.Get(w.Context(), ben); !errors.Is(err, store.ErrNotFound) {
		w.Errorf("half of a refused change is there: %v", err)
	}
	w.same(w.get(anna), w.model.versions[0])
	w.commit(g.write(ben, 0, w.tick()), g.write(anna, 1, w.tick()))
	if a, b := w.get(anna), w.get(ben); a.Seq != b.Seq {
		w.Errorf("one change, two entries: %d and %d", a.Seq, b.Seq)
	}
	w.searched(&search.Query{Type: "Patient", Where: search.All{}}, nil)
}

func testGuards(w *world) {
	const clients = 64
	g := newGenerator(5, 3)
	criteria := &search.Query{Type: "Patient", Where: search.All{search.HasKey{Key: "identifier=mrn|7"}}}
	var won, lost atomic.Int64
	var wait sync.WaitGroup
	for i := range clients {
		write := g.write(fhir.Ref{Type: "Patient", ID: fmt.Sprintf("p%d", i)}, 0, w.tick())
		write.Index.Keys = []string{"identifier=mrn|7"}
		c := store.Change{Writes: []store.Write{write}, Guards: []store.Guard{{Query: criteria}}, Entry: w.entry()}
		wait.Go(func() {
			switch _, err := w.store.Commit(w.Context(), c); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, store.ErrChanged):
				lost.Add(1)
			default:
				w.Error(err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 || lost.Load() != clients-1 {
		w.Errorf("%d creates won and %d lost", won.Load(), lost.Load())
	}
	page, err := w.store.Search(w.Context(), store.Search{Query: criteria, Limit: 10, Count: true})
	w.check(err)
	if page.Total != 1 {
		w.Errorf("%d resources match", page.Total)
	}
}

func testLeft(w *world) {
	g := newGenerator(7, 3)
	w.commit(g.write(anna, 0, w.tick()))
	w.commit(g.write(anna, 1, w.tick()))
	for i, version := range []int64{1, 2, 3} {
		write := g.write(fhir.Ref{Type: "Patient", ID: fmt.Sprintf("other%d", i)}, 0, w.tick())
		guards := []store.Guard{store.Unchanged(anna, version)}
		_, err := w.store.Commit(w.Context(), store.Change{Writes: []store.Write{write}, Guards: guards, Entry: w.entry()})
		if holds := version == 2; holds != (err == nil) || !holds && !errors.Is(err, store.ErrChanged) {
			w.Errorf("version %d: %v", version, err)
		}
	}
}

func testGuardVisible(w *world) {
	g := newGenerator(6, 3)
	hidden := g.write(anna, 0, w.tick())
	hidden.Owner, hidden.Index.Keys = "other", []string{"identifier=mrn|7"}
	w.commit(hidden)
	criteria := &search.Query{Type: "Patient", Where: search.All{search.HasKey{Key: "identifier=mrn|7"}}}
	ben := fhir.Ref{Type: "Patient", ID: "ben"}
	write := g.write(ben, 0, w.tick())
	write.Owner, write.Index.Keys = Organization, []string{"identifier=mrn|7"}
	commit := func(visible store.Visible, want ...fhir.Ref) error {
		guard := store.Guard{Query: criteria, Visible: visible, Want: want}
		_, err := w.store.Commit(w.Context(), store.Change{Writes: []store.Write{write}, Guards: []store.Guard{guard}, Entry: w.entry()})
		return err
	}
	w.wantChanged(commit(nil))
	w.check(commit(hideOthers))
	write.Expect = 1
	w.wantChanged(commit(hideOthers))
	w.wantChanged(commit(nil, ben))
	w.check(commit(nil, ben, anna))
}

func testIsolation(w *world) {
	const clients = 200
	g := newGenerator(7, 3)
	changes, _ := w.store.Logs()
	seqs := make([]int64, clients)
	var wait sync.WaitGroup
	for i := range clients {
		ref := fhir.Ref{Type: "Observation", ID: fmt.Sprintf("o%d", i)}
		write := g.write(ref, int64(i%3/2), w.tick()) // every third expects a version that is not there
		c := store.Change{Writes: []store.Write{write}, Entry: w.entry()}
		wait.Go(func() {
			r, err := w.store.Commit(w.Context(), c)
			seqs[i] = r.Seq
			if wrong := i%3 == 2; wrong != errors.Is(err, store.ErrChanged) || !wrong && err != nil {
				w.Errorf("commit %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	good := int64(0)
	seen := map[int64]bool{}
	for i := range clients {
		_, err := w.store.Get(w.Context(), fhir.Ref{Type: "Observation", ID: fmt.Sprintf("o%d", i)})
		if found := err == nil; found != (i%3 != 2) {
			w.Errorf("resource %d: %v", i, err)
		}
		if i%3 != 2 {
			good++
			seen[seqs[i]] = true
		}
	}
	size, err := changes.Size(w.Context())
	w.check(err)
	if size != good || int64(len(seen)) != good {
		w.Errorf("log has %d rows, %d different receipts for %d changes", size, len(seen), good)
	}
}

func testCancelled(w *world) {
	g := newGenerator(8, 3)
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	_, err := w.store.Commit(ctx, store.Change{Writes: []store.Write{g.write(anna, 0, w.tick())}, Entry: w.entry()})
	if err == nil {
		w.Error("a cancelled change was accepted")
	}
	if _, err := w.store.Get(w.Context(), anna); !errors.Is(err, store.ErrNotFound) {
		w.Errorf("a cancelled change was written: %v", err)
	}
}
