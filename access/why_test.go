package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
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
	if err != nil || !w.Told || !w.Scopes || w.Could == nil || !slices.Contains(w.Could.Opinions[0].Consents, "Consent/no/_history/1") {
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

// A refusal is explained by what made it, or not at all: of what the token said only that
// nothing covered it is tried, and policies whose text is lost are not replaced by others.
func TestWhyIsNotGuessed(t *testing.T) {
	a := newAges(t, newHouse(t).faulty.Store, 13, 1)
	a.put(patientDoc("x"))
	why := func(c *Call) *Why {
		t.Helper()
		_, _ = a.Read(t.Context(), c, ref("Patient/x"))
		w, err := a.Why(t.Context(), a.officer(), a.lastRecord(c))
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	bare := a.as(agent.Practitioner, "TREAT")
	bare.Agent.Scopes = nil
	if w := why(bare); !w.Told || w.Scopes || w.Decision.Reason != "scope-missing" {
		t.Errorf("without scopes: %+v", w)
	}
	launched := a.as(agent.Practitioner, "TREAT")
	launched.Agent.Patient, launched.Agent.Scopes[0].Context = "Patient/p0", "patient"
	if w := why(launched); w.Told || !w.Kept || w.Could != nil {
		t.Errorf("in the context of another patient: %+v", w)
	}
	if w := why(a.as(agent.Practitioner, "TREAT")); !w.Told || w.Could == nil || !w.Could.Read {
		t.Errorf("permitted: %+v", w)
	}
	a.gone = true
	if w := why(a.as(agent.Practitioner, "TREAT")); w.Told || w.Kept || w.Policy == "" {
		t.Errorf("policies whose text is lost: %+v", w)
	}
}
