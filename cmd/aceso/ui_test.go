package main

import (
	"strconv"
	"strings"
	"testing"
)

// A privacy officer with a browser: signs in, sees where the logs stand, looks at the
// proof of a record, signs out. On a desk and on a phone, by day and by night.
func TestLedgerPageInABrowser(t *testing.T) {
	b := openBrowser(t)
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor, officer := n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT", func(g *grant) { g.name = "Eva Lind" })
	for range 21 {
		doctor.get("/Patient/p1").want(200)
	}
	read := doctor.get("/Patient/p1").want(200)
	b.screen(1280, 900, "light")

	b.visit(n.server.URL + "/ui/ledger")
	b.shoot("sign-in")
	b.fill("#token", "nonsense")
	if text := b.text(); !strings.Contains(text, "not a well-formed") {
		t.Errorf("a wrong token gives\n%s", text)
	}
	b.shoot("sign-in-wrong")
	b.fill("#token", officer.token)
	b.sees("Eva Lind", "hospital / n1", "hospital/n1/changes.0", "hospital/n1/accesses.0", "local ledger", "Its receipt:")
	for _, screen := range []struct {
		name, scheme  string
		width, height int
	}{{"desk", "light", 1280, 900}, {"night", "dark", 1280, 900}, {"phone", "light", 360, 740}, {"phone-night", "dark", 360, 740}} {
		b.screen(screen.width, screen.height, screen.scheme)
		b.visit(n.server.URL + "/ui/ledger")
		b.fits()
		b.shoot("ledger-" + screen.name)
		b.fill("#record", read.header.Get("X-Aceso-Record"))
		b.sees("The receipt fits.", "none: the ledger is local", "Signed checkpoint", "permit: own-treatment")
		b.fits()
		b.legible()
		b.shoot("proof-" + screen.name)
	}
	b.screen(1280, 900, "light")
	b.fill("#record", "n1.accesses.0.999999")
	b.sees("404", "There is no such resource.", "Its receipt:")
	b.shoot("problem")
	b.during(func() { b.click("header form button") })
	b.sees("Sign in", "Token")
	b.visit(n.server.URL + "/ui/ledger")
	b.sees("Sign in", "Token")
	b.onlyAsked(n.server.URL)
	for _, p := range b.problems {
		if !strings.Contains(p, "status of 401") && !strings.Contains(p, "status of 404") {
			t.Errorf("the browser complains: %s", p)
		}
	}
}

// sees says that these words are on the page.
func (b *browser) sees(words ...string) {
	b.t.Helper()
	text := b.text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.t.Errorf("no %q on the page:\n%s", w, text)
		}
	}
}

// fits says that nobody has to scroll sideways.
func (b *browser) fits() {
	b.t.Helper()
	if over := b.look("document.documentElement.scrollWidth - innerWidth"); over != "0" {
		b.t.Errorf("the page is %s pixels too wide", over)
	}
}

// legible says that each text of the picture stays in its box and has a size to be read.
func (b *browser) legible() {
	b.t.Helper()
	out := b.look(`[...document.querySelectorAll("svg .box")].filter(g => { const r = g.querySelector("rect").getBoundingClientRect(); return [...g.querySelectorAll("text")].some(t => { const x = t.getBoundingClientRect(); return x.left < r.left || x.right > r.right || x.top < r.top || x.bottom > r.bottom || x.height < 9 }) }).map(g => g.textContent).join("; ")`)
	if out != "" {
		b.t.Errorf("not legible: %s", out)
	}
	if boxes, err := strconv.Atoi(b.look(`document.querySelectorAll("svg .box").length`)); err != nil || boxes < 8 {
		b.t.Errorf("%d boxes in the picture", boxes)
	}
}
