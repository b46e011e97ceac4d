package agent_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

func TestScopes(t *testing.T) {
	for claim, want := range map[string][]agent.Scope{
		"":                                       nil,
		"openid fhirUser launch/patient offline": nil,
		"patient/Observation.read":               {{Context: "patient", Type: "Observation", Actions: "rs"}},
		"user/*.*":                               {{Context: "user", Type: "*", Actions: "cruds"}},
		"system/Patient.write":                   {{Context: "system", Type: "Patient", Actions: "cud"}},
		"system/*.cruds  patient/Consent.u":      {{Context: "system", Type: "*", Actions: "cruds"}, {Context: "patient", Type: "Consent", Actions: "u"}},
		"patient/composition-x.rs all/*.*":       nil,
		"patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory": {
			{Context: "patient", Type: "Observation", Actions: "rs", Query: "category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"}},
		"user/Condition.s?onset-date=ge2020&category%3anot=a%2cb&category:not=a,b&_tag=%7C+%26": {
			{Context: "user", Type: "Condition", Actions: "s", Query: "_tag=|%2B%26&category:not=a,b&onset-date=ge2020"}},
	} {
		got, err := agent.ParseScopes(claim)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", claim, got, err, want)
		}
	}
	for _, claim := range []string{
		"user/Observation.read?category=laboratory", "user/*.read?x=y", "user/*.rs?x=y", "user/Patient.rs?", "user/Patient.rs?x", "user/Patient.rs?x=",
		"user/Patient.rs?=x", "user/Patient.rs?x=%zz", "user/Patient.rs?x=1&&y=2", "user/Patient.rs?x=" + strings.Repeat("y", 2050),
		"user/Patient.rs?" + strings.Repeat("x=y&", 16) + "x=y", "user/Patient.", "user/Patient.sr", "user/Patient.rr",
		"user/Patient.reads", "user/Patient.READ", "openid user/Patient.x",
	} {
		if _, err := agent.ParseScopes(claim); err == nil {
			t.Errorf("%q is accepted", claim)
		}
	}
}

func TestScopesAreWrittenAsTheyAreRead(t *testing.T) {
	for _, claim := range []string{"patient/Observation.rs", "user/*.cruds", "user/Condition.s?_tag=|%2B%26&category:not=a,b&onset-date=ge2020"} {
		s, err := agent.ParseScopes(claim)
		if err != nil || len(s) != 1 || s[0].String() != claim {
			t.Errorf("%s is written as %v, %v", claim, s, err)
		}
	}
}

func scopes(t *testing.T, claim string) []agent.Scope {
	t.Helper()
	all, err := agent.ParseScopes(claim)
	if err != nil {
		t.Fatal(claim, err)
	}
	return all
}

// What is granted is never more than what was asked for, nor than what may be granted.
func TestScopesAreNarrowed(t *testing.T) {
	for _, c := range []struct{ asked, granted, want string }{
		{"patient/Observation.rs", "patient/Observation.rs", "patient/Observation.rs"},
		{"patient/Observation.rs", "patient/*.cruds", "patient/Observation.rs"},
		{"patient/*.rs", "patient/Observation.r patient/Condition.cruds", "patient/Observation.r patient/Condition.rs"},
		{"patient/Observation.rs", "user/*.rs patient/Condition.rs", ""},
		{"patient/Observation.cu", "patient/Observation.rs", ""},
		{"patient/Observation.rs", "patient/Observation.rs?category=a patient/Observation.s?category=b", "patient/Observation.rs?category=a patient/Observation.s?category=b"},
		{"patient/Observation.rs?category=a", "patient/*.rs", "patient/Observation.rs?category=a"},
		{"patient/Observation.rs?category=a", "patient/Observation.rs?code=x", "patient/Observation.rs?category=a&code=x"},
		{"patient/Observation.rs?category=a", "patient/Observation.rs?category=a patient/Observation.r", "patient/Observation.rs?category=a"},
		{"patient/*.rs", "patient/*.rs patient/Observation.rs?category=a", "patient/*.rs"},
	} {
		var words []string
		for _, s := range scopes(t, c.asked)[0].Narrow(scopes(t, c.granted)) {
			words = append(words, s.String())
		}
		if got := strings.Join(words, " "); got != c.want {
			t.Errorf("%s within %s is %q, want %q", c.asked, c.granted, got, c.want)
		}
	}
	if s := scopes(t, "patient/Observation.rs?category=a patient/Observation.rs"); !s[0].Inside(s[1:]) || s[1].Inside(s[:1]) {
		t.Error("a scope with parameters is not inside the one without them, or the other way round")
	}
}
