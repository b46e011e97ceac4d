package emergency_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/emergency"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/kept/kepttest"
)

// ward is a desk over rows in memory, and a clock.
type ward struct {
	*testing.T
	*emergency.Desk
	rows *kepttest.Memory
	now  time.Time
}

func newWard(t *testing.T) *ward {
	w := &ward{T: t, now: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.rows = kepttest.New(clock)
	w.Desk = &emergency.Desk{Keeper: w.rows, Now: clock}
	return w
}

func doctor(subject string) agent.Agent {
	return agent.Agent{Subject: subject, Role: agent.Practitioner, Organization: "hospital", Purpose: "TREAT"}
}

func officer(subject string) agent.Agent {
	return agent.Agent{Subject: subject, Role: agent.PrivacyOfficer, Organization: "hospital", Purpose: "HOPERAT"}
}

func (w *ward) declare(who agent.Agent, patient string) emergency.Case {
	w.Helper()
	one, err := w.Declare(w.Context(), &kept.Call{}, who, patient, "found without consciousness", time.Hour)
	if err != nil {
		w.Fatal(err)
	}
	return one
}

func (w *ward) running(who agent.Agent) (patients []string) {
	w.Helper()
	all, err := w.Running(w.Context(), who)
	if err != nil {
		w.Fatal(err)
	}
	for _, one := range all {
		patients = append(patients, one.Patient)
	}
	return patients
}

func refusedFor(err error, word string) bool {
	var e emergency.Error
	return errors.As(err, &e) && strings.Contains(e.Error(), word)
}

// What is declared runs for whoever declared it and nobody else, until its end.
func TestEmergenciesRunForWhoDeclaredThem(t *testing.T) {
	w := newWard(t)
	w.declare(doctor("Practitioner/1"), "Patient/a")
	w.declare(doctor("Practitioner/1"), "Patient/b")
	w.declare(doctor("Practitioner/2"), "Patient/c")
	if got := w.running(doctor("Practitioner/1")); !slices.Equal(got, []string{"Patient/a", "Patient/b"}) {
		t.Errorf("running: %q", got)
	}
	guest, system, elsewhere := doctor("Practitioner/1"), doctor("Practitioner/1"), doctor("Practitioner/1")
	guest.Organization, system.Role, elsewhere.Issuer = "clinic", agent.System, "https://other.example"
	for _, who := range []agent.Agent{guest, system, elsewhere, doctor("Practitioner/3")} {
		if got := w.running(who); len(got) != 0 {
			t.Errorf("%+v has %q", who, got)
		}
	}
	w.now = w.now.Add(time.Hour)
	if got := w.running(doctor("Practitioner/1")); len(got) != 0 {
		t.Errorf("after its end: %q", got)
	}
}

func TestDeclarationsAreBounded(t *testing.T) {
	w := newWard(t)
	who := doctor("Practitioner/1")
	for word, ask := range map[string]struct {
		patient, reason string
		length          time.Duration
	}{
		"4 hours": {"Patient/a", "bleeding", 4*time.Hour + time.Second}, "no time": {"Patient/a", "bleeding", 0}, "in words": {"Patient/a", " .,- ", time.Hour},
		"1000 bytes": {"Patient/a", strings.Repeat("x", 1001), time.Hour}, "Name the patient": {"Patient/", "bleeding", time.Hour}, "as in Patient/1": {"Group/a", "bleeding", time.Hour},
		"Patient/1": {"Patient/a/b", "bleeding", time.Hour},
	} {
		if _, err := w.Declare(t.Context(), &kept.Call{}, who, ask.patient, ask.reason, ask.length); !refusedFor(err, word) {
			t.Errorf("%s: %v", word, err)
		}
		if last := w.rows.Events[len(w.rows.Events)-1]; last.Interaction != "break-glass" || last.Status != 422 {
			t.Errorf("%s: recorded %+v", word, last)
		}
	}
	if len(w.rows.Rows) != 0 {
		t.Errorf("kept: %v", w.rows.Rows)
	}
	w.declare(who, "Patient/a")
	if _, err := w.Declare(t.Context(), &kept.Call{}, who, "Patient/a", "again", time.Hour); !refusedFor(err, "already") {
		t.Errorf("a second time: %v", err)
	}
	for _, id := range strings.Split("bcdefghij", "") {
		w.declare(who, "Patient/"+id)
	}
	if _, err := w.Declare(t.Context(), &kept.Call{}, who, "Patient/k", "one more", time.Hour); !refusedFor(err, "10") {
		t.Errorf("an eleventh: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	w.declare(who, "Patient/a")
}

// The record of a declaration names the patient, the reason and the end.
func TestDeclarationsAreRecorded(t *testing.T) {
	w := newWard(t)
	one := w.declare(doctor("Practitioner/1"), "Patient/a")
	e := w.rows.Events[0]
	if e.Interaction != "break-glass" || e.Patient != "Patient/a" || !strings.Contains(e.Detail, "reason=found+without") || !strings.Contains(e.Detail, one.ID) || !strings.Contains(e.Detail, "2026-03-01T04") {
		t.Errorf("%+v", e)
	}
}

func TestEmergenciesEndEarly(t *testing.T) {
	w := newWard(t)
	who := doctor("Practitioner/1")
	one, two := w.declare(who, "Patient/a"), w.declare(who, "Patient/b")
	for id, by := range map[string]struct {
		who         agent.Agent
		interaction string
	}{one.ID: {who, "break-glass"}, two.ID: {officer("Practitioner/9"), "break-glass-review"}} {
		if err := w.End(t.Context(), &kept.Call{}, by.who, id); err != nil {
			t.Error(err)
		}
		if last := w.rows.Events[len(w.rows.Events)-1]; last.Interaction != by.interaction || last.Patient == "" {
			t.Errorf("recorded %+v", last)
		}
	}
	if got := w.running(who); len(got) != 0 {
		t.Errorf("after the end: %q", got)
	}
	if err := w.End(t.Context(), &kept.Call{}, who, one.ID); !refusedFor(err, "over") {
		t.Errorf("twice: %v", err)
	}
	if err := w.End(t.Context(), &kept.Call{}, who, "none"); !errors.Is(err, kept.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
}

// To end or judge somebody else's emergency is the office's: the policy is asked about that,
// also if there is no such emergency.
func TestOthersEmergenciesAreTheOffices(t *testing.T) {
	w := newWard(t)
	one := w.declare(doctor("Practitioner/1"), "Patient/a")
	no := errors.New("no")
	w.rows.Policy = func(e kept.Event) error {
		if e.Interaction == "break-glass-review" {
			return no
		}
		return nil
	}
	for _, id := range []string{one.ID, "none"} {
		if err := w.End(t.Context(), &kept.Call{}, doctor("Practitioner/2"), id); !errors.Is(err, no) {
			t.Errorf("end of %s: %v", id, err)
		}
		if err := w.Judge(t.Context(), &kept.Call{}, doctor("Practitioner/2"), id, emergency.Justified, "fine"); !errors.Is(err, no) {
			t.Errorf("judgement of %s: %v", id, err)
		}
	}
	if got := w.running(doctor("Practitioner/1")); len(got) != 1 {
		t.Errorf("running: %q", got)
	}
}

func TestEmergenciesAreJudgedOnceByAnother(t *testing.T) {
	w := newWard(t)
	who := doctor("Practitioner/1")
	one := w.declare(who, "Patient/a")
	judge := func(by agent.Agent, judgement, text string) error {
		return w.Judge(t.Context(), &kept.Call{}, by, one.ID, judgement, text)
	}
	if err := judge(officer("Practitioner/9"), emergency.Justified, "fine"); !refusedFor(err, "running") {
		t.Errorf("while it runs: %v", err)
	}
	w.now = w.now.Add(2 * time.Hour)
	twin := officer("admin")
	twin.Actors, twin.Issuer = []string{"Practitioner/1"}, "https://other.example"
	for _, self := range []agent.Agent{officer("Practitioner/1"), twin} {
		if err := judge(self, emergency.Justified, "my own"); !refusedFor(err, "her own") {
			t.Errorf("by herself: %v", err)
		}
	}
	if err := judge(officer("Practitioner/9"), "fine", "fine"); !refusedFor(err, "justified or") {
		t.Errorf("no judgement: %v", err)
	}
	if err := judge(officer("Practitioner/9"), emergency.Unjustified, ""); !refusedFor(err, "why") {
		t.Errorf("no text: %v", err)
	}
	if err := judge(officer("Practitioner/9"), emergency.Unjustified, "no encounter, no call"); err != nil {
		t.Fatal(err)
	}
	if last := w.rows.Events[len(w.rows.Events)-1]; last.Patient != "Patient/a" || !strings.Contains(last.Detail, "judgement=unjustified") {
		t.Errorf("recorded %+v", last)
	}
	if err := judge(officer("Practitioner/8"), emergency.Justified, "fine"); !refusedFor(err, "has been") {
		t.Errorf("twice: %v", err)
	}
}

// The list names what waits, what is overdue after 72 hours, and its record the patients.
func TestCasesWaitForTheOffice(t *testing.T) {
	w := newWard(t)
	first := w.declare(doctor("Practitioner/1"), "Patient/a")
	w.now = w.now.Add(70 * time.Hour)
	second := w.declare(doctor("Practitioner/2"), "Patient/b")
	count := func(open, overdue int) {
		t.Helper()
		if o, l, err := w.Waiting(t.Context()); o != open || l != overdue || err != nil {
			t.Errorf("%d open, %d overdue, %v, want %d, %d", o, l, err, open, overdue)
		}
	}
	count(2, 0)
	w.now = w.now.Add(2*time.Hour + time.Second)
	count(2, 1)
	if err := w.Judge(t.Context(), &kept.Call{}, officer("Practitioner/9"), first.ID, emergency.Justified, "an accident"); err != nil {
		t.Fatal(err)
	}
	count(1, 0)
	all, err := w.List(t.Context(), &kept.Call{}, officer("Practitioner/9"))
	if err != nil || len(all) != 2 || all[0].ID != second.ID || all[1].Review == nil || all[1].Review.Text != "an accident" {
		t.Errorf("%+v, %v", all, err)
	}
	if last := w.rows.Events[len(w.rows.Events)-1]; last.Interaction != "break-glass-read" || !slices.Equal(slices.Sorted(slices.Values(last.Patients)), []string{"Patient/a", "Patient/b"}) {
		t.Errorf("recorded %+v", last)
	}
}
