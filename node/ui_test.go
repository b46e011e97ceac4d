package node

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// A privacy officer with a browser: signs in, sees where the logs stand, looks at the
// proof of a record, signs out. On a desk and on a phone, by day and by night.
func TestLedgerPageInABrowser(t *testing.T) {
	b := openBrowser(t)
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor, officer := n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Name = "Eva Lind" })
	for range 21 {
		doctor.Get("/Patient/p1").Want(200)
	}
	read := doctor.Get("/Patient/p1").Want(200)
	b.screen(1280, 900, "light")

	b.visit(n.Server.URL + "/ui/ledger")
	b.shoot("sign-in")
	b.fill("#token", "nonsense")
	if text := b.text(); !strings.Contains(text, "not a well-formed") {
		t.Errorf("a wrong token gives\n%s", text)
	}
	b.shoot("sign-in-wrong")
	b.fill("#token", officer.Token)
	b.sees("Eva Lind", "hospital / n1", "hospital/n1/changes.0", "hospital/n1/accesses.0", "local ledger", "Its receipt:")
	for _, screen := range []struct {
		name, scheme  string
		width, height int
	}{{"desk", "light", 1280, 900}, {"night", "dark", 1280, 900}, {"phone", "light", 360, 740}, {"phone-night", "dark", 360, 740}} {
		b.screen(screen.width, screen.height, screen.scheme)
		b.visit(n.Server.URL + "/ui/ledger")
		b.fits()
		b.contrasts()
		b.shoot("ledger-" + screen.name)
		b.fill("#record", read.Header.Get("X-Aceso-Record"))
		b.sees("The receipt fits.", "none in this proof", "Signed checkpoint", "permit: own-treatment")
		b.fits()
		b.legible()
		b.contrasts()
		b.shoot("proof-" + screen.name)
	}
	b.screen(1280, 900, "light")
	b.fill("#record", "n1.accesses.0.999999")
	b.sees("404", "There is no such record on this node.", "Its receipt:")
	b.shoot("problem")
	b.during(func() { b.click("header form button") })
	b.sees("Sign in", "Token")
	b.visit(n.Server.URL + "/ui/ledger")
	b.sees("Sign in", "Token")
	b.onlyAsked(n.Server.URL)
	if c := b.complaints(); len(c) > 0 {
		t.Errorf("the browser complains: %q", c)
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

// contrasts says that all text stands out from what is behind it as WCAG 2 (AA) asks.
func (b *browser) contrasts() {
	b.t.Helper()
	const script = `(() => {
		const rgb = s => (s.match(/[\d.]+/g) || []).map(Number);
		const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= .04045 ? v/12.92 : ((v + .055)/1.055) ** 2.4); return .2126*r + .7152*g + .0722*b };
		const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05)/(y + .05) };
		const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length && c[3] !== 0) return c.slice(0, 3) } return [255, 255, 255] };
		const weak = [];
		let seen = 0;
		for (const e of document.querySelectorAll("body *")) {
			if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || /^(title|desc)$/.test(e.tagName)) continue;
			const style = getComputedStyle(e), svg = e.tagName === "text";
			const fill = svg ? getComputedStyle(e.parentNode.querySelector("rect")).fill : "none";
			const r = ratio(rgb(svg ? style.fill : style.color).slice(0, 3), fill === "none" ? behind(svg ? e.closest("svg").parentElement : e) : rgb(fill));
			seen++;
			if (r < 4.5) weak.push(e.textContent.trim().slice(0, 30) + " " + r.toFixed(1));
		}
		return seen < 20 ? "only " + seen + " texts" : weak.join("; ");
	})()`
	if weak := b.look(script); weak != "" {
		b.t.Errorf("too little contrast: %s", weak)
	}
}

// Each view is decided and leaves one record, as everything else does, also where it
// is refused or finds nothing; and the page shows its receipt.
func TestEachViewOfThePagesLeavesOneRecord(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	read := n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	officer, administrator := n.as("privacy-officer", "HOPERAT"), n.as("administrator", "HOPERAT")
	narrow := n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Scope = "user/Consent.rs" })
	for _, c := range []struct {
		by            user
		path          string
		status        int
		subtype, says string
	}{
		{officer, "/ui/ledger", 200, "ledger", "accesses.0<wbr>"},
		{administrator, "/ui/ledger", 200, "ledger", "accesses.0<wbr>"},
		{n.as("practitioner", "TREAT"), "/ui/ledger", 403, "ledger", "interaction-not-allowed"},
		{n.as("system", "HOPERAT"), "/ui/ledger", 403, "ledger", "interaction-not-allowed"},
		{n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p1" }), "/ui/ledger", 403, "ledger", "interaction-not-allowed"},
		{n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Organization = "clinic" }), "/ui/ledger", 403, "ledger", "guest-not-allowed"},
		{narrow, "/ui/ledger", 403, "ledger", "scope-missing"},
		{officer, "/ui/ledger?record=" + read.Event(), 200, "proof", "read Patient"},
		{officer, "/ui/ledger?record=" + url.QueryEscape(read.Receipt().String()), 200, "proof", "The receipt fits."},
		{officer, "/ui/ledger?record=n1.accesses.0.99999", 404, "proof", "no such record"},
		{officer, "/ui/ledger?record=n2.accesses.0.0", 404, "proof", "no such record"},
		{administrator, "/ui/ledger?record=" + read.Event(), 403, "proof", "interaction-not-allowed"},
	} {
		before := n.size("accesses")
		a := c.by.Page(c.path).Want(c.status)
		if got := n.size("accesses") - before; got != 1 {
			t.Errorf("%s left %d records", c.path, got)
		}
		if !a.Has(c.says) || !a.Has(a.Receipt().String()) || a.Has("Patient/p1") {
			t.Errorf("%s: %s", c.path, a.Body)
		}
		event := officer.Get("/AuditEvent/" + a.Event()).Want(200)
		if subtype := fmt.Sprint(event.JSON()["subtype"]); !strings.Contains(subtype, "code:"+c.subtype) {
			t.Errorf("%s is recorded as %s", c.path, subtype)
		}
	}
	for _, path := range []string{"/ui/style.css", "/ui/nothing", "/ui/ledger?record=no+id"} {
		before := n.size("accesses")
		officer.Page(path)
		if got := n.size("accesses") - before; got != 0 {
			t.Errorf("%s left %d records", path, got)
		}
	}
}

// size is how many records a log has.
func (n *testNode) size(log string) int64 {
	n.T.Helper()
	journal := map[string]*ledgerbridge.Journal{"changes": n.node.changes, "accesses": n.node.accesses}[log]
	s, err := journal.Standing(context.Background())
	if err != nil {
		n.T.Fatal(err)
	}
	return s.Size
}

// The page says what the journal does: what waits, and when it is checkpointed.
func TestLedgerPageFollowsTheJournal(t *testing.T) {
	n := startNode(t, t.TempDir())
	officer := n.as("privacy-officer", "HOPERAT")
	first := officer.Page("/ui/ledger").Want(200)
	if !first.Has(`<span class="state plain">empty</span>`) {
		t.Errorf("no log is empty: %s", first.Body)
	}
	twoPatients(n)
	c, err := n.node.changes.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	a := officer.Page("/ui/ledger").Want(200)
	row := fmt.Sprintf(`<b>%d</b><small><a href="/ui/ledger?record=n1.changes.0.%d">`, c.Size, c.Size-1)
	if !a.Has(row) || !a.Has(`<span class="state good">up to date</span>`) {
		t.Errorf("no %s in %s", row, a.Body)
	}
	officer.Page(fmt.Sprintf("/ui/ledger?record=n1.changes.0.%d", c.Size-1)).Want(200)
}

// What the page lets people save is what a verifier accepts.
func TestSavedProofVerifies(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	read := n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	bundle := n.as("privacy-officer", "HOPERAT").Page("/ui/bundle?record=" + read.Event()).Want(200)
	if got, err := ledgerbridge.VerifyRecord(bundle.Body, n.keys(), nil); got.Verdict != ledgerbridge.OK {
		t.Errorf("%s, %v", got.Verdict, err)
	}
	n.as("administrator", "HOPERAT").Page("/ui/bundle?record=" + read.Event()).Want(403)
}
