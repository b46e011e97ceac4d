package server

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/web"
	"github.com/aceso-health/aceso/wording"
)

// What is known of a record, and what is not, is said in both languages.
func TestWhySaysWhatIsKnown(t *testing.T) {
	line := policy.Place{Rule: "decision", File: "clinician.rego", Line: 7}
	permit, deny := policy.Decision{Allow: true}, policy.Decision{Reason: "scope-missing"}
	for name, c := range map[string]struct {
		why    access.Why
		en, de string
	}{
		"erased":   {access.Why{Erased: true}, "was erased with the patient", "wurde mit der Patientin gelöscht"},
		"older":    {access.Why{Assumed: true}, "this older record does not keep", "dieses ältere Protokoll nicht aufbewahrt"},
		"other":    {access.Why{}, "does not come to the same", "nicht zum selben Ergebnis"},
		"kept":     {access.Why{Told: true, WhyAnswer: access.WhyAnswer{Decision: deny, Place: line}}, "clinician.rego, line 7.\nThis is judged again with what", "clinician.rego, Zeile 7.\nGeurteilt ist noch einmal mit dem"},
		"assumed":  {access.Why{Told: true, Assumed: true, Scopes: true}, "this older record", "dieses ältere Protokoll"},
		"rows":     {access.Why{Told: true, WhyAnswer: access.WhyAnswer{Decision: permit}}, "permit the question itself", "erlauben die Frage selbst"},
		"question": {access.Why{Told: true, Others: []access.WhyAnswer{{Interaction: "create", Type: "Observation", Decision: permit, Place: line}}}, "for create Observation, too: it is permitted.\nThe rule decision says so, in clinician.rego", "create Observation: es ist erlaubt.\nDas sagt die Regel decision"},
		"refused":  {access.Why{Told: true, Others: []access.WhyAnswer{{Interaction: "create", Type: "Observation", Decision: deny}}}, "Observation, too: it is refused", "Observation: es ist abgelehnt"},
		"more":     {access.Why{Told: true, More: 3}, "3 more questions", "3 weitere Fragen"},
	} {
		c.why.Policy, c.why.Kept = "abc", true
		for language, want := range map[string]string{"en": c.en, "de": c.de} {
			l, err := wording.In(language)
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(whySentences(l, &web.Access{Decision: "deny", Role: "practitioner"}, &c.why), "\n"); !strings.Contains(said, want) {
				t.Errorf("%s, %s: %s", name, language, said)
			}
		}
	}
}
