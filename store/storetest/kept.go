package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aceso-health/aceso/store"
)

// keep commits kept rows.
func (w *world) keep(all ...store.Kept) error {
	_, err := w.store.Commit(w.Context(), store.Change{Keep: all, Entry: w.entry()})
	return err
}

// wantKept fails unless a row has this version and value; version 0: there is none.
func (w *world) wantKept(space, key string, version int64, value string) {
	w.Helper()
	k, err := w.store.Kept(w.Context(), space, key)
	switch {
	case version == 0 && !errors.Is(err, store.ErrNotFound):
		w.Errorf("%s %s: %+v %v, want none", space, key, k, err)
	case version > 0 && (err != nil || k.Version != version || string(k.Value) != value || k.Space != space || k.Key != key):
		w.Errorf("%s %s: %+v %v, want version %d of %q", space, key, k, err, version, value)
	}
}

func testKept(w *world) {
	w.wantKept("code", "a", 0, "")
	w.check(w.keep(store.Kept{Space: "code", Key: "a", Value: []byte("1")}, store.Kept{Space: "client", Key: "a", Value: []byte("{}")}))
	w.wantKept("code", "a", 1, "1")
	w.wantKept("client", "a", 1, "{}")
	before := w.sizes()
	w.wantChanged(w.keep(store.Kept{Space: "code", Key: "a", Value: []byte("2")}))             // there is one
	w.wantChanged(w.keep(store.Kept{Space: "code", Key: "a", Value: []byte("2"), Version: 2})) // it is another
	w.wantChanged(w.keep(store.Kept{Space: "code", Key: "b", Value: []byte("2"), Version: 1})) // there is none
	w.wantChanged(w.keep(store.Kept{Space: "code", Key: "c", Value: []byte("2")}, store.Kept{Space: "code", Key: "a"}))
	w.wantKept("code", "c", 0, "")
	if now := w.sizes(); now != before {
		w.Errorf("changes that failed left entries: %v, then %v", before, now)
	}
	w.check(w.keep(store.Kept{Space: "code", Key: "a", Value: []byte("2"), Version: 1}))
	w.wantKept("code", "a", 2, "2")
	w.check(w.keep(store.Kept{Space: "code", Key: "a", Version: 2}))
	w.wantKept("code", "a", 0, "")
	w.wantChanged(w.keep(store.Kept{Space: "code", Key: "a", Version: 2}))
	w.check(w.keep(store.Kept{Space: "code", Key: "a", Value: []byte("3")}))
	for _, bad := range []store.Kept{{Key: "a"}, {Space: "code"}, {Space: "a/b", Key: "c"}, {Space: "code", Key: "z", Value: bytes.Repeat([]byte("x"), store.MostKept+1)}} {
		if w.keep(bad) == nil {
			w.Errorf("a row of space %q and key %q was kept", bad.Space, bad.Key)
		}
	}
	if w.keep(store.Kept{Space: "code", Key: "t", Value: []byte("1")}, store.Kept{Space: "code", Key: "t", Value: []byte("2")}) == nil {
		w.Error("a row was written twice at once")
	}
	for i := range 7 {
		w.check(w.keep(store.Kept{Space: "client", Key: fmt.Sprint(i), Value: []byte("v")}))
	}
	var keys []string
	for after := ""; ; after = keys[len(keys)-1] {
		page, err := w.store.EachKept(w.Context(), "client", after, 3)
		w.check(err)
		if len(page) == 0 {
			break
		}
		for _, k := range page {
			keys = append(keys, k.Key)
		}
	}
	if want := []string{"0", "1", "2", "3", "4", "5", "6", "a"}; !slices.Equal(keys, want) {
		w.Errorf("all clients are %q, want %q", keys, want)
	}
}

// testKeptExpire uses the clock of the store, which is the real one.
func testKeptExpire(w *world) {
	past, later := time.Now().Add(-time.Second), time.Now().Add(time.Hour)
	w.check(w.keep(
		store.Kept{Space: "jti", Key: "old", Value: []byte("1"), Expires: past}, store.Kept{Space: "jti", Key: "older", Value: []byte("1"), Expires: past.Add(-time.Hour)},
		store.Kept{Space: "jti", Key: "new", Value: []byte("1"), Expires: later}, store.Kept{Space: "jti", Key: "ever", Value: []byte("1")}))
	w.wantKept("jti", "old", 0, "")
	w.wantKept("jti", "new", 1, "1")
	if k, err := w.store.Kept(w.Context(), "jti", "new"); err != nil || k.Expires.UnixMilli() != later.UnixMilli() {
		w.Errorf("expires %v, want %v: %v", k.Expires, later, err)
	}
	page, err := w.store.EachKept(w.Context(), "jti", "", 10)
	if err != nil || len(page) != 2 {
		w.Errorf("%d rows, want 2: %v", len(page), err)
	}
	w.check(w.keep(store.Kept{Space: "jti", Key: "old", Value: []byte("2"), Expires: later})) // as if there were none
	w.wantKept("jti", "old", 1, "2")
	w.wantChanged(w.keep(store.Kept{Space: "jti", Key: "older", Value: []byte("2"), Version: 1}))
	for i, want := range []int{1, 0} {
		if n, err := w.store.SweepKept(w.Context(), 10); n != want || err != nil {
			w.Errorf("sweep %d removed %d rows, want %d: %v", i, n, want, err)
		}
	}
	w.wantKept("jti", "new", 1, "1")
	w.wantKept("jti", "ever", 1, "1")
}

// testKeptTogether has many who want the same row: one gets it.
func testKeptTogether(w *world) {
	var won atomic.Int64
	var wait sync.WaitGroup
	for i := range 64 {
		entry := w.entry()
		wait.Go(func() {
			_, err := w.store.Commit(w.Context(), store.Change{Entry: entry, Keep: []store.Kept{
				{Space: "jti", Key: fmt.Sprint(i % 4), Value: []byte("1")}, {Space: "own", Key: fmt.Sprint(i), Value: []byte("1")}}})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, store.ErrChanged) {
				w.Error(err)
			}
		})
	}
	wait.Wait()
	own, err := w.store.EachKept(w.Context(), "own", "", 100)
	if won.Load() != 4 || len(own) != 4 || err != nil || w.sizes()[0] != 4 {
		w.Errorf("%d won, %d rows and %d entries, want 4: %v", won.Load(), len(own), w.sizes()[0], err)
	}
}

func testGrantEnds(w *world) {
	w.check(w.keep(store.Kept{Space: store.GrantSpace, Key: "g", Value: []byte("1")}, store.Kept{Space: "code", Key: "g", Value: []byte("1")}))
	first := w.epoch()
	k, err := w.store.Kept(w.Context(), store.GrantSpace, "g")
	if err != nil || k.Epoch != first {
		w.Errorf("read as of epoch %d, want %d: %v", k.Epoch, first, err)
	}
	w.check(w.keep(store.Kept{Space: store.GrantSpace, Key: "g", Value: []byte("2"), Version: 1}, store.Kept{Space: "code", Key: "g", Version: 1}))
	if w.epoch() != first {
		w.Error("to change a grant, or to end a code, raised the epoch")
	}
	w.check(w.keep(store.Kept{Space: store.GrantSpace, Key: "g", Version: 2}))
	keys, epoch, err := w.store.ConsentChanges(w.Context(), first)
	if err != nil || epoch != first+1 || !slices.Equal(keys, []string{store.GrantKey("g")}) {
		w.Errorf("since the grant ended: %q, epoch %d: %v", keys, epoch, err)
	}
	w.check(w.keep(store.Kept{Space: store.EmergencySpace, Key: "e", Value: []byte("1")}))
	if k, err := w.store.Kept(w.Context(), store.EmergencySpace, "e"); err != nil || k.Epoch != epoch {
		w.Errorf("an emergency is read as of epoch %d, want %d: %v", k.Epoch, epoch, err)
	}
	w.check(w.keep(store.Kept{Space: store.EmergencySpace, Key: "e", Version: 1}))
	if keys, epoch, err = w.store.ConsentChanges(w.Context(), epoch); err != nil || epoch != first+2 || !slices.Equal(keys, []string{store.EmergencyKey("e")}) {
		w.Errorf("since the emergency ended: %q, epoch %d: %v", keys, epoch, err)
	}
	if alone, ok := w.store.(store.Alone); ok && alone.Epoch() != epoch {
		w.Errorf("the epoch is said to be %d, want %d", alone.Epoch(), epoch)
	}
	w.commit(w.consent(newGenerator(708, 5), "1", 0, "Patient/anna"))
	if alone, ok := w.store.(store.Alone); ok && alone.Epoch() != w.epoch() {
		w.Errorf("the epoch is said to be %d, want %d", alone.Epoch(), w.epoch())
	}
}

func testGrantEndsElsewhere(w, other *world) {
	w.check(w.keep(store.Kept{Space: store.GrantSpace, Key: "g", Value: []byte("1")}, store.Kept{Space: store.GrantSpace, Key: "h", Value: []byte("1")}))
	before := w.epoch()
	w.check(other.keep(store.Kept{Space: store.GrantSpace, Key: "g", Version: 1}))
	w.wantKept(store.GrantSpace, "g", 0, "")
	w.wantChanged(w.judge(store.Judged{Keys: []string{store.GrantKey("g")}, Epoch: before}))
	w.check(w.judge(store.Judged{Keys: []string{store.GrantKey("h")}, Epoch: before}))
	w.check(w.keep(store.Kept{Space: store.EmergencySpace, Key: "e", Value: []byte("1")}))
	before = w.epoch()
	w.check(other.keep(store.Kept{Space: store.EmergencySpace, Key: "e", Version: 1}))
	w.wantKept(store.EmergencySpace, "e", 0, "")
	w.wantChanged(w.judge(store.Judged{Keys: []string{store.EmergencyKey("e")}, Epoch: before}))
}

func testKeptElsewhere(w, other *world) {
	var won atomic.Int64
	var wait sync.WaitGroup
	for i := range 40 {
		by := []*world{w, other}[i%2]
		entry := by.entry()
		wait.Go(func() {
			_, err := by.store.Commit(by.Context(), store.Change{Entry: entry, Keep: []store.Kept{{Space: "jti", Key: fmt.Sprint(i / 4), Value: []byte("1")}}})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, store.ErrChanged) {
				w.Error(err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 10 {
		w.Errorf("%d won, want 10", won.Load())
	}
}
