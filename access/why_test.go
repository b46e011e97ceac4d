package access

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// asTest assumes of a token what the house's callers have.
func asTest(a *agent.Agent) ([]agent.Scope, []string) {
	return []agent.Scope{{Context: "user", Type: "*", Actions: "cruds"}}, []string{a.Subject}
}

// last is the AuditEvent of what a call recorded.
func (h *house) lastRecord(c *Call) WhyRequest {
	h.Helper()
	if len(c.Receipts) == 0 {
		h.Fatal("nothing was recorded")
	}
	id, _ := AuditEventOf(c.Receipts[len(c.Receipts)-1])
	return WhyRequest{ID: id, Issuer: "hospital", Assumed: asTest}
}

// Why something was refused is for the office to know; that it asked is recorded, with those
// whom it concerns.
func TestWhyIsDecidedAndRecorded(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 12, 1)
	a.put(patientDoc("x"), denialDoc("no", "x"))
	doctor := a.as(agent.Practitioner, "TREAT")
	if _, err := a.Read(t.Context(), doctor, ref("Patient/x")); err == nil {
		t.Fatal("it is shown")
	}
	asked := a.lastRecord(doctor)
	told := a.told()
	for _, by := range []*Call{a.as(agent.Practitioner, "TREAT"), a.patient("Patient/x"), a.system(), a.as(agent.Administrator, "HOPERAT")} {
		if _, err := a.Why(t.Context(), by, asked); kindOf(err) != fhir.Forbidden {
			t.Errorf("%s: %v", by.Agent.Role, err)
		}
		if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 403 explain AuditEvent/"+asked.ID) {
			t.Errorf("%s: recorded %q", by.Agent.Role, got)
		}
	}
	w, err := a.Why(t.Context(), a.officer(), asked)
	if err != nil || !w.Told || w.Could == nil || !slices.Contains(w.Could.Opinions[0].Consents, "Consent/no/_history/1") {
		t.Fatalf("%+v, %v", w, err)
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "permit 200 explain AuditEvent/"+asked.ID) || !strings.Contains(got[0], "[x]") {
		t.Errorf("recorded %q", got)
	}
	a.gone = true // so that nothing is judged again
	if _, err := a.Why(t.Context(), a.officer(), asked); err != nil {
		t.Fatal(err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "[x]") {
		t.Errorf("recorded %q", got)
	}
	if _, err := a.Why(t.Context(), a.officer(), WhyRequest{ID: "none.1", Assumed: asTest}); kindOf(err) != fhir.NotFound {
		t.Errorf("no such record: %v", err)
	}
}

// why asks of a read why its record says what it says.
func (a *ages) why(c *Call, target string) *Why {
	a.Helper()
	_, _ = a.Read(a.Context(), c, ref(target))
	return a.explains(a.lastRecord(c))
}

func (a *ages) explains(asked WhyRequest) *Why {
	a.Helper()
	w, err := a.Why(a.Context(), a.officer(), asked)
	if err != nil {
		a.Fatal(err)
	}
	return w
}

// places says where its policy decides: at a line for each question.
type places struct{ Decider }

func (p places) PlaceOf(_ context.Context, in policy.Input) (policy.Place, error) {
	return policy.Place{Rule: in.Interaction + " " + in.Type, File: "x.rego", Line: 1 + len(in.Agent.Scopes)}, nil
}

// A record keeps what the policy was asked with, so what it says is come to again whatever the
// token was: the rule and its line are those of that question.
func TestWhyIsTheKeptQuestion(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 13, 1)
	a.Gate.Then = placed{a}
	a.put(patientDoc("x"))
	narrow := a.with(a.as(agent.Practitioner, "TREAT"), "user/Observation.rs user/Condition.r")
	if w := a.why(narrow, "Patient/x"); !w.Told || w.Assumed || w.Decision.Reason != "scope-missing" || w.Place.Line != 3 || w.Place.Rule != "read Patient" {
		t.Errorf("refused to a narrow scope: %+v", w)
	}
	launched := a.as(agent.Practitioner, "TREAT")
	launched.Agent.Patient, launched.Agent.Scopes[0].Context = "Patient/x", "patient"
	if w := a.why(launched, "Patient/x"); !w.Told || !w.Decision.Allow || w.Could == nil || !w.Could.Read || w.Place.Line != 2 {
		t.Errorf("read in the context of a patient: %+v", w)
	}
	launched = a.as(agent.Practitioner, "TREAT")
	launched.Agent.Patient, launched.Agent.Scopes[0].Context = "Patient/p0", "patient"
	if w := a.why(launched, "Patient/x"); !w.Told || w.Could == nil || !slices.Contains(w.Could.Limits, "compartment") {
		t.Errorf("in the context of another patient: %+v", w)
	}
	bare := a.as(agent.Practitioner, "TREAT")
	bare.Agent.Scopes = nil
	if w := a.why(bare, "Patient/x"); !w.Told || w.Assumed || w.Decision.Reason != "scope-missing" {
		t.Errorf("without scopes: %+v", w)
	}
}

// placed are ages whose policies say where they decide.
type placed struct{ *ages }

func (p placed) Revision(ctx context.Context, hash string) (Decider, error) {
	d, err := p.ages.Revision(ctx, hash)
	return places{d}, err
}

// Of a transaction each question is told, up to some; the rest is counted.
func TestWhyOfATransactionTellsEachQuestion(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 13, 1)
	a.put(patientDoc("x"))
	c := a.as(agent.Practitioner, "TREAT")
	if err := apply(transaction(a.post(observationDoc("m", "x")), a.update(patientDoc("x")), Operation{Method: "GET", Ref: ref("Patient/x")})...)(a.house, c); err != nil {
		t.Fatal(err)
	}
	if w := a.explains(a.lastRecord(c)); !w.Told || len(w.Others) != 2 || w.More != 0 || !w.Others[1].Decision.Allow {
		t.Errorf("%+v", w)
	}
	r, q, many := a.review(a.officer()), question{"read", "r", "Patient"}, &Why{}
	in, d := a.review(c).input(q, c.Agent.Scopes), a.review(c).decide(t.Context(), q)
	rec := &record{entry: ledgerbridge.Entry{Decision: "permit", Reason: d.Reason, Time: a.clock}}
	again := &recalled{r, rec, &fhir.Access{}, a.policy, nil}
	if err := again.decideAgain(t.Context(), many, c.Agent, slices.Repeat([]policy.Input{in}, 3*mostWhy)); err != nil || !many.Told {
		t.Fatal(many, err)
	}
	if len(many.Others) != mostWhy-1 || many.More != 2*mostWhy {
		t.Errorf("%d and %d more", len(many.Others), many.More)
	}
}

// What was erased with a patient is not decided again by anything else.
func TestWhyOfAnErasedPatientSaysSo(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 13, 1)
	a.put(patientDoc("x"))
	c := a.patient("Patient/x")
	if w := a.why(c, "Patient/x"); !w.Told || w.Erased {
		t.Fatalf("before: %+v", w)
	}
	logs, err := store.AllLogs(t.Context(), a.Store)
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range logs {
		if _, err := log.Erase(t.Context(), a.Sealer.Erasure(a.Sealer.PatientPseudonym("Patient/x"), "hospital/n1/changes.0/1")); err != nil {
			t.Fatal(err)
		}
	}
	if w := a.explains(a.lastRecord(c)); !w.Erased || w.Told || w.Place.File != "" {
		t.Errorf("after: %+v", w)
	}
}

// An older record does not keep what the policy was asked with. It is explained by what a
// token of the role could have said, or not at all: what the token said is not guessed, and
// policies whose text is lost are not replaced by others.
func TestWhyIsNotGuessed(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 13, 1)
	a.put(patientDoc("x"))
	why := func(c *Call) *Why {
		t.Helper()
		r := a.review(c)
		r.unasked = true // as by an older program
		_, err := r.read(t.Context(), question{"read", "r", "Patient"}, ref("Patient/x"), 0)
		_ = r.record(t.Context(), err)
		return a.explains(a.lastRecord(c))
	}
	bare := a.as(agent.Practitioner, "TREAT")
	bare.Agent.Scopes = nil
	if w := why(bare); !w.Told || !w.Assumed || w.Scopes || w.Decision.Reason != "scope-missing" {
		t.Errorf("without scopes: %+v", w)
	}
	launched := a.as(agent.Practitioner, "TREAT")
	launched.Agent.Patient, launched.Agent.Scopes[0].Context = "Patient/p0", "patient"
	if w := why(launched); w.Told || !w.Kept || w.Could != nil {
		t.Errorf("in the context of another patient: %+v", w)
	}
	if w := why(a.as(agent.Practitioner, "TREAT")); !w.Told || !w.Scopes || w.Could == nil || !w.Could.Read {
		t.Errorf("permitted: %+v", w)
	}
	a.gone = true
	if w := why(a.as(agent.Practitioner, "TREAT")); w.Told || w.Kept || w.Policy == "" {
		t.Errorf("policies whose text is lost: %+v", w)
	}
}
