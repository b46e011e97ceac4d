package node

import "testing"

// looksAt holds a page to a phone at night and to a wide screen, and to axe.
func (b *browser) looksAt(name string) {
	b.t.Helper()
	for width, scheme := range map[int]string{320: "dark", 1280: "light"} {
		b.screen(width, 900, scheme)
		b.fits()
		b.axe()
		b.shoot(name)
	}
}

// signsInAs signs in on the form that the browser shows.
func (b *browser) signsInAs(login string) {
	b.t.Helper()
	b.awaits("Password")
	b.click("#login")
	b.call("Input.insertText", map[string]any{"text": login}, nil)
	b.fill("#password", goodPassword)
}

// A doctor declares an emergency in a real browser, and an officer asks who could read what,
// and judges the emergency.
func TestEmergencyInABrowser(t *testing.T) {
	b, n := openBrowser(t), browsable(t)
	b.scripts() // those of axe: the pages have none
	b.visit(n.Server.URL + "/ui/emergencies?patient=Patient/p1")
	b.signsInAs("doctor")
	b.awaits("Declare an emergency")
	b.looksAt("emergency-declare")
	b.click("#reason")
	b.call("Input.insertText", map[string]any{"text": "no pulse"}, nil)
	b.presses("button[value=declare]")
	b.awaits("Emergency access is open")
	b.looksAt("emergency-running")
	b.presses("button[value=end]")
	b.awaits("The emergency has ended.")

	b.presses("form[action='/ui/sign-out'] button")
	b.visit(n.Server.URL + "/ui/explain?agent=Practitioner/practitioner&patient=Patient/p1")
	b.signsInAs("officer")
	b.awaits("Could somebody read this?")
	b.looksAt("explain")
	b.visit(n.Server.URL + "/ui/emergencies")
	b.awaits("no pulse")
	b.looksAt("emergency-review")
	b.click("input[value=justified]")
	b.click("input[name=text]")
	b.call("Input.insertText", map[string]any{"text": "a call at night"}, nil)
	b.presses("button[value=judge]")
	b.awaits("Your judgement is recorded.")
	if c := b.complaints(); len(c) > 0 {
		t.Errorf("the browser complains: %q", c)
	}
}
