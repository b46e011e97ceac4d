package access

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// staleStore is a store whose first reads come from a server that was deposed before
// the last Consent was written: only the store's transactions reach the primary.
type staleStore struct {
	store.Store
	stale   int   // so many reads are old
	epoch   int64 // at the primary; one less for old reads
	changed []string
	log     *logtest.Log
	reads   int
}

// seen is the epoch of what is read now.
func (s *staleStore) seen() int64 {
	if s.reads <= s.stale {
		return s.epoch - 1
	}
	return s.epoch
}

func (s *staleStore) Get(_ context.Context, ref fhir.Ref) (Version, error) {
	s.reads++
	return Version{Ref: ref, Version: 1, Body: []byte("{}"), Facts: fhir.Facts{Patients: []string{"Patient/1"}}, Epoch: s.seen()}, nil
}

func (s *staleStore) Consents(context.Context, string) (list []store.Version, epoch int64, err error) {
	if s.seen() == s.epoch {
		list = []store.Version{{Ref: fhir.Ref{Type: "Consent", ID: "c"}, Version: 1, Body: []byte(denial)}}
	}
	return list, s.seen(), nil
}

func (s *staleStore) ConsentChanges(context.Context, int64) ([]string, int64, error) {
	return s.changed, s.epoch, nil
}

func (s *staleStore) Record(_ context.Context, p *ledgerbridge.Pending, j store.Judged) (ledgerbridge.Receipt, error) {
	if j.Epoch < s.epoch && slices.ContainsFunc(j.Keys, func(key string) bool { return slices.Contains(s.changed, key) }) {
		return ledgerbridge.Receipt{}, store.ErrChanged
	}
	row, err := s.log.Append(p)
	return row.Receipt(s.log.Source()), err
}

const denial = `{"resourceType":"Consent","id":"c","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"patient":{"reference":"Patient/1"},"provision":{"type":"deny"}}`

type forbids struct{}

func (forbids) Decide(context.Context, policy.Input) (policy.Decision, error) {
	return policy.Decision{Allow: true, Reason: "treatment", Consent: "forbids"}, nil
}

func staleGate(t *testing.T, s *staleStore) *Gate {
	t.Helper()
	s.log = logtest.New("hospital/n2/accesses.0")
	secret := ledgerbridge.Secret{ID: "k", Key: make([]byte, 32)}
	rand.Read(secret.Key)
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "hospital", Node: "n2", Pseudonyms: secret, Requests: []ledgerbridge.Secret{secret}, Parts: &logtest.Keys{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{
		Store: s, Policy: forbids{}, Consents: consent.NewRegistry(finder{s}), Sealer: sealer, Organization: "hospital",
		Node: "n2", Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

// An answer that rests on Consents as they were is discarded, whatever was about to
// be disclosed, and leaves no record.
func TestOvertakenAnswerIsDiscarded(t *testing.T) {
	s := &staleStore{stale: 1, epoch: 8, changed: []string{"Patient/9", "Patient/1"}}
	g, c := staleGate(t, s), &Call{}
	v, err := g.Read(t.Context(), c, fhir.Ref{Type: "Observation", ID: "o"})
	if v != nil || kindOf(err) != fhir.NotFound {
		t.Fatalf("what a Consent denies was read: %v, %v", v, err)
	}
	var told []string
	_ = s.log.Rows(t.Context(), 0, 9, func(row ledgerbridge.Row) error {
		e, err := ledgerbridge.ParseEntry(row.Entry)
		told = append(told, fmt.Sprintln(e.Decision, e.Outcome, e.Reason))
		return err
	})
	if len(told) != 1 || len(c.Receipts) != 1 || !strings.HasPrefix(told[0], "deny 404 ") {
		t.Errorf("records: %q", told)
	}
}

// A Consent of somebody else changes nothing; one that goes on changing ends the
// request instead of guessing.
func TestOthersConsentsDoNotMatter(t *testing.T) {
	s := &staleStore{stale: 1, epoch: 8, changed: []string{"Patient/9"}}
	if v, err := staleGate(t, s).Read(t.Context(), &Call{}, fhir.Ref{Type: "Observation", ID: "o"}); v == nil || err != nil || s.reads != 1 {
		t.Errorf("%v, %v after %d reads", v, err, s.reads)
	}
	s = &staleStore{stale: 1 << 20, epoch: 8, changed: []string{"Patient/1"}}
	if v, err := staleGate(t, s).Read(t.Context(), &Call{}, fhir.Ref{Type: "Observation", ID: "o"}); v != nil || kindOf(err) != fhir.Unavailable {
		t.Errorf("without end: %v, %v", v, err)
	}
}
