package node

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// An officer reads a patient's Consents in sentences, looks what would change if one were
// withdrawn or another written, and withdraws it. What others have written stays text.
func TestConsentsPage(t *testing.T) {
	n := emergencyNode(t)
	n.as("system", "HOPERAT").Put("/Consent/odd", privacyConsent("odd", "p1", denyActor("Practitioner/x<b>"))).Want(422)
	n.as("system", "HOPERAT").Put("/Consent/odd", privacyConsent("odd", "p1", `{"type":"permit","code":[{"coding":[{"system":"s","code":"<b>x</b>"}]}]}`)).Want(201)
	o := arrives(t, n.Server.URL)
	o.opens("/ui/consents").sends("/ui/sign-in", "login", "officer", "password", goodPassword).sees(200, "Consents that somebody should look at", "Consents</a>")
	o.opens("/ui/consents?patient=Patient/p1").sees(200, "It forbids everybody to read all data, for every purpose.", "&lt;b&gt;x", "Deutsch")
	if strings.Contains(o.page, "<b>x") {
		t.Error("what was written is no text")
	}
	o.opens("/ui/consents?patient=Patient/p1&language=de").sees(200, "Sie verbietet allen, alle Daten zu lesen, zu jedem Zweck.", `lang="de"`, "English")
	o.opens("/ui/consents?problems=true").sees(200, "Contradictory: 1 patients.", "Consent/odd/_history/1 permits what Consent/all/_history/1 forbids", "It stays forbidden.")
	o.opens("/ui/consents?patient=Patient/p1&withdraw=Consent/none").sees(404)
	o.opens("/ui/consents?patient=Patient/p1&withdraw=Consent/all").sees(200, "If Consent/all were withdrawn", "Anybody of the staff", "Patient (1)", "Withdraw it")
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(404)
	paste := strings.Replace(privacyConsent("x", "p2", hidesAll), `"id":"x",`, "", 1)
	o.sends("/ui/consents", "do", "simulate", "json", "<script>").sees(400, "&lt;script&gt;")
	o.sends("/ui/consents", "do", "simulate", "json", paste).sees(200, "If the pasted Consent were written", "It forbids everybody", "Patient (1)")
	n.as("practitioner", "TREAT").Get("/Patient/p2").Want(200)
	o.opens("/ui/consents?patient=Patient/p1&withdraw=Consent/all")
	o.sends("/ui/consents", "do", "withdraw", "consent", "Consent/all", "reason", "she said so", "form", "forged").sees(403, "was not made for this browser")
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(404)
	o.opens("/ui/consents?patient=Patient/p1&withdraw=Consent/all")
	o.sends("/ui/consents", "do", "withdraw", "consent", "Consent/all", "patient", "Patient/p2", "reason", "she said so").sees(422, "is not one of the patient")
	o.opens("/ui/consents?patient=Patient/p1&withdraw=Consent/all")
	o.sends("/ui/consents", "do", "withdraw", "consent", "Consent/all", "patient", "Patient/p1", "reason", "she said so").sees(200, "Consent/all is withdrawn.")
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)

	d := arrives(t, n.Server.URL)
	d.opens("/ui/consents?problems=true").sends("/ui/sign-in", "login", "doctor", "password", goodPassword).sees(403, "interaction-not-allowed")
	d.opens("/ui/consents?patient=Patient/p1&withdraw=Consent/odd").sees(403, "interaction-not-allowed")
}

// The job in a real browser: what would change if a patient withdrew her consent.
func TestConsentsInABrowser(t *testing.T) {
	b, n := openBrowser(t), browsable(t)
	n.as("system", "HOPERAT").Put("/Consent/all", privacyConsent("all", "p1", hidesAll)).Want(201)
	b.scripts() // those of axe: the pages have none
	b.visit(n.Server.URL + "/ui/consents")
	b.signsInAs("officer")
	b.awaits("Consents that somebody should look at")
	began, clicks := time.Now(), 0
	b.click("#patient")
	b.call("Input.insertText", map[string]any{"text": "Patient/p1"}, nil)
	b.presses("form.lookup button")
	b.awaits("It forbids everybody")
	b.presses("li.card button")
	clicks += 3
	b.awaits("Nothing was written.")
	t.Logf("what would change if a patient withdrew her consent: %d clicks, %s", clicks, fmt.Sprintf("%.1f s", time.Since(began).Seconds()))
	b.looksAt("consents")
	if c := b.complaints(); len(c) > 0 {
		t.Errorf("the browser complains: %q", c)
	}
}
