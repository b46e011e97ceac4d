package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// ownHouse is a house whose gate has the store itself, as a node has.
func ownHouse(t *testing.T) *house {
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Organization: "hospital", Node: "n1", Base: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := houseOver(t, s)
	h.Store = s
	return h
}

func grantRow(key string, version int64) store.Kept {
	k := store.Kept{Space: store.GrantSpace, Key: key, Version: version}
	if version == 0 {
		k.Value = []byte("{}")
	}
	return k
}

// authorizations tells the entries of authorizations since the last call.
func (h *house) events() func() []string {
	next := int64(0)
	return func() (all []string) {
		changes, _ := h.Store.Logs()
		size, err := changes.Size(h.Context())
		if err == nil {
			err = changes.Rows(h.Context(), next, size, func(row ledgerbridge.Row) error {
				e, err := ledgerbridge.ParseEntry(row.Entry)
				all = append(all, fmt.Sprintf("%s %d %s %s %s %s", e.Decision, e.Outcome, e.Interaction, e.Reason, e.Client, e.Purpose))
				return err
			})
		}
		if next = size; err != nil {
			h.Fatal(err)
		}
		return all
	}
}

// What the authorization server does is decided, recorded in the change log and kept in
// one transaction; what the policy refuses is recorded and not kept.
func TestAuthorizationsAreDecidedRecordedAndKept(t *testing.T) {
	h := ownHouse(t)
	told := h.events()
	c := h.as(agent.Practitioner, "TREAT")
	c.Agent.Client = "app"
	row := grantRow("g", 0)
	if err := h.Authorize(t.Context(), c, Authorization{Interaction: "authorize", Detail: "scope=x", Keep: []store.Kept{row}}); err != nil || len(c.Receipts) != 1 {
		t.Fatal(err, c.Receipts)
	}
	if _, err := h.Store.Kept(t.Context(), store.GrantSpace, "g"); err != nil {
		t.Error(err)
	}
	if err := h.Authorize(t.Context(), c, Authorization{Interaction: "authorize", Keep: []store.Kept{row}}); !errors.Is(err, store.ErrChanged) {
		t.Errorf("a row was kept twice: %v", err)
	}
	forbiddenCall := h.as(agent.Practitioner, "BTG")
	err := h.Authorize(t.Context(), forbiddenCall, Authorization{Interaction: "authorize", Keep: []store.Kept{grantRow("no", 0)}})
	if kindOf(err) != fhir.Forbidden {
		t.Errorf("break-glass: %v", err)
	}
	if _, err := h.Store.Kept(t.Context(), store.GrantSpace, "no"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what the policy refuses is kept: %v", err)
	}
	nobody := &Call{Request: "r", Address: "10.0.0.1"}
	refused := Authorization{Interaction: "token", Detail: "client_id=x", Refused: "code-unknown", Status: 400, Keep: []store.Kept{grantRow("g", 1)}}
	if err := h.Authorize(t.Context(), nobody, refused); err != nil {
		t.Errorf("a refusal: %v", err)
	}
	if _, err := h.Store.Kept(t.Context(), store.GrantSpace, "g"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a refusal that ends a grant left it: %v", err)
	}
	want := []string{"permit 200 authorize authorization app TREAT", "deny 400 token code-unknown  "}
	if got := told(); !slices.Equal(got, want) {
		t.Errorf("entries %q, want %q", got, want)
	}
}

// A node that takes no changes authorizes nothing; what it refuses is still recorded.
func TestAuthorizationsNeedANodeThatTakesChanges(t *testing.T) {
	h := ownHouse(t)
	h.Writable = func() error { return &fhir.Error{Kind: fhir.Unavailable, Detail: "no changes"} }
	err := h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), Authorization{Interaction: "token", Keep: []store.Kept{grantRow("g", 0)}})
	if _, missing := h.Store.Kept(t.Context(), store.GrantSpace, "g"); kindOf(err) != fhir.Unavailable || missing == nil {
		t.Errorf("%v, %v", err, missing)
	}
}

// A grant that ended ends the next request with 401, whether it reads rows or none, and
// that is recorded as a refusal.
func TestGrantsEndWithTheNextRequest(t *testing.T) {
	h := ownHouse(t)
	h.put(patientDoc("seen"))
	told := h.told()
	told()
	keep := func(k store.Kept) {
		t.Helper()
		if err := h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), Authorization{Interaction: "authorize", Keep: []store.Kept{k}}); err != nil {
			t.Fatal(err)
		}
	}
	requests := map[string]func(*Call) error{
		"read": func(c *Call) error {
			_, err := h.Read(t.Context(), c, ref("Patient/seen"))
			return err
		},
		"no rows": func(c *Call) error { return h.Operate(t.Context(), c, "metrics") },
		"search":  func(c *Call) error { return searchFor("Observation", "patient=none")(h, c) },
	}
	for name, ask := range requests {
		role, purpose := agent.Practitioner, "TREAT"
		if name == "no rows" {
			role, purpose = agent.Administrator, "HOPERAT"
		}
		call := func() *Call {
			c := h.as(role, purpose)
			c.Agent.Grant = "g"
			return c
		}
		told()
		if err := ask(call()); kindOf(err) != fhir.Unauthenticated {
			t.Errorf("%s, before there is a grant: %v", name, err)
		}
		keep(grantRow("g", 0))
		for range 2 { // the second time from memory
			if err := ask(call()); err != nil {
				t.Errorf("%s, with the grant: %v", name, err)
			}
		}
		keep(grantRow("other", 0))
		keep(grantRow("other", 1)) // raises the epoch, and leaves this one
		if err := ask(call()); err != nil {
			t.Errorf("%s, after the end of another: %v", name, err)
		}
		keep(grantRow("g", 1))
		if err := ask(call()); kindOf(err) != fhir.Unauthenticated {
			t.Errorf("%s, after the end: %v", name, err)
		}
		all := told()
		if last := all[len(all)-1]; len(last) < 8 || last[:8] != "deny 401" {
			t.Errorf("%s: the refusal is recorded as %q", name, last)
		}
	}
}

// sharedStore is a store that another node writes to, too: what is judged is checked in
// the record's transaction only.
type sharedStore struct {
	store.Store
	judged    []store.Judged
	meanwhile func() // happens before the next record
}

func (s *sharedStore) Record(ctx context.Context, p *ledgerbridge.Pending, j store.Judged) (ledgerbridge.Receipt, error) {
	if do := s.meanwhile; do != nil {
		s.meanwhile = nil
		do()
	}
	s.judged = append(s.judged, j)
	keys, _, err := s.ConsentChanges(ctx, j.Epoch)
	if err != nil || slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(j.Keys, k) }) {
		return ledgerbridge.Receipt{}, errors.Join(err, store.ErrChanged)
	}
	return s.Store.Record(ctx, p, store.Judged{})
}

// What another node ended is found in the transaction of the record, at no command of its
// own, and the request is judged again: 401.
func TestGrantsThatAnotherNodeEnded(t *testing.T) {
	h := ownHouse(t)
	s := &sharedStore{Store: h.Store}
	h.Store = s
	h.put(patientDoc("seen"))
	end := func(k store.Kept) {
		if err := h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), Authorization{Interaction: "revoke", Keep: []store.Kept{k}}); err != nil {
			t.Fatal(err)
		}
	}
	end(grantRow("g", 0))
	ask := func(read bool) error {
		c := h.as(agent.Practitioner, "TREAT")
		c.Agent.Grant = "g"
		if !read {
			return searchFor("Observation", "patient=none")(h, c)
		}
		_, err := h.Read(t.Context(), c, ref("Patient/seen"))
		return err
	}
	if err := errors.Join(ask(false), ask(true)); err != nil {
		t.Fatal(err)
	}
	last := s.judged[len(s.judged)-1]
	if !slices.Contains(last.Keys, store.GrantKey("g")) {
		t.Errorf("the record rests on %q", last.Keys)
	}
	end(grantRow("g", 1))
	for range 2 {
		if err := ask(false); kindOf(err) != fhir.Unauthenticated {
			t.Errorf("after the end: %v", err)
		}
	}
	if err := ask(true); kindOf(err) != fhir.Unauthenticated {
		t.Errorf("after the end: %v", err)
	}
}

// The record of an authorization names the patient to whose data it gives access.
func TestAuthorizationsNameThePatient(t *testing.T) {
	h := ownHouse(t)
	h.put(patientDoc("seen"))
	c := h.as(agent.Practitioner, "TREAT")
	if err := h.Authorize(t.Context(), c, Authorization{Interaction: "authorize", Patient: "Patient/seen"}); err != nil {
		t.Fatal(err)
	}
	changes, _ := h.Store.Logs()
	found, err := changes.Find(t.Context(), ledgerbridge.Filter{Patient: h.Sealer.PatientPseudonym("Patient/seen")}, 10)
	if err != nil || len(found) != 2 { // her document, and this
		t.Errorf("%d entries name her: %v", len(found), err)
	}
	if err := h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), Authorization{Interaction: "break-glass", Patients: []string{"Patient/a", "Patient/seen"}}); err != nil {
		t.Fatal(err)
	}
	found, err = changes.Find(t.Context(), ledgerbridge.Filter{Patient: h.Sealer.PatientPseudonym("Patient/seen")}, 10)
	if err != nil || len(found) != 3 {
		t.Errorf("%d entries name her, one among several: %v", len(found), err)
	}
}

// What rests on a grant that ended cannot make anything new.
func TestEndedGrantsAuthorizeNothing(t *testing.T) {
	h := ownHouse(t)
	c := h.as(agent.Practitioner, "TREAT")
	c.Agent.Grant = "gone"
	err := h.Authorize(t.Context(), c, Authorization{Interaction: "launch", Keep: []store.Kept{{Space: "launch", Key: "l", Value: []byte("{}")}}})
	if _, missing := h.Store.Kept(t.Context(), "launch", "l"); kindOf(err) != fhir.Unauthenticated || missing == nil {
		t.Errorf("%v, %v", err, missing)
	}
}

// A row with a newer epoch than the grant was read at has the grant looked up again.
func TestGrantsAreAsNewAsTheRows(t *testing.T) {
	h := ownHouse(t)
	h.put(patientDoc("seen"))
	if err := h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), Authorization{Interaction: "authorize", Keep: []store.Kept{grantRow("g", 0)}}); err != nil {
		t.Fatal(err)
	}
	h.Store = struct{ store.Store }{h.Store} // which does not say its epoch, and does not check what is judged
	ask := func() error {
		c := h.as(agent.Practitioner, "TREAT")
		c.Agent.Grant = "g"
		_, err := h.Read(t.Context(), c, ref("Patient/seen"))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := h.Authorize(t.Context(), h.as(agent.Practitioner, "TREAT"), Authorization{Interaction: "revoke", Keep: []store.Kept{grantRow("g", 1)}}); err != nil {
		t.Fatal(err)
	}
	if err := ask(); kindOf(err) != fhir.Unauthenticated {
		t.Errorf("after the end: %v", err)
	}
}
