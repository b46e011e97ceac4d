package access

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// Every operation asks the policy, and a refusal is recorded with what was asked.
func TestOperationsAreForThoseWhoMay(t *testing.T) {
	h := ward(t)
	if err := read("Patient/seen")(h, h.as(agent.Practitioner, "TREAT")); err != nil {
		t.Fatal(err)
	}
	h.refuses([]asked{
		{name: "metrics", want: "deny 403 metrics   [] []", do: func(h *house, c *Call) error { return h.Operate(h.Context(), c, "metrics") }},
		{name: "ledger", want: "deny 403 ledger   [] []", do: func(h *house, c *Call) error {
			_, err := h.Ledger(h.Context(), c)
			return err
		}},
		{name: "record", want: "deny 403 audit-read AuditEvent/n1.accesses.0.0  [] []", do: func(h *house, c *Call) error {
			_, err := h.ReadAuditEvent(h.Context(), c, "n1.accesses.0.0")
			return err
		}},
		{name: "report", want: "deny 403 access-report Patient/seen  [seen] []", do: func(h *house, c *Call) error {
			_, err := h.AccessReport(h.Context(), c, ref("Patient/seen"), SearchRequest{})
			return err
		}},
		{name: "comparison", want: "deny 403 verify Observation/s1  [seen] []", do: func(h *house, c *Call) error {
			_, err := h.VerifyVersion(h.Context(), c, ref("Observation/s1"), 1)
			return err
		}},
	})
}

// What an operation shows is recorded like what a read shows.
func TestOperationsConcernThePatient(t *testing.T) {
	h := ward(t)
	told := h.told()

	_, _ = h.VerifyVersion(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Observation/h1"), 1)
	if got := told(); len(got) != 1 || got[0] != "deny 404 verify Observation/h1  [hidden] []" {
		t.Errorf("comparison of the hidden: %q", got)
	}
	if _, err := h.VerifyVersion(t.Context(), h.as(agent.Practitioner, "TREAT"), ref("Observation/s1"), 1); err != nil {
		t.Error(err)
	}
	if got := told(); len(got) != 1 || got[0] != "permit 200 verify Observation/s1  [seen] [GET Observation/s1]" {
		t.Errorf("comparison: %q", got)
	}
	for _, a := range []struct {
		c    *Call
		want string
	}{
		{h.as("privacy-officer", "HOPERAT"), "permit 200 access-report Patient/hidden  [hidden] []"},
		{h.patient("Patient/seen"), "deny 404 access-report Patient/hidden  [hidden] []"},
	} {
		_, err := h.AccessReport(t.Context(), a.c, ref("Patient/hidden"), SearchRequest{})
		if got := told(); len(got) != 1 || got[0] != a.want {
			t.Errorf("report for %s: %v\n got %q\nwant %q", a.c.Agent.Role, err, got, a.want)
		}
	}
}

// A write that is refused concerns the patient whom it would have been about.
func TestRefusedWritesConcernThePatient(t *testing.T) {
	h := ward(t)
	told := h.told()
	_, err := h.Apply(t.Context(), h.patient("Patient/seen"), []Operation{h.post(observationDoc("new", "hidden"))})
	if got := told(); kindOf(err) != fhir.Forbidden || len(got) != 1 || got[0] != "deny 403 create   [hidden] []" {
		t.Errorf("%v, %q", err, got)
	}
}

// Who may not search cannot ask by conditions either.
func TestConditionsAreForThoseWhoMaySearch(t *testing.T) {
	h := ward(t)
	told := h.told()
	c := h.as(agent.Practitioner, "TREAT")
	c.Agent.Scopes[0].Actions = "crud"
	_, err := h.Apply(t.Context(), c, []Operation{conditionalRemoval("Observation", "patient=seen")})
	if got := told(); kindOf(err) != fhir.Forbidden || len(got) != 1 || !strings.Contains(got[0], "deny 403") || !strings.Contains(got[0], "[seen]") {
		t.Errorf("%v, %q", err, got)
	}
}

// The guard of a conditional create sees at the commit what its writer saw: a hidden match
// is none, and neither Consents that the same change writes nor those that others write at
// the same time are asked yet.
func TestGuardsSeeWhatTheirWriterSaw(t *testing.T) {
	h := ward(t)
	h.faulty.crowded = true
	once := func(do func() string) string {
		h.faulty.judged = nil
		return fmt.Sprintf("%s in %d", do(), len(h.faulty.judged))
	}
	for criteria, want := range map[string]string{"identifier=urn:mrn|hidden": "201 body in 1", "identifier=urn:mrn|seen": "200 body in 1"} {
		create := h.post(patientDoc("new"))
		create.Conditional, create.Criteria = true, params(criteria)
		if got := once(func() string { return h.outcomes(h.as(agent.Practitioner, "TREAT"), create) }); got != want {
			t.Errorf("%s: %s, want %s", criteria, got, want)
		}
	}
	deny, result := h.update(denialDoc("c2", "seen")), h.post(observationDoc("new", "seen"))
	result.Conditional, result.Criteria = true, params("patient=seen&status=final")
	if got := once(func() string { return h.outcomes(h.system(), transaction(deny, result)...) }); !strings.HasPrefix(got, "201 body, 200") || !strings.HasSuffix(got, " in 1") {
		t.Errorf("after a denial: %s", got)
	}
}

// What a store returns without asking who may see it is noticed, and not shown.
func TestStoresThatAskNobodyAreNoticed(t *testing.T) {
	h := ward(t)
	told := h.told()
	h.faulty.careless = true
	for name, do := range map[string]func(*house, *Call) error{
		"search": searchFor("Observation", "patient=seen,hidden"), "history": history("Observation", ""),
	} {
		err := do(h, h.as(agent.Practitioner, "TREAT"))
		if got := told(); kindOf(err) != fhir.Unavailable || len(got) != 1 || strings.Contains(got[0], "GET") {
			t.Errorf("%s: %v, %q", name, err, got)
		}
	}
}

// A change rests on the Consents of the patients it was judged by.
func TestChangesRestOnThePatientsJudged(t *testing.T) {
	h := ward(t)
	h.faulty.judged = nil
	got := h.outcomes(h.as(agent.Practitioner, "TREAT"), h.update(amended(observationDoc("s1", "seen"))))
	if len(h.faulty.judged) != 1 || !strings.Contains(strings.Join(h.faulty.judged[0].Keys, " "), "Patient/seen") {
		t.Errorf("%s: judged by %+v", got, h.faulty.judged)
	}
}

// renamed is a policy under another revision.
type renamed struct{ Decider }

func (r renamed) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	d, err := r.Decider.Decide(ctx, in)
	d.Revision += "+"
	return d, err
}

// The paging link of a search in a transaction ends with the policy that decided it.
func TestLinksOfTransactionsEndWithThePolicy(t *testing.T) {
	h := ward(t)
	h.put(observationDoc("s2", "seen"))
	find := Operation{Method: "GET", Ref: fhir.Ref{Type: "Observation"}, Criteria: params("patient=seen&_count=1"), Expression: "Bundle.entry[0]"}
	effects, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), []Operation{find})
	if err != nil || effects[0].Result.Next == "" {
		t.Fatalf("%+v, %v", effects, err)
	}
	next := SearchRequest{Type: "Observation", Link: effects[0].Result.Next}
	if _, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), next); err != nil {
		t.Error(err)
	}
	h.policy.Decider = renamed{h.policy.Decider}
	if _, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), next); kindOf(err) != fhir.Invalid {
		t.Errorf("under another policy: %v", err)
	}
}

// anybody is who sees all of a careless store.
func anybody(store.Row) (bool, error) { return true, nil }
