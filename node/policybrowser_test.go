package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
)

// atOffice is a browser at a node with two officers, eva and max.
func atOffice(t *testing.T) (*browser, *testNode) {
	t.Helper()
	b, n := openBrowser(t), browsable(t)
	for login, name := range map[string]string{"eva": "Eva Lind", "max": "Max Roth"} {
		u := oauth.User{Login: login, Subject: "Practitioner/" + login, Name: name, Role: agent.PrivacyOfficer, Organization: "hospital", Purposes: []string{"HOPERAT"}}
		if err := n.node.SetUser(t.Context(), u, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	b.screen(1280, 900, "light")
	return b, n
}

// job counts the clicks and the time of what somebody does, and says them.
func (b *browser) job(name string, do func()) {
	b.t.Helper()
	clicks, start := b.clicks, time.Now()
	do()
	b.t.Logf("job %q: %d clicks, %.1f s", name, b.clicks-clicks, time.Since(start).Seconds())
}

// arrives signs in from a page, as somebody else if somebody is there.
func (b *browser) arrives(url, login string) {
	b.t.Helper()
	b.visit(url)
	if b.look(`document.querySelector("form[action='/ui/sign-out'] button") !== null`) == "true" {
		b.presses("form[action='/ui/sign-out'] button")
		b.visit(url)
	}
	b.signsInAs(login)
}

// types puts text into a field.
func (b *browser) types(selector, text string) {
	b.t.Helper()
	b.click(selector)
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// key presses a key.
func (b *browser) key(key string, code, modifiers int) {
	b.t.Helper()
	text := map[string]string{"Enter": "\r", " ": " "}[key]
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code, "modifiers": modifiers}, nil)
	}
}

const ctrl = 2

// appends writes at the end of a file of the draft.
func (b *browser) appends(file, text string) {
	b.t.Helper()
	area := "textarea[data-file='" + file + "']"
	b.look(`document.querySelector("` + area + `").closest("details").querySelector("summary").id = "opens"`)
	b.click("#opens")
	b.click(area)
	b.key("End", 35, ctrl)
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

const onlyForEmergencies = `
house_rows := {"labels": {"confidentiality": {"max": "N"}}} if {
	looking
	input.purpose != "ETREAT"
}
`

// A researcher sees one cohort, until a day: a line of the rule for clinicians, before the one
// that permits research, and what it speaks of.
const (
	beforeResearch = "else := permit(\"research-needs-consent\""
	studyEnds      = "else := deny(\"local-refusal\") if study_over\n\n"
	oneResearcher  = `
house_rows := {"search": "code=http://loinc.org|8480-6"} if {
	study
	input.type == "Observation"
}

study if {
	input.agent.subject == "Practitioner/roth"
	input.purpose == "HRESCH"
}

study_over if {
	study
	input.now >= "2027-06-01T00:00:00Z"
}
`
)

// The officers' jobs in a real browser, with scripts and without.
func TestPolicyJobsInABrowser(t *testing.T) {
	for name, scripts := range map[string]bool{"with scripts": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			b, n := atOffice(t)
			if scripts {
				b.scripts()
			}
			before := n.node.policy.Revision()
			b.job("a rule R only for ETREAT: tested, impact seen, approved, active", func() {
				b.putsInForce(n, "R only for ETREAT", func() { b.appends("decision.rego", onlyForEmergencies) })
			})
			soon(t, "in force", func() bool { return n.node.policy.Revision() != before })
			b.job("roll it back", func() {
				b.presses("nav a[href='/ui/policies']")
				b.presses("button[value=rollback]")
			})
			soon(t, "rolled back", func() bool { return n.node.policy.Revision() == before })
			b.job("one researcher, one cohort, until June", func() {
				b.putsInForce(n, "Study 12 for Dr. Roth until June", func() {
					b.inserts("clinician.rego", beforeResearch, studyEnds)
					b.appends("decision.rego", oneResearcher)
				})
			})
			b.job("what would change", func() {
				b.presses("nav a[href='/ui/policies']")
				b.presses("tbody tr:first-child th a")
				b.presses("button[value=impact]")
				b.awaits("What is proved")
			})
			b.onlyAsked(n.Server.URL)
			if c := b.complaints(); len(c) > 0 {
				t.Errorf("the browser complains: %q", c)
			}
		})
	}
}

// inserts writes before some words of a file of the draft.
func (b *browser) inserts(file, words, text string) {
	b.t.Helper()
	b.look(fmt.Sprintf(`(a => { const at = a.value.indexOf(%q); a.closest("details").open = true; a.focus(); a.setSelectionRange(at, at) })(document.querySelector("textarea[data-file='%s']"))`, words, file))
	b.clicks++ // as somebody would, to set the cursor there
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// putsInForce is a change of two officers, from the list of policies to its activation.
func (b *browser) putsInForce(n *testNode, reason string, writes func()) {
	b.t.Helper()
	b.arrives(n.Server.URL+"/ui/policies", "eva")
	b.awaits("In force")
	b.presses("a.button")
	b.types("#reason", reason)
	writes()
	b.presses("button[value=save]")
	b.awaits("Who did what")
	b.presses("button[value=test]")
	b.awaits("tests passed, 0 failed")
	b.presses("button[value=impact]")
	b.awaits("Who sees whom otherwise")
	b.presses(".crumb a:last-child")
	b.presses("button[value=submit]")
	b.awaits("Submitted by")
	b.arrives(n.Server.URL+"/ui/desk", "max")
	b.awaits("Policies that wait for approval")
	b.presses("section[aria-labelledby=waiting] a")
	b.awaits(reason)
	b.presses("button[value=approve]")
	b.awaits("Approved by")
	b.presses("button[value=activate]")
	b.awaits("Put in force by")
}

// The editor numbers lines, completes names by the keyboard alone, and checks what is typed.
func TestTheEditorHelpsInABrowser(t *testing.T) {
	b, n := atOffice(t)
	b.scripts()
	b.arrives(n.Server.URL+"/ui/policies/new", "eva")
	b.awaits("Not checked yet.")
	b.appends("decision.rego", "\nlate if input.age")
	if names := b.look(`[...document.querySelectorAll(".completion:not([hidden]) li")].map(l => l.textContent).join(" ")`); !strings.HasPrefix(names, "input.agent input.agent.client") {
		t.Fatalf("offered: %q", names)
	}
	b.axe()
	b.key("ArrowDown", 40, 0)
	b.key("Enter", 13, 0)
	text := `document.activeElement.value.trimEnd().split("\n").at(-1)`
	if got := b.look(text); got != "late if input.agent.client" {
		t.Fatalf("typed: %q", got)
	}
	b.call("Input.insertText", map[string]any{"text": "s"}, nil)
	b.awaits("The check does not pass.")
	lines := b.look(`document.activeElement.value.trimEnd().split("\n").length`)
	b.click("#result a[data-line='" + lines + "']")
	if got := b.look(`document.activeElement.value.slice(document.activeElement.selectionStart, document.activeElement.selectionEnd)`); got != "late if input.agent.clients" {
		t.Errorf("the link leads to %q", got)
	}
	b.key("End", 35, ctrl)
	b.key("Backspace", 8, 0)
	b.awaits("The check passes.")
	b.looksAt("policy-editor")
	if c := b.complaints(); len(c) > 0 {
		t.Errorf("the browser complains: %q", c)
	}
}

// The pages of policies on a desk and on a phone, by day and by night, in forced colours and
// printed; the steps can be taken with the keyboard alone.
func TestPolicyPagesInABrowser(t *testing.T) {
	b, n := atOffice(t)
	b.scripts() // axe needs them
	b.arrives(n.Server.URL+"/ui/policies/new", "eva")
	b.types("#reason", strings.Repeat("long", 40)+" reason")
	b.appends("decision.rego", onlyForEmergencies)
	b.presses("button[value=save]")
	b.awaits("Who did what")
	draft := b.look("location.pathname")
	for b.look("document.activeElement.value") != "test" {
		b.key("Tab", 9, 0)
	}
	b.during(func() { b.key("Enter", 13, 0) })
	b.awaits("tests passed, 0 failed")
	b.presses("button[value=impact]")
	b.awaits("Who sees whom otherwise")
	for name, path := range map[string]string{"policies": "/ui/policies", "policy-impact": draft + "/impact", "policy": draft, "policy-built-in": "/ui/policies/" + n.node.policy.Revision(), "policy-new": "/ui/policies/new"} {
		b.visit(n.Server.URL + path)
		b.looksAt(name)
		b.contrasts()
		b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "forced-colors", "value": "active"}}}, nil)
		b.fits()
		b.shoot(name + "-forced")
		b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
		b.fits()
		b.shoot(name + "-print")
		b.call("Emulation.setEmulatedMedia", map[string]any{"media": ""}, nil)
	}
	b.onlyAsked(n.Server.URL)
}
