// Package storetest is the suite that every store must pass. It makes its own
// resources, most with index keys by hand, and compares answers with a model in memory
// and with search.Match, the definition of what a search means.
//
// It does not test what only one store has: files, faults, repairs.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Organization and Node are what a store under test must be opened for.
const (
	Organization = "clinic"
	Node         = "n1"
)

// Run runs the suite. open returns an empty store and closes it when its test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range append(cases(), atTimes()...) {
		t.Run(c.name, func(t *testing.T) { c.test(newWorld(t, open(t))) })
	}
}

// testCase is what a store must do.
type testCase struct {
	name string
	test func(*world)
}

func cases() []testCase {
	return []testCase{
		{"a version is read as it was written", testReadBack},
		{"versions go on after a delete", testRecreate},
		{"a wrong expectation changes nothing", testExpect},
		{"a change is written whole or not at all", testAtomic},
		{"of 64 conditional creates one wins", testGuards},
		{"what a change leaves as it is must still be so", testLeft},
		{"a guard sees only what is visible", testGuardVisible},
		{"members of a group fail alone", testIsolation},
		{"panics end their request only", testPanics},
		{"searches and histories end in time", testWork},
		{"conditions are checked again in time", testGuardWork},
		{"conditions are checked again only if something changed", testUnchanged},
		{"a cancelled change is not written", testCancelled},
		{"history is newest first and complete", testHistory},
		{"history is paged without loss", testHistoryPages},
		{"history since and at", testHistoryTimes},
		{"histories pass over what is certainly hidden", testHistoryPasses},
		{"histories judge few of what is hidden", testHistoryJudgesFew},
		{"a later label protects past versions", testLaterLabels},
		{"a later label protects past versions on every page", testProtectedPages},
		{"search agrees with the definition", testSearch},
		{"real queries agree with the definition", testQueries},
		{"searches find what R4 says", testField},
		{"searches find words, places and what codes mean", testMeaning},
		{"a walk over several types shows each resource once", testManyTypes},
		{"prefixes mean what R4 says", testPrefixes},
		{"custom parameters find what they say", testCustom},
		{"what changes while its keys are made keeps them", testRekeyMeanwhile},
		{"resources with very many keys", testLarge},
		{"sorting agrees with the model", testSort},
		{"pages add up to the whole", testPages},
		{"sorted pages examine what they show", testSortedPages},
		{"pages end with their bytes", testBytes},
		{"pages end with the bytes of what they include", testIncludedBytes},
		{"a walk shows what stays exactly once", testWalk},
		{"included resources", testInclude},
		{"included resources, iterated", testIterate},
		{"consents and their epoch", testConsents},
		{"all consents are visited", testEachConsent},
		{"whose consents changed", testConsentChanges},
		{"what is judged now is recorded", testJudgedNow},
		{"who names a Binary is found", testNaming},
		{"judging does not wait for searches", testJudgingSearches},
		{"consents are read inside a search", testConsentsInside},
		{"kept rows are written whole and once", testKept},
		{"kept rows expire", testKeptExpire},
		{"kept rows of many at once", testKeptTogether},
		{"the end of a grant raises the epoch", testGrantEnds},
		{"what is purged is gone, and its hashes stay", testPurge},
		{"a purged version goes on protecting those before it", testPurgeOne},
		{"only what is as it was is purged", testPurgeChanged},
		{"a probe leaves no trace", testProbe},
		{"logs are dense and keep their rows", testLogs},
		{"rows are found by filter", testFind},
		{"tiles are kept", testTiles},
		{"a patient's parts are erased", testErase},
	}
}

// atTimes are the cases about what was.
func atTimes() []testCase {
	return []testCase{
		{"what was current at a time is found as it was", testAt},
	}
}

// world is one store under test with the model of what it should hold.
type world struct {
	*testing.T
	store  store.Store
	sealer *ledgerbridge.Sealer
	now    time.Time
	model  model

	customs *search.Customs // by which documents and queries are made; nil for most tests
}

func newWorld(t *testing.T, s store.Store) *world {
	sealer, err := NewSealer()
	if err != nil {
		t.Fatal(err)
	}
	return &world{T: t, store: s, sealer: sealer, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// NewSealer makes a sealer with fresh keys for Organization and Node.
func NewSealer() (*ledgerbridge.Sealer, error) {
	key := func(id string) ledgerbridge.Secret {
		s := ledgerbridge.Secret{ID: id, Key: make([]byte, 32)}
		rand.Read(s.Key)
		return s
	}
	return ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: Organization, Node: Node, Pseudonyms: key("pseudonyms-1"),
		Requests: []ledgerbridge.Secret{key("requests-1")}, Parts: &partKeys{},
	})
}

// Record prepares the record of a request that touched patients.
func Record(s *ledgerbridge.Sealer, interaction, action string, outcome int, patients ...string) (*ledgerbridge.Pending, error) {
	d := ledgerbridge.Draft{
		Action: action, Interaction: interaction, Agent: "Practitioner/1", Organization: Organization,
		Purpose: "TREAT", Decision: "permit", Outcome: outcome,
	}
	for _, p := range patients {
		d.Patients = append(d.Patients, ledgerbridge.Touched{Patient: p, Items: []ledgerbridge.Item{{Ref: p, Version: 1, Method: "GET"}}})
	}
	return s.Prepare(context.Background(), d)
}

func (w *world) entry() *ledgerbridge.Pending {
	w.Helper()
	p, err := Record(w.sealer, "update", "U", 200)
	w.check(err)
	return p
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// try commits writes without touching the model.
func (w *world) try(writes ...store.Write) error {
	w.Helper()
	_, err := w.store.Commit(w.Context(), store.Change{Writes: writes, Plan: w.customs.Plan(), Entry: w.entry()})
	return err
}

// commit commits writes and tells the model.
func (w *world) commit(writes ...store.Write) ledgerbridge.Receipt {
	w.Helper()
	r, err := w.store.Commit(w.Context(), store.Change{Writes: writes, Plan: w.customs.Plan(), Entry: w.entry()})
	w.check(err)
	w.model.apply(writes, r)
	return r
}

// Now is the clock of searches.
func (w *world) Now() time.Time { return w.now }

// tick advances the clock of the writes.
func (w *world) tick() time.Time {
	w.now = w.now.Add(time.Second)
	return w.now
}

func (w *world) get(ref fhir.Ref) store.Version {
	w.Helper()
	v, err := w.store.Get(w.Context(), ref)
	w.check(err)
	return v
}

// wantChanged fails unless err is ErrChanged.
func (w *world) wantChanged(err error) {
	w.Helper()
	if !errors.Is(err, store.ErrChanged) {
		w.Fatalf("got error %v, want %v", err, store.ErrChanged)
	}
}

// partKeys keeps part keys in memory.
type partKeys struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (k *partKeys) Has(_ context.Context, patient string) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys[patient] != nil, nil
}

func (k *partKeys) Keys(_ context.Context, patients []string) (all []ledgerbridge.Secret, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, patient := range patients {
		if k.keys == nil {
			k.keys = map[string][]byte{}
		}
		if k.keys[patient] == nil {
			k.keys[patient] = make([]byte, 32)
			rand.Read(k.keys[patient])
		}
		all = append(all, ledgerbridge.Secret{ID: patient, Key: k.keys[patient]})
	}
	return all, nil
}

func (k *partKeys) Open(_ context.Context, id string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.keys[id]; ok {
		return key, nil
	}
	return nil, fmt.Errorf("key %s: %w", id, fs.ErrNotExist)
}

func (k *partKeys) Destroy(_ context.Context, patient string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, patient)
	return nil
}
