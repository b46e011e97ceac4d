package policy

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// draw makes a request from a small vocabulary, so that every relevant combination
// occurs.
func draw(r *rand.Rand) Input {
	one := func(words ...string) string { return words[r.IntN(len(words))] }
	in := input()
	in.Agent.Role = one("practitioner", "system", "patient", "privacy-officer", "administrator", "janitor")
	in.Agent.Organization = one("hospital", "hospital", "hospital", "clinic", "")
	in.Agent.Client = one("ward", "aceso-cli")
	in.Agent.Patient = one("", "Patient/1")
	in.Agent.Scopes = nil
	for range r.IntN(4) {
		in.Agent.Scopes = append(in.Agent.Scopes, agent.Scope{
			Context: one("patient", "user", "system"), Type: one("*", "*", "*", "Observation", "Consent", "AuditEvent"),
			Actions: one("cruds", "cruds", "rs", "r", "s", "cud"),
		})
	}
	in.Purpose = one("TREAT", "TREAT", "HPAYMT", "HOPERAT", "HRESCH", "CLINTRCH", "PATRQT", "HMARKT", "BTG", "other")
	in.Interaction = one("read", "vread", "history-instance", "search-type", "history-type", "create", "update",
		"patch", "delete", "search-system", "history-system", "verify", "validate", "access-report", "proof", "audit-read",
		"audit-search", "ledger", "metrics", "operations", "policy-read", "expand", "lookup")
	in.Type = one("Patient", "Observation", "Consent", "AuditEvent", "Practitioner", "Group", "CareTeam", "QuestionnaireResponse")
	known, _ := interactions(in.Interaction)
	if known.system {
		in.Type = ""
	}
	in.Action = letter(in.Interaction)
	return in
}

// These properties must survive every change of the base policy.
func TestInvariants(t *testing.T) {
	e, r := newEngine(t, nil, Options{}), rand.New(rand.NewPCG(1, 2))
	clinical := []string{"read", "vread", "history-instance", "search-type", "history-type", "create", "update", "patch",
		"delete", "search-system", "history-system", "expand", "lookup", "validate"}
	office := []string{"verify", "access-report", "proof", "audit-read", "audit-search", "metrics", "ledger", "operations", "policy-read"}
	ends, teams := []string{"update", "patch", "delete"}, []string{"Practitioner", "Group", "CareTeam"}
	allowed := 0
	for range 20000 {
		in := draw(r)
		d, err := e.Decide(context.Background(), in)
		if err != nil {
			t.Fatalf("%+v: %v", in, err)
		}
		if !d.Allow {
			continue
		}
		allowed++
		role, own := in.Agent.Role, in.Agent.Organization == in.Node.Organization
		data := slices.Contains(clinical, in.Interaction)
		for rule, ok := range map[string]bool{
			"scopes are needed":                                      len(in.Agent.Scopes) > 0,
			"offices need scopes of their own context":               !slices.Contains([]string{"privacy-officer", "administrator"}, role) || slices.ContainsFunc(in.Agent.Scopes, func(s agent.Scope) bool { return s.Context == "user" }),
			"own systems alone say who is who":                       !slices.Contains(teams, in.Type) || !slices.Contains(append(ends, "create"), in.Interaction) || role == "system" && own && d.Reason != "research-needs-consent",
			"practitioners end no Consents":                          in.Type != "Consent" || !slices.Contains(ends, in.Interaction) || role != "practitioner" && (role != "system" || in.Agent.Client == "aceso-cli"),
			"guests need a Consent":                                  own || d.Consent == Permits,
			"research needs a Consent":                               in.Purpose != "HRESCH" && in.Purpose != "CLINTRCH" || d.Consent == Permits,
			"shared types only where a Consent rules":                d.Consent != Permits || slices.Contains(d.Constraints.Uncompartmented, "Practitioner"),
			"no marketing, no made-up codes":                         !slices.Contains([]string{"HMARKT", "other"}, in.Purpose),
			"own practitioners alone break the glass":                in.Purpose != "BTG" || role == "practitioner" && own && d.Consent == Forbids && !slices.Contains(append(ends, "create"), in.Interaction),
			"patients stay in their record":                          role != "patient" || d.Constraints.Compartment == "Patient/1",
			"consent binds all but office and patient":               d.Consent != None || role != "practitioner" && role != "system" || d.Reason == "deputy" && !data,
			"administrators see no data":                             role != "administrator" || !data,
			"privacy officers see Consents and who the patients are": role != "privacy-officer" || !data || slices.Equal(d.Constraints.Types, []string{"Consent"}) || slices.Equal(d.Constraints.Types, []string{"Patient"}) && (in.Interaction == "read" || in.Interaction == "search-type"),
			"audit events are not data":                              !data || in.Type != "AuditEvent",
			"the log is for the office":                              role == "privacy-officer" || !slices.Contains(office[2:5], in.Interaction),
			"the ledger is for those who run it":                     slices.Contains([]string{"privacy-officer", "administrator"}, role) || in.Interaction != "ledger",
			"the unknown get nothing":                                role != "janitor",
		} {
			if !ok {
				t.Errorf("%s: %+v got %+v", rule, in, d)
			}
		}
	}
	if allowed < 500 {
		t.Errorf("only %d of the requests were allowed", allowed)
	}
}

// Fewer scopes never open anything: what stays allowed is at least as restricted.
func TestFewerScopesNeverOpen(t *testing.T) {
	e, r := newEngine(t, nil, Options{}), rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		in := draw(r)
		more, err := e.Decide(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range in.Agent.Scopes {
			less := in
			less.Agent.Scopes = slices.Delete(slices.Clone(in.Agent.Scopes), i, i+1)
			d, err := e.Decide(context.Background(), less)
			switch {
			case err != nil:
				t.Fatal(err)
			case d.Allow && !more.Allow:
				t.Errorf("%+v is refused, but allowed with fewer scopes", in)
			case d.Allow && more.Constraints.Compartment != "" && d.Constraints.Compartment == "":
				t.Errorf("%+v loses its compartment with fewer scopes", in)
			}
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(context.Background(), nil, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
