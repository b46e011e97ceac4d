package consent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/search"
)

// decision is what three callers get: of own staff treating, of own research, and of a
// guest treating. Own staff sees what no Consent refuses, the others what one permits.
type decision struct {
	staff, research, guest Verdict
}

// threeAsk judges a resource for own staff, research and a guest.
func threeAsk(rules *Rules, house string, dir Directory, at time.Time, f *fhir.Facts) decision {
	ask := func(purpose string, actors ...string) Verdict {
		s := asker(purpose, actors...)
		s.House, s.Directory, s.Now = house, dir, at
		s.Guest = actors[1] == "Organization/guest"
		v, _, _ := Evaluate([]*Rules{rules}, s, f)
		return v
	}
	return decision{ask("TREAT", "Practitioner/1", house), ask("HRESCH", "Practitioner/7", house), ask("TREAT", "Practitioner/9", "Organization/guest")}
}

// HL7's own examples of R4, at a hospital that is the Organization/f001 of most of them.
func TestOfficialConsents(t *testing.T) {
	later := time.Date(2016, 6, 23, 7, 10, 0, 0, time.UTC)
	prescription := observation()
	prescription.Type = "MedicationRequest"
	cases := []struct {
		name  string
		at    time.Time
		facts *fhir.Facts
		want  decision
		why   string
	}{
		{"basic", noon, observation(), decision{Silent, Silent, Silent}, "its period has ended"},
		{"grantor", noon, observation(), decision{Deny, Deny, Deny}, "opt-out: the patient named may be the exception or the extent"},
		{"Out", noon, observation(), decision{Deny, Deny, Deny}, "opt-out from the custodian, which is this hospital"},
		{"Emergency", noon, observation(), decision{Deny, Deny, Deny}, "opt-out: emergencies may be the exception or the extent"},
		{"notAuthor", noon, observation(), decision{ImplicitDeny, ImplicitDeny, ImplicitDeny}, "an exception nobody can read, about data of this hospital"},
		{"notOrg", noon, observation(), decision{Deny, Deny, Silent}, "a deny of this hospital"},
		{"notThem", noon, observation(), decision{Silent, Silent, Silent}, "about a nurse who is none of the three"},
		{"notThis", noon, observation(), decision{Silent, Silent, Silent}, "about a Task and what it refers to"},
		{"notThis", noon, &fhir.Facts{Type: "Task", ID: "example3"}, decision{ImplicitDeny, ImplicitDeny, ImplicitDeny}, "the Task"},
		{"notThis", noon, &fhir.Facts{Type: "Patient", ID: "example"}, decision{ImplicitDeny, ImplicitDeny, ImplicitDeny}, "what the Task refers to"},
		{"notTime", noon, observation(), decision{Silent, Silent, Silent}, "its period has ended"},
		{"pkb", noon, observation(), decision{Deny, Deny, Deny}, "opt-out whose exceptions have no type"},
		{"signature", noon, observation(), decision{Silent, Silent, Silent}, "its period has ended"},
		{"signature", later, observation(), decision{Silent, Silent, Silent}, "a permit by author and document format, which are not known"},
		{"smartonfhir", noon, prescription, decision{Silent, Silent, Silent}, "its period has ended"},
		{"smartonfhir", later, prescription, decision{Permit, Permit, Permit}, "a permit of this type"},
		{"smartonfhir", later, observation(), decision{Silent, Silent, Silent}, "and of no other; it names no purpose"},
	}
	consents, dir := officialConsents(t)
	tried := map[string]bool{}
	for _, c := range cases {
		tried[c.name] = true
		if got := threeAsk(consents[c.name], "Organization/f001", dir, c.at, c.facts); got != c.want {
			t.Errorf("%s, %s: %v, want %v (%s)", c.name, c.facts.Type, got, c.want, c.why)
		}
	}
	if len(tried) != 12 {
		t.Errorf("%d of 12 examples tried", len(tried))
	}
	nurse := asker("TREAT", "Practitioner/f204", "Organization/f001")
	if v, _, _ := Evaluate([]*Rules{consents["notThem"]}, nurse, observation()); v != ImplicitDeny {
		t.Errorf("notThem, the nurse: %v", v)
	}
	nurse.BreakGlass, nurse.House = true, "Organization/f001"
	for name, r := range consents {
		if v, _, _ := Evaluate([]*Rules{r}, nurse, observation()); !Combine("forbids", []Verdict{v}) {
			t.Errorf("%s hides in a declared emergency: %v", name, v)
		}
	}
	for name, r := range consents { // of another hospital, which is known here
		if got := threeAsk(r, "Organization/elsewhere", dir, noon, observation()); name == "Out" && got != (decision{}) {
			t.Errorf("%s is about other data: %v", name, got)
		}
	}
}

// officialConsents compiles the examples, and knows what they refer to.
func officialConsents(t *testing.T) (map[string]*Rules, entries) {
	t.Helper()
	rules, dir := map[string]*Rules{}, entries{"Organization/f001": {Facts: &fhir.Facts{}}, "Organization/elsewhere": {Facts: &fhir.Facts{}}}
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		name, example := strings.CutPrefix(strings.TrimSuffix(filepath.Base(file), ".json"), "Consent-consent-example-")
		if !example && filepath.Base(file) != "Task-example3.json" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !example {
			task, err := fhir.Open(data)
			if err != nil {
				t.Fatal(err)
			}
			_, f, err := search.Describe(task, "")
			if err != nil {
				t.Fatal(err)
			}
			dir["Task/example3"] = Entry{Facts: &f}
			continue
		}
		rules[name], err = Compile(fhir.Ref{Type: "Consent", ID: name}, 1, data)
		if (err != nil) != (name == "pkb") { // nested provisions without type
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(rules) != 12 || len(dir) != 3 {
		t.Fatalf("%d of 12 Consents, %d of 3 things that they refer to", len(rules), len(dir))
	}
	return rules, dir
}

// Consents of the forms of IHE's Privacy Consent on FHIR: Basic, Intermediate, Advanced.
func TestConsentsOfIHEPrivacyConsentOnFHIR(t *testing.T) {
	old := observation(secret("N")) // of 2025, by somebody else, of another encounter
	old.ID, old.Start, old.End = "2", day("2025-05-05"), day("2025-05-06")-1
	old.Authors, old.References = []string{"Practitioner/2"}, []string{"Encounter/2", "Patient/1"}
	restricted, mental := observation(secret("R")), observation(secret("R"), tag("MH"))
	normal := observation(secret("N"))
	cases := []struct {
		name  string
		facts *fhir.Facts
		want  decision
	}{
		{"basic-treatment", normal, decision{Permit, Silent, Permit}},
		{"basic-dissent", normal, decision{Deny, Silent, Deny}},
		{"basic-research", normal, decision{Silent, Permit, Silent}},
		{"basic-expired", normal, decision{Silent, Silent, Silent}},
		{"basic-guest", normal, decision{ImplicitDeny, Silent, Permit}},
		{"intermediate-author", normal, decision{Permit, Silent, Permit}},
		{"intermediate-author", old, decision{ImplicitDeny, Silent, ImplicitDeny}},
		{"intermediate-not-author", normal, decision{Deny, Silent, Deny}},
		{"intermediate-not-author", old, decision{Permit, Silent, Permit}},
		{"intermediate-data", normal, decision{Permit, Silent, Permit}},
		{"intermediate-data", old, decision{ImplicitDeny, Silent, ImplicitDeny}},
		{"intermediate-not-data", normal, decision{Deny, Silent, Deny}},
		{"intermediate-not-data", old, decision{Permit, Silent, Permit}},
		{"intermediate-encounter", normal, decision{Permit, Silent, Permit}},
		{"intermediate-encounter", old, decision{ImplicitDeny, Silent, ImplicitDeny}},
		{"intermediate-not-encounter", normal, decision{Deny, Silent, Deny}},
		{"intermediate-not-encounter", old, decision{Permit, Silent, Permit}},
		{"intermediate-time", old, decision{Permit, Silent, Permit}},
		{"intermediate-time", normal, decision{ImplicitDeny, Silent, ImplicitDeny}},
		{"intermediate-not-time", old, decision{Deny, Silent, Deny}},
		{"intermediate-not-time", normal, decision{Permit, Silent, Permit}},
		{"intermediate-purpose", normal, decision{Silent, Silent, Silent}},
		{"intermediate-break-glass", normal, decision{Deny, Deny, Deny}},
		{"advanced-normal", normal, decision{Permit, Silent, Permit}},
		{"advanced-normal", restricted, decision{ImplicitDeny, Silent, ImplicitDeny}},
		{"advanced-restricted", normal, decision{Permit, Silent, Permit}},
		{"advanced-restricted", restricted, decision{Permit, Silent, Permit}},
		{"advanced-not-restricted", normal, decision{Permit, Silent, Permit}},
		{"advanced-not-restricted", restricted, decision{ImplicitDeny, Silent, ImplicitDeny}},
		{"advanced-focused", normal, decision{Permit, Silent, Permit}},
		{"advanced-focused", restricted, decision{Permit, Silent, ImplicitDeny}},
		{"advanced-mental-health", mental, decision{Permit, Silent, ImplicitDeny}},
		{"advanced-mental-health", restricted, decision{ImplicitDeny, Silent, ImplicitDeny}},
		{"advanced-break-glass", normal, decision{Permit, Silent, Permit}},
		{"advanced-break-glass", restricted, decision{ImplicitDeny, Silent, ImplicitDeny}},
	}
	dir := entries{"Group/emergency": {Facts: &fhir.Facts{}}, "Encounter/1": {Facts: &fhir.Facts{References: []string{"Observation/1"}}}}
	tried := map[string]bool{}
	for _, c := range cases {
		tried[c.name] = true
		if got := threeAsk(pcf(t, c.name), "Organization/own", dir, noon, c.facts); got != c.want {
			t.Errorf("%s, %s %v: %v, want %v", c.name, c.facts.ID, c.facts.Labels, got, c.want)
		}
	}
	files, err := os.ReadDir("testdata/pcf")
	if err != nil || len(files) != len(tried) {
		t.Errorf("%d of %d Consents tried, %v", len(tried), len(files), err)
	}
	medic := asker("BTG", "Practitioner/1", "Organization/own", "Group/emergency")
	for _, name := range []string{"intermediate-break-glass", "advanced-break-glass"} {
		if v, _, _ := Evaluate([]*Rules{pcf(t, name)}, medic, restricted); v != Permit {
			t.Errorf("%s, who may break the glass: %v", name, v)
		}
	}
}

func pcf(t *testing.T, name string) *Rules {
	t.Helper()
	data, err := os.ReadFile("testdata/pcf/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Compile(fhir.Ref{Type: "Consent", ID: name}, 1, data)
	if err != nil || len(r.Warnings) > 0 {
		t.Errorf("%s: %v %q", name, err, r.Warnings)
	}
	return r
}
