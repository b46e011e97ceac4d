package agent_test

import (
	"slices"
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
	} {
		got, err := agent.ParseScopes(claim)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", claim, got, err, want)
		}
	}
	for _, claim := range []string{
		"patient/Observation.rs?category=laboratory", "user/*.read?x=y", "user/Patient.", "user/Patient.sr", "user/Patient.rr",
		"user/Patient.reads", "user/Patient.READ", "openid user/Patient.x",
	} {
		if _, err := agent.ParseScopes(claim); err == nil {
			t.Errorf("%q is accepted", claim)
		}
	}
}
