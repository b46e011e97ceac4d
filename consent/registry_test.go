package consent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// shelf is a store of Consents in memory: every write has the next epoch.
type shelf struct {
	mu       sync.Mutex
	epoch    int64
	consents map[string][]Found
	written  map[string]int64 // epoch of the last write of a patient
	lag      int64            // answers as if so many epochs were not seen yet
	err      error
	reads    atomic.Int64
	during   func() // runs between reading and answering
}

func newShelf() *shelf {
	return &shelf{consents: map[string][]Found{}, written: map[string]int64{}}
}

// write replaces the one Consent of a patient and returns the epoch of the write.
func (s *shelf) write(patient, root string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.written[patient] = s.epoch
	ref := fhir.Ref{Type: "Consent", ID: strings.ReplaceAll(patient, "/", "-")}
	s.consents[patient] = []Found{{Ref: ref, Version: s.epoch, Body: body(privacy(root))}}
	return s.epoch
}

func (s *shelf) Consents(_ context.Context, patient string) ([]Found, int64, error) {
	s.reads.Add(1)
	s.mu.Lock()
	list, at, err, during := s.consents[patient], s.epoch-s.lag, s.err, s.during
	s.mu.Unlock()
	if during != nil {
		during()
	}
	return list, at, err
}

func (s *shelf) ConsentChanges(_ context.Context, since int64) ([]string, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var patients []string
	for p, at := range s.written {
		if at > since && at <= s.epoch-s.lag {
			patients = append(patients, p)
		}
	}
	return patients, s.epoch - s.lag, s.err
}

// EachConsent gives a portion per patient; during runs after each.
func (s *shelf) EachConsent(_ context.Context, visit func([]Found, int64) error) error {
	s.mu.Lock()
	at, err, during := s.epoch-s.lag, s.err, s.during
	patients := slices.Sorted(maps.Keys(s.consents))
	s.mu.Unlock()
	err = errors.Join(err, visit(nil, at))
	for _, p := range patients {
		s.mu.Lock()
		list, at := slices.Clone(s.consents[p]), s.epoch-s.lag
		s.mu.Unlock()
		for i := range list {
			list[i].Patients = []string{p}
		}
		if err == nil {
			err = visit(list, at)
		}
		if during != nil {
			during()
		}
	}
	return err
}

const allow, refuse = `'type':'permit'`, `'type':'deny'`

func verdict(t *testing.T, r *Registry, patient string, epoch int64) Verdict {
	t.Helper()
	rules, err := r.Rules(context.Background(), patient, epoch)
	if err != nil {
		t.Fatal(err)
	}
	v, _, _ := Evaluate(rules, clinician, observation())
	return v
}

func TestRegistryFollowsWrites(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	if v := verdict(t, r, "Patient/1", 0); v != Silent {
		t.Errorf("no Consent: %v", v)
	}
	first := s.write("Patient/1", allow)
	if v := verdict(t, r, "Patient/1", first); v != Permit {
		t.Errorf("after the first Consent: %v", v)
	}
	second := s.write("Patient/1", refuse)
	if v := verdict(t, r, "Patient/1", second); v != Deny {
		t.Errorf("after the change: %v", v)
	}
	if v := verdict(t, r, "Patient/1", first); v != Deny {
		t.Errorf("a row of an older snapshot: %v, want what is known since", v)
	}
}

func TestRegistryReadsOnce(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	at := s.write("Patient/1", allow)
	for range 5 {
		verdict(t, r, "Patient/1", at)
	}
	for i := range 50 {
		at = s.write(fmt.Sprint("Patient/other", i), refuse)
		verdict(t, r, "Patient/1", at)
	}
	if n := s.reads.Load(); n != 1 {
		t.Errorf("%d reads of one unchanged patient", n)
	}
	verdict(t, r, "Patient/1", s.write("Patient/1", refuse))
	if n := s.reads.Load(); n != 2 {
		t.Errorf("%d reads after one change", n)
	}
}

// forgetful is a shelf that can not tell what changed since it was made.
type forgetful struct{ *shelf }

func (f forgetful) ConsentChanges(ctx context.Context, since int64) ([]string, int64, error) {
	if since == 0 {
		return nil, 0, errors.New("all changes were asked for")
	}
	return f.shelf.ConsentChanges(ctx, since)
}

// A registry that has just been made does not ask for all changes that there ever were.
func TestRegistryBeginsNow(t *testing.T) {
	s := newShelf()
	s.write("Patient/1", allow)
	s.write("Patient/2", allow)
	r := NewRegistry(forgetful{s})
	before := verdict(t, r, "Patient/1", 2)
	after := verdict(t, r, "Patient/1", s.write("Patient/1", refuse))
	if before == after {
		t.Errorf("the verdict stays %v", after)
	}
}

func TestRegistryRefusesWhatIsTooOld(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	at := s.write("Patient/1", refuse)
	s.lag = 1
	if _, err := r.Rules(context.Background(), "Patient/1", at); err == nil {
		t.Error("rules of a snapshot before the row's")
	}
	s.lag, s.err = 0, errors.New("disk")
	if _, err := r.Rules(context.Background(), "Patient/1", at); !errors.Is(err, s.err) {
		t.Errorf("error %v", err)
	}
	s.err = nil
	if v := verdict(t, r, "Patient/1", at); v != Deny {
		t.Errorf("after recovery: %v", v)
	}
}

// A write between reading and keeping must not leave the older rules behind, not
// even when somebody else has caught up with it in between.
func TestRegistryWriteDuringRead(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	first := s.write("Patient/1", allow)
	s.during = func() {
		s.during = nil
		verdict(t, r, "Patient/2", s.write("Patient/1", refuse))
	}
	if v := verdict(t, r, "Patient/1", first); v != Permit {
		t.Errorf("for the row read before the write: %v", v)
	}
	if v := verdict(t, r, "Patient/1", first+1); v != Deny {
		t.Errorf("for a row read after the write: %v", v)
	}
}

func TestRegistryIsBounded(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	r.limit = 10
	for i := range 100 {
		p := fmt.Sprint("Patient/", i)
		if v := verdict(t, r, p, s.write(p, allow)); v != Permit {
			t.Errorf("%s: %v", p, v)
		}
	}
	if n := len(r.entries); n != 10 {
		t.Errorf("%d entries", n)
	}
}

func TestRegistryTellsOfDefects(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	var told []string
	r.Defect = func(ref fhir.Ref, version int64, err error) {
		told = append(told, fmt.Sprint(ref, version, err != nil))
	}
	at := s.write("Patient/1", allow+`,'modifierExtension':[{'url':'u'}]`)
	if v := verdict(t, r, "Patient/1", at); v != ImplicitDeny {
		t.Errorf("%v", v)
	}
	verdict(t, r, "Patient/1", s.write("Patient/2", allow))
	if len(told) != 1 || told[0] != "Consent/Patient-1 1 true" {
		t.Errorf("told %q", told)
	}
	verdict(t, r, "Patient/3", s.write("Patient/3", `<TREAT>`)) // a root without type
	if len(told) != 2 {
		t.Errorf("told %q, without the one that can be read in several ways", told)
	}
}

// Writers and readers at once: for a row of a snapshot, the rules show every write
// that the snapshot contains.
func TestRegistryUnderConcurrency(t *testing.T) {
	s := newShelf()
	r := NewRegistry(s)
	r.limit = 5
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			d := rand.New(rand.NewPCG(uint64(w), 1))
			for range 400 {
				s.write(fmt.Sprint("Patient/", d.IntN(8)), allow)
			}
		})
	}
	for w := range 4 {
		readers.Go(func() {
			d := rand.New(rand.NewPCG(uint64(w), 2))
			for range 1500 {
				p := fmt.Sprint("Patient/", d.IntN(8))
				s.mu.Lock()
				snapshot, version := s.epoch, s.written[p]
				s.mu.Unlock()
				rules, err := r.Rules(context.Background(), p, snapshot)
				if err != nil || version > 0 && (len(rules) != 1 || rules[0].Version < version) {
					t.Errorf("%s at %d: %d rules, want version %d or later: %v", p, snapshot, len(rules), version, err)
					return
				}
			}
		})
	}
	writers.Wait()
	readers.Wait()
}

func BenchmarkRegistry(b *testing.B) {
	s := newShelf()
	r := NewRegistry(s)
	at := s.write("Patient/1", allow)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Rules(context.Background(), "Patient/1", at); err != nil {
			b.Fatal(err)
		}
	}
}
