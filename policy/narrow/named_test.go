package narrow

import (
	"slices"
	"testing"
	"testing/fstest"
)

// The subjects that a policy names are told; where it looks into their texts, that it does.
func TestNamedSubjectsAreTold(t *testing.T) {
	const head = "package aceso.access\n\ndefault decision := {\"allow\": false, \"reason\": \"role-unknown\"}\n\n"
	const allow = "decision := {\"allow\": true, \"reason\": \"local-permit\", \"consent\": \"forbids\"} if "
	for rule, want := range map[string][]string{
		allow + `input.agent.subject == "Practitioner/1"`:               {"Practitioner/1"},
		allow + `input.agent.subject in {"Practitioner/1", "Device/2"}`: {"Device/2", "Practitioner/1"},
		allow + `input.agent.role == "practitioner"`:                    nil,
	} {
		got, err := Named(t.Context(), fstest.MapFS{"a.rego": {Data: []byte(head + rule + "\n")}}, fstest.MapFS{"a.rego": {Data: []byte(head)}})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v", rule, got, err)
		}
	}
	if got, err := Named(t.Context(), fstest.MapFS{"a.rego": {Data: []byte(head + allow + "startswith(input.agent.subject, \"Practitioner/\")\n")}}); err == nil {
		t.Errorf("it looks into the text, and yet: %q", got)
	}
}
