package purge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/kept/kepttest"
	"github.com/aceso-health/aceso/quorum"
)

// house has versions in memory, newest first.
type house struct {
	*testing.T
	*Purges
	rows     *kepttest.Memory
	versions []Version
	failing  int // steps until one fails; 0: none does
	scrubbed int
	removed  []fhir.Ref
	now      time.Time
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, now: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return h.now }
	h.rows = kepttest.New(clock)
	h.Purges = &Purges{
		Keeper: h.rows, Data: h, Organization: "hospital", Now: clock, Sign: func(_ context.Context, text string, _ []string) (string, error) { return text + "signed", nil },
		Quorum: &quorum.Quorum{Keeper: h.rows, House: "hospital", Now: clock},
	}
	h.add(Version{Ref: ref("Patient/anna"), Version: 1, Patients: []string{"Patient/anna"}, Body: []byte(`{"resourceType":"Patient","name":[{"family":"Quagmire","given":["Zoë"]}],"identifier":[{"system":"urn:m","value":"4711-x"}]}`)})
	for i := range 250 {
		h.add(Version{Ref: ref(fmt.Sprintf("Observation/o%d", i)), Version: 1, Patients: []string{"Patient/anna"}, Body: []byte(`{}`)})
	}
	return h
}

func ref(s string) fhir.Ref {
	r, err := fhir.ParseRef(s)
	if err != nil {
		panic(err)
	}
	return r
}

func (h *house) add(v Version) {
	if v.At.IsZero() {
		v.At = h.now.Add(-time.Hour)
	}
	if v.Owner == "" {
		v.Owner = "hospital"
	}
	h.versions = append([]Version{v}, h.versions...)
}

func (h *house) Look(_ context.Context, _ *kept.Call, _ agent.Agent, _ string, only fhir.Ref, visit func(*Version) error) error {
	for i := range h.versions {
		if only != (fhir.Ref{}) && h.versions[i].Ref != only {
			continue
		}
		if err := visit(&h.versions[i]); err != nil {
			return err
		}
	}
	return nil
}

var errCut = errors.New("the power went")

func (h *house) Remove(ctx context.Context, call *kept.Call, who agent.Agent, s Step) error {
	if h.failing--; h.failing == 0 {
		return errCut
	}
	resources, versions := 0, 0
	for i := range h.versions {
		v := &h.versions[i]
		if slices.Contains(s.Whole, v.Ref) && !v.At.After(s.Until) || v.Ref == s.Ref && v.Version == s.Version {
			v.Purged, v.Body = true, nil
			versions++
		}
	}
	for _, r := range s.Whole {
		if h.newest(r).Purged {
			resources++
			h.removed = append(h.removed, r)
		}
	}
	row, err := s.Row(resources, versions)
	if err != nil {
		return err
	}
	return h.rows.Commit(ctx, call, kept.Event{Interaction: "purge", Agent: who, Patient: s.Patient, Detail: s.Detail}, row)
}

func (h *house) newest(r fhir.Ref) Version {
	return h.versions[slices.IndexFunc(h.versions, func(v Version) bool { return v.Ref == r })]
}

func (h *house) Scrub(context.Context) error { h.scrubbed++; return nil }

func officer(name string) agent.Agent {
	return agent.Agent{Subject: "Practitioner/" + name, Role: agent.PrivacyOfficer, Organization: "hospital", Purpose: "HOPERAT"}
}

// must fails unless there is no error.
func (h *house) must(u *Purge, err error) *Purge {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
	return u
}

func (h *house) refuses(kind fhir.Kind, err error) {
	h.Helper()
	var known *fhir.Error
	if !errors.As(err, &known) || known.Kind != kind {
		h.Errorf("got %v, want a refusal of kind %v", err, kind)
	}
}

// asked is a purge that can be approved.
func (h *house) asked() *Purge {
	h.Helper()
	u := h.must(h.Ask(h.Context(), new(kept.Call), officer("a"), "Patient/anna", "she asked"))
	return h.worked(u, Asked)
}

func (h *house) worked(u *Purge, state string) *Purge {
	h.Helper()
	if err := h.Work(h.Context()); err != nil {
		h.Fatal(err)
	}
	u = h.must(h.Get(h.Context(), new(kept.Call), officer("a"), u.ID))
	if u.State != state {
		h.Fatalf("the purge is %s (%s), want %s", u.State, u.Problem, state)
	}
	return u
}

func (h *house) approve(u *Purge) *Purge {
	h.Helper()
	return h.must(h.Approve(h.Context(), new(kept.Call), officer("b"), u.ID, u.Preview.Digest))
}

// A purge that was killed in the middle goes on, counts each thing once, and takes the
// patient last.
func TestAPurgeGoesOnAfterItWasCutShort(t *testing.T) {
	h := newHouse(t)
	u := h.asked()
	h.approve(u)
	h.failing = 2
	if err := h.Work(t.Context()); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if half := h.must(h.Get(t.Context(), new(kept.Call), officer("a"), u.ID)); half.State != Removing || half.Gone.Resources != resourcesAtOnce {
		t.Fatalf("half-way: %s, %+v", half.State, half.Gone)
	}
	h.add(Version{Ref: ref("Observation/late"), Version: 1, At: h.now.Add(time.Minute), Patients: []string{"Patient/anna"}, Body: []byte(`{}`)})
	u = h.worked(u, Done)
	if u.Gone.Resources != 251 || u.Gone.Versions != 251 || h.scrubbed != 1 {
		t.Errorf("gone %+v, scrubbed %d times", u.Gone, h.scrubbed)
	}
	if last := h.removed[len(h.removed)-1]; last != ref("Patient/anna") {
		t.Errorf("%s went last", last)
	}
	if h.newest(ref("Observation/late")).Purged {
		t.Error("what came after it began has gone, too")
	}
	if !strings.HasPrefix(u.Certificate, CertificateTitle+"\n") || !strings.HasSuffix(u.Certificate, "signed") {
		t.Errorf("certificate %q", u.Certificate)
	}
}

// What is approved is exactly what goes: not what has changed since.
func TestRowsBesideResourcesGoToo(t *testing.T) {
	h := newHouse(t)
	h.Beside = []string{"emergency-case"}
	for key, patient := range map[string]string{"1": "Patient/anna", "2": "Patient/bert", "3": "Patient/anna"} {
		h.rows.Rows["emergency-case/"+key] = kept.Row{Space: "emergency-case", Key: key, Version: 1, Value: []byte(`{"patient":"` + patient + `","reason":"Quagmire fell"}`)}
	}
	u := h.asked()
	h.approve(u)
	h.worked(u, Done)
	for key, stays := range map[string]bool{"1": false, "2": true, "3": false} {
		if _, there := h.rows.Rows["emergency-case/"+key]; there != stays {
			t.Errorf("row %s is there: %t", key, there)
		}
	}
}

func TestWhatChangesAfterApprovalIsApprovedAgain(t *testing.T) {
	h := newHouse(t)
	u := h.asked()
	h.refuses(fhir.Conflict, second(h.Approve(t.Context(), new(kept.Call), officer("b"), u.ID, "other")))
	h.approve(u)
	h.add(Version{Ref: ref("Observation/new"), Version: 1, Patients: []string{"Patient/anna"}, Body: []byte(`{}`)})
	u = h.worked(u, Asked)
	if u.Problem == "" || len(h.removed) > 0 {
		t.Errorf("problem %q, removed %v", u.Problem, h.removed)
	}
	h.approve(u)
	h.worked(u, Done)
}

func second(_ *Purge, err error) error { return err }

func TestPeopleAndStates(t *testing.T) {
	h := newHouse(t)
	u := h.asked()
	h.refuses(fhir.Forbidden, second(h.Approve(t.Context(), new(kept.Call), officer("a"), u.ID, u.Preview.Digest)))
	u = h.must(h.Decide(t.Context(), new(kept.Call), officer("b"), u.ID, nil))
	u = h.worked(u, Asked)
	h.refuses(fhir.Forbidden, second(h.Approve(t.Context(), new(kept.Call), officer("b"), u.ID, u.Preview.Digest))) // has decided what goes
	h.must(h.Approve(t.Context(), new(kept.Call), officer("c"), u.ID, u.Preview.Digest))
	h.worked(u, Done)
	h.refuses(fhir.Conflict, second(h.Drop(t.Context(), new(kept.Call), officer("a"), u.ID)))
	h.refuses(fhir.Conflict, second(h.Decide(t.Context(), new(kept.Call), officer("a"), u.ID, nil)))
	h.refuses(fhir.NotFound, second(h.Ask(t.Context(), new(kept.Call), officer("a"), "Patient/anna", "again")))
	h.refuses(fhir.NotFound, second(h.Ask(t.Context(), new(kept.Call), officer("a"), "Patient/nobody", "x")))
	for _, of := range []string{"Observation/o1", "Patient/anna/_history/0", "Patient/anna/_history/x", "who", ""} {
		h.refuses(fhir.Unprocessable, second(h.Ask(t.Context(), new(kept.Call), officer("a"), of, "x")))
	}
	h.refuses(fhir.Unprocessable, second(h.Ask(t.Context(), new(kept.Call), officer("a"), "Patient/anna", " ")))
	h.refuses(fhir.NotFound, second(h.Get(t.Context(), new(kept.Call), officer("a"), "../purge")))
}

// A hold that begins while a purge goes on stops it, until the hold ends.
func TestAHoldStopsAPurgeHalfway(t *testing.T) {
	h := newHouse(t)
	u := h.asked()
	h.approve(u)
	h.failing = 2
	if err := h.Work(t.Context()); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	hold := func(reason string) {
		t.Helper()
		if err := h.SetHold(t.Context(), new(kept.Call), officer("a"), "Patient/anna", reason); err != nil {
			t.Fatal(err)
		}
	}
	hold("a court")
	before := len(h.removed)
	if u = h.worked(u, Removing); !strings.Contains(u.Problem, "legal hold") || len(h.removed) != before {
		t.Errorf("problem %q, removed %d after %d", u.Problem, len(h.removed), before)
	}
	hold("")
	h.worked(u, Done)
}

// What is also somebody else's, mentions her or is kept by a rule stays, line by line.
func TestWhatStaysIsListed(t *testing.T) {
	h := newHouse(t)
	add := func(name, body string, more ...func(*Version)) {
		v := Version{Ref: ref(name), Version: 1, Body: []byte(body)}
		for _, f := range more {
			f(&v)
		}
		h.add(v)
	}
	of := func(patients ...string) func(*Version) { return func(v *Version) { v.Patients = patients } }
	names := func(binaries ...string) func(*Version) { return func(v *Version) { v.Names = binaries } }
	add("List/shared", `{}`, of("Patient/anna", "Patient/ben"))
	add("List/moved", `{}`, of("Patient/ben"))
	add("List/moved", `{}`, of("Patient/anna"))
	add("List/logical", `{}`, of("Patient/anna"), func(v *Version) { v.Logical = []string{"urn:m|other"} })
	add("List/own", `{}`, of("Patient/anna"), func(v *Version) { v.Logical = []string{"urn:m|4711-x"} })
	add("Basic/name", `{"text":"Mrs. ZO\u00cb quagmire"}`)
	add("Basic/family", `{"text":"Quagmires, Zoë"}`)
	add("Basic/number", `{"value":"4711-X"}`, of("Patient/ben"))
	add("Basic/other", `{"value":"14711-x"}`)
	add("Basic/refers", `{"reference":"Patient/anna"}`)
	add("DocumentReference/d", `{}`, of("Patient/anna"), names("Binary/alone", "Binary/both"))
	add("DocumentReference/e", `{}`, of("Patient/ben"), names("Binary/both"))
	h.must(nil, h.SetRules(t.Context(), new(kept.Call), officer("a"), Rules{{Type: "Observation", Organization: "elsewhere", Years: 30, Law: "x"}, {Type: "List", Years: 1, Law: "an Act"}}))
	p := h.asked().Preview
	lines := func(all []Line) (refs []string) {
		for _, l := range all {
			refs = append(refs, l.Ref)
		}
		return refs
	}
	for what, pair := range map[string][2][]string{
		"shared":   {lines(p.Shared), {"List/logical", "List/moved", "List/shared"}},
		"mentions": {lines(p.Mentions), {"Basic/name", "Basic/number", "Basic/refers"}},
		"kept":     {lines(p.Kept), {"List/own"}},
	} {
		if !slices.Equal(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	if p.Types["Binary"] != 1 || p.Types["Observation"] != 250 || p.Types["DocumentReference"] != 1 {
		t.Errorf("what goes: %v", p.Types)
	}
}
