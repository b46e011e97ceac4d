package policy

import (
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// The docs have every field, reason and interaction.
func TestDocsAreComplete(t *testing.T) {
	text, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(`allow reason consent obligations constraints.types constraints.compartment
		constraints.shared_types constraints.uncompartmented constraints.owner constraints.author constraints.labels constraints.search
		agent.subject agent.role agent.organization agent.patient agent.client agent.scopes purpose interaction
		action type node.organization now read vread history-instance search-type search-system history-type
		history-system create update patch delete access-report proof verify validate audit-read audit-search ledger metrics
		operations policy-read authorize token refresh revoke introspect launch register sign-in sign-out client-read client-write policy-write policy-approve label-write purge purge-approve break-glass break-glass-read break-glass-review explain simulate consent-problems disclosure-record expand validate-code lookup subsumes translate`)
	for code, meaning := range Reasons() {
		words = append(words, code)
		if !strings.Contains(string(text), "| `"+code+"` | "+meaning+" |") {
			t.Errorf("docs do not say what %s means", code)
		}
	}
	for _, word := range words {
		if !strings.Contains(string(text), "`"+word+"`") {
			t.Errorf("docs do not mention %s", word)
		}
	}
}

// The example in the docs works as written.
func TestDocsExample(t *testing.T) {
	text, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, withExample(t, string(text)), Options{})
	in := input()
	in.Purpose, in.Type = "HRESCH", "DocumentReference"
	if d, err := e.Decide(t.Context(), in); err != nil || d.Allow || d.Reason != "local-refusal" {
		t.Errorf("got %+v, %v", d, err)
	}
	report, err := Test(t.Context(), withExample(t, string(text)))
	if err != nil || !report.Passed() || report.Coverage < 100 {
		t.Errorf("got %+v, %v", report, err)
	}
}

// withExample adds the three pieces of the example in the docs.
func withExample(t *testing.T, docs string) fs.FS {
	t.Helper()
	piece := pieces(t, docs)
	fsys := fstest.MapFS{}
	for _, name := range []string{"administrator", "authorization", "authorization_test", "clinician", "clinician_test", "decision", "decision_test", "deputy", "emergency", "emergency_test", "fixture_test", "governing", "governing_test", "office_test",
		"patient", "patient_test", "privacy_officer", "request", "scopes", "scopes_test"} {
		text, err := fs.ReadFile(Base(), name+".rego")
		if err != nil {
			t.Fatal(err)
		}
		fsys[name+".rego"] = &fstest.MapFile{Data: text}
	}
	data, err := fs.ReadFile(Base(), "data.json")
	if err != nil {
		t.Fatal(err)
	}
	fsys["data.json"] = &fstest.MapFile{Data: data}
	before, after, _ := strings.Cut(string(fsys["clinician.rego"].Data), "else := permit(\"research")
	fsys["clinician.rego"].Data = []byte(before + piece(2) + "\nelse := permit(\"research" + after + piece(3))
	fsys["clinician_test.rego"].Data = append(fsys["clinician_test.rego"].Data, piece(4)...)
	return fsys
}

// pieces are those of Rego in the docs.
func pieces(t *testing.T, docs string) func(int) string {
	t.Helper()
	blocks := strings.Split(docs, "```rego\n")
	if len(blocks) != 7 {
		t.Fatalf("%d pieces of Rego in the docs", len(blocks)-1)
	}
	return func(i int) string { p, _, _ := strings.Cut(blocks[i], "```"); return p }
}

// Two lines hide what is restricted from everybody who reads for another purpose than an
// emergency, whatever the role.
func TestDocsExampleOfTheHouse(t *testing.T) {
	text, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	fsys := withExample(t, string(text)).(fstest.MapFS)
	maps.DeleteFunc(fsys, func(name string, _ *fstest.MapFile) bool { return strings.HasSuffix(name, "_test.rego") }) // they say that everybody sees all
	fsys["decision.rego"].Data = append(fsys["decision.rego"].Data, pieces(t, string(text))(5)...)
	e := newEngine(t, fsys, Options{})
	for _, c := range []struct {
		role, purpose, interaction, action string
		hides                              bool
	}{
		{"practitioner", "TREAT", "read", "r", true},
		{"practitioner", "ETREAT", "read", "r", false},
		{"practitioner", "HRESCH", "search-type", "s", true},
		{"patient", "PATRQT", "read", "r", true},
		{"practitioner", "TREAT", "create", "c", false},
	} {
		in := input()
		in.Agent.Role, in.Agent.Patient, in.Purpose, in.Interaction, in.Action = c.role, "Patient/1", c.purpose, c.interaction, c.action
		if d, err := e.Decide(t.Context(), in); err != nil || !d.Allow || c.hides != (len(d.Constraints.Labels) == 1) {
			t.Errorf("%+v: got %+v, %v", c, d, err)
		}
	}
}

// The example of masks works as written.
func TestDocsExampleOfMasks(t *testing.T) {
	text, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	fsys := withExample(t, string(text)).(fstest.MapFS)
	maps.DeleteFunc(fsys, func(name string, _ *fstest.MapFile) bool { return strings.HasSuffix(name, "_test.rego") }) // they say that nothing is masked
	fsys["decision.rego"].Data = append(fsys["decision.rego"].Data, pieces(t, string(text))(6)...)
	e := newEngine(t, fsys, Options{})
	for purpose, want := range map[string]string{"HPAYMT": "own-payment forbids does=mask *.note,mask Patient.address,mask Patient.birthDate,record", "TREAT": "own-treatment forbids"} {
		in := input()
		in.Purpose = purpose
		for range 2 {
			if d, err := e.Decide(t.Context(), in); err != nil || describe(d) != want {
				t.Errorf("%s: %s %v", purpose, describe(d), err)
			}
		}
	}
}
