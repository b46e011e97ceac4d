package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/server"
)

// reader is a browser: it keeps cookies, and the anti-forgery value of the last page.
type reader struct {
	n       *node
	cookies map[string]string
	form    string
	last    string // page
}

func (n *node) reader() *reader { return &reader{n: n, cookies: map[string]string{}} }

var formField = regexp.MustCompile(`name="form" value="([^"]*)"`)

func (r *reader) do(method, path, body string) reply {
	r.n.t.Helper()
	var cookies []string
	for name, value := range r.cookies {
		cookies = append(cookies, name+"="+value)
	}
	header := []string{"Authorization", "", "Cookie", strings.Join(cookies, "; ")}
	if body != "" {
		header = append(header, "Content-Type", "application/x-www-form-urlencoded")
	}
	a := r.n.do(method, path, body, header...)
	for _, k := range a.Cookies() {
		r.cookies[k.Name] = k.Value
		if k.MaxAge < 0 {
			delete(r.cookies, k.Name)
		}
	}
	if r.last = a.body; a.body == "" {
		return a
	}
	if m := formField.FindStringSubmatch(a.body); m != nil {
		r.form = m[1]
	}
	return a
}

func (r *reader) get(path string) reply { r.n.t.Helper(); return r.do("GET", path, "") }

func (r *reader) post(path string, fields ...string) reply {
	r.n.t.Helper()
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return r.do("POST", path, values.Encode())
}

// signIn signs in as a person would.
func (r *reader) signIn(token string) reply {
	r.n.t.Helper()
	r.get("/ui/ledger").want(401)
	return r.post("/ui/sign-in", "form", r.form, "token", token)
}

const (
	tokenCookie = "__Host-aceso-token"
	visitCookie = "__Host-aceso-visit"
)

// setCookie is the header that sets the cookie.
func (a reply) setCookie(name string) string {
	for _, line := range a.Header.Values("Set-Cookie") {
		if strings.HasPrefix(line, name+"=") {
			return line
		}
	}
	return ""
}

func TestSignIn(t *testing.T) {
	n := start(t)
	n.ledger = access.LedgerView{Organization: "org", Node: "node"}
	r := n.reader()
	r.get("/ui/ledger").want(401).header("Content-Type", "text/html; charset=utf-8").contains("<h1>Sign in</h1>", `type="password"`)
	n.untouched()
	a := r.post("/ui/sign-in", "form", r.form, "token", " good-one\n").want(303).header("Location", "/ui/desk")
	if got, want := a.setCookie(tokenCookie), tokenCookie+"=good-one; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Strict"; got != want {
		t.Errorf("cookie\n%s\nwant\n%s", got, want)
	}
	page := r.get("/ui/ledger").want(200).contains("Practitioner/12-one", "org/node/accesses/1;c=x", "Sign out")
	page.header("X-Aceso-Record", "org/node/accesses/1;c=x")
	n.wantAsked("ledger")
	r.post("/ui/sign-out", "form", r.form).want(303).header("Location", "/ui/desk")
	if len(r.cookies[tokenCookie]) > 0 {
		t.Error("the browser still has the token")
	}
	r.get("/ui/ledger").want(401)
}

// The cookie does not outlive the token; an expired one is removed.
func TestSignInIsShort(t *testing.T) {
	now, ended := time.Unix(1_700_000_000, 0), false
	n := start(t, func(c *server.Config) {
		c.Now = func() time.Time { return now }
		c.Authenticate = func(r *http.Request) (agent.Agent, error) {
			if ended {
				return agent.Agent{}, &fhir.Error{Kind: fhir.Unauthenticated, Detail: "The token has expired; request a new one."}
			}
			a, err := authenticate(r)
			a.Expires = now.Add(2 * time.Minute)
			return a, err
		}
	})
	r := n.reader()
	if got := r.signIn("good").want(303).setCookie(tokenCookie); !strings.Contains(got, "Max-Age=120;") {
		t.Error(got)
	}
	r.get("/ui/ledger").want(200)
	ended = true
	r.get("/ui/ledger").want(401).contains("The token has expired")
	if _, kept := r.cookies[tokenCookie]; kept {
		t.Error("an ended token is kept")
	}
	if strings.Contains(r.get("/ui/ledger").want(401).body, "expired") {
		t.Error("who has no token is blamed")
	}
}

// Without TLS browsers refuse Secure and __Host-; the cookie is for /ui then.
func TestSignInWithoutTLS(t *testing.T) {
	n := start(t, func(c *server.Config) { c.BaseURL = "http://127.0.0.1:8080/fhir" })
	r := n.reader()
	a := r.signIn("good").want(303)
	if got, want := a.setCookie("aceso-token"), "aceso-token=good; Path=/ui; Max-Age=900; HttpOnly; SameSite=Strict"; got != want {
		t.Errorf("cookie\n%s\nwant\n%s", got, want)
	}
	r.get("/ui/ledger").want(200)
}

func TestWrongToken(t *testing.T) {
	n := start(t)
	for _, token := range []string{"", "bad", "bad\r\nX: y"} {
		r := n.reader()
		r.signIn(token).want(401).contains("A bearer token is needed.", `role="alert"`, "<h1>Sign in</h1>")
		if _, set := r.cookies[tokenCookie]; set {
			t.Errorf("%q became a cookie", token)
		}
	}
	r := n.reader()
	r.signIn("good" + strings.Repeat("x", 4000)).want(413).contains("too long for a cookie")
	n.untouched()
}

// A form counts only if it was made for this browser.
func TestForgedForms(t *testing.T) {
	n := start(t)
	victim, other := n.reader(), n.reader()
	victim.get("/ui/ledger")
	other.get("/ui/ledger")
	for name, value := range map[string]string{"none": "", "another browser's": other.form, "cut": victim.form[1:], "long": victim.form + "A"} {
		a := victim.post("/ui/sign-in", "form", value, "token", "good").want(403).contains("was not made for this browser")
		if a.setCookie(tokenCookie) != "" {
			t.Errorf("%s value: signed in", name)
		}
	}
	stranger := n.reader()
	stranger.post("/ui/sign-in", "form", other.form, "token", "good").want(403)
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte("aceso.form.v1"))
	keyless := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) // what anybody can compute
	stranger.post("/ui/sign-in", "form", keyless, "token", "good").want(403)
	stranger.cookies[visitCookie] = ""
	stranger.post("/ui/sign-in", "form", keyless, "token", "good").want(403)

	before := victim.form
	victim.post("/ui/sign-in", "form", victim.form, "token", "good-one").want(303)
	victim.get("/ui/ledger").want(200)
	for name, value := range map[string]string{"none": "", "the first form's": before, "another's": other.form} {
		if a := victim.post("/ui/sign-out", "form", value).want(403); a.setCookie(tokenCookie) != "" {
			t.Errorf("%s value: signed out", name)
		}
	}
	victim.post("/ui/sign-out", "form", victim.form).want(303)
	n.reader().post("/ui/sign-out").want(303) // has nothing to lose
}

// The cookie is for pages, the header for the API, and neither for the other.
func TestCookieIsForPagesOnly(t *testing.T) {
	n := start(t)
	r := n.reader()
	r.signIn("good").want(303)
	for _, path := range []string{"/fhir/Patient/1", "/fhir/Patient", "/metrics", "/fhir/AuditEvent/x/$proof"} {
		r.get(path).want(401)
	}
	r.do("POST", "/fhir/Patient/_search", "name=x").want(401)
	n.get("/ui/ledger").want(401) // with the header
	n.get("/ui/ledger", "Cookie", tokenCookie+"=bad").want(401)
	n.get("/ui/ledger", "Authorization", "", "Cookie", "aceso-token=good").want(401) // could be set by any host of the domain
	n.untouched()
}

func TestFormLimits(t *testing.T) {
	n := start(t)
	r := n.reader()
	r.get("/ui/ledger")
	r.post("/ui/sign-in", "form", r.form, "token", strings.Repeat("x", 100_000)).want(413)
	r.do("POST", "/ui/sign-in", "form=%zz").want(400)
	for _, media := range []string{"application/json", "multipart/form-data; boundary=x", "text/plain"} {
		n.do("POST", "/ui/sign-in", "form="+r.form, "Content-Type", media, "Cookie", visitCookie+"="+r.cookies[visitCookie]).want(415)
	}
	n.do("PUT", "/ui/sign-in", "").want(405).header("Allow", "GET, HEAD, POST").contains("<h1>Method Not Allowed</h1>")
	r.get("/ui/nothing").want(404).contains("<h1>Not Found</h1>")
	r.do("HEAD", "/ui/style.css", "").want(200)
}

// Whoever comes without an address is told what this server is, and where the FHIR base is.
func TestWelcome(t *testing.T) {
	n := start(t)
	for _, path := range []string{"/", "/ui"} {
		n.get(path, "Authorization", "").want(303).header("Location", "/ui/").contains("The FHIR base is " + base)
		n.do("HEAD", path, "").want(303)
		n.do("POST", path, "").want(405)
	}
	n.get("/ui/", "Authorization", "").want(200).contains("This is an Aceso server", base, `href="/ui/desk"`)
	r := n.reader()
	r.signIn("good").want(303)
	r.get("/ui/").want(303).header("Location", "/ui/desk")
	n.untouched()
}

func TestPageLimit(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := start(t, func(c *server.Config) {
		c.EntriesPerSecond, c.Burst, c.Now = 0.5, 2, func() time.Time { return now }
	})
	r := n.reader()
	r.signIn("bad").want(401)
	r.post("/ui/sign-in", "form", r.form, "token", "good").want(303) // an agent has an allowance of its own
	r.get("/ui/ledger").want(200)
	r.get("/ui/ledger").want(429).header("Retry-After", "2").contains("<h1>Too Many Requests</h1>")
	n.reader().get("/ui/ledger").want(429)
}

// Every answer to a browser, good or bad, has the headers that isolate pages.
func TestPageHeaders(t *testing.T) {
	n := start(t)
	r := n.reader()
	answers := []reply{r.get("/ui/ledger"), r.post("/ui/sign-in"), r.get("/ui/nothing"), r.get("/ui/sign-in"), r.get("/ui/style.css"), r.signIn("good")}
	answers = append(answers, r.get("/ui/ledger").want(200), r.get("/ui/ledger?record=%3Cscript%3E").want(400))
	n.panics = true
	answers = append(answers, r.get("/ui/ledger").want(500))
	for _, a := range answers {
		a.header("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'").
			header("Cache-Control", "no-store").header("Referrer-Policy", "no-referrer").header("X-Content-Type-Options", "nosniff").header("Vary", "Cookie")
		if a.StatusCode != 303 && !strings.HasPrefix(a.Header.Get("Content-Type"), "text/") {
			t.Errorf("%s %s: %s", a.Request.Method, a.Request.URL.Path, a.Header.Get("Content-Type"))
		}
		noScript(t, a.body)
	}
	n.get("/fhir/Patient/1").header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

var active = regexp.MustCompile(`(?i)<script|javascript:|[\s"']on[a-z]+\s*=|\sstyle\s*=|<style|<iframe|<img|<object|<embed|<base|(src|href|action)="(https?:)?//`)

// noScript checks that a page runs nothing and loads nothing from elsewhere.
func noScript(t *testing.T, page string) {
	t.Helper()
	if found := active.FindString(page); found != "" {
		t.Errorf("%q in\n%s", found, page)
	}
}

// Errors are pages with the usual statuses, and say no more.
func TestPageErrors(t *testing.T) {
	n := start(t)
	r := n.reader()
	r.signIn("good").want(303)
	for _, kind := range fhir.Kinds() {
		n.err = &fhir.Error{Kind: kind, Detail: "The sentence.", Err: errors.New("/secret/path of Patient/1")}
		api := n.get("/fhir/Patient/1")
		for _, path := range []string{"/ui/ledger", "/ui/ledger?record=n1.accesses.0.1"} {
			r.cookies[tokenCookie] = "good"
			a := r.get(path).want(api.StatusCode)
			if strings.Contains(a.body, "secret") || strings.Contains(a.body, "Patient/1") {
				t.Errorf("kind %d: %s", kind, a.body)
			}
			if a.Header.Get("X-Aceso-Record") == "" {
				t.Errorf("kind %d: no receipt", kind)
			}
			if kind == fhir.Unavailable {
				a.header("Retry-After", "5").contains("The sentence.")
			}
		}
	}
	n.err = errors.New("/secret/path")
	if a := r.get("/ui/ledger").want(500); strings.Contains(a.body, "secret") {
		t.Error(a.body)
	}
	n.err, n.panics = nil, true
	if a := r.get("/ui/ledger").want(500); strings.Contains(a.body, "name of a patient") || strings.Contains(a.body, "goroutine") {
		t.Error(a.body)
	}
}

// worked is the record in docs/record-format.md.
func worked(t *testing.T) (bundle, receipt string) {
	t.Helper()
	return keptBundle(t, "../ledgerbridge/testdata/record-v1.json")
}

func keptBundle(t *testing.T, path string) (bundle, receipt string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var g struct{ Bundle, Receipt string }
	if err := json.Unmarshal(data, &g); err != nil || g.Bundle == "" {
		t.Fatalf("%v: no bundle", err)
	}
	return g.Bundle, g.Receipt
}

func TestProofPage(t *testing.T) {
	n := start(t)
	bundle, receipt := worked(t)
	n.bundle = bundle
	r := n.reader()
	r.signIn("good").want(303)
	a := r.get("/ui/ledger?record=n1.accesses.0.3").want(200).contains("<svg", "</svg>", "search-type Observation", "200, permit: base", "none in this proof")
	n.wantAsked("proof n1.accesses.0.3")
	if strings.Contains(a.body, "receipt fits") || strings.Contains(a.body, "Patient/1") {
		t.Errorf("%s", a.body)
	}
	r.get("/ui/ledger?record=" + url.QueryEscape(receipt)).want(200).contains("The receipt fits.")
	n.wantAsked("proof n1.accesses.0.3")
	elsewhere := strings.Replace(receipt, "clinic/", "other/", 1)
	r.get("/ui/ledger?record=" + url.QueryEscape(elsewhere)).want(200).contains("The receipt does not fit this record.")
	cut := receipt[:len(receipt)-1]
	r.get("/ui/ledger?record="+url.QueryEscape(cut)).want(400).contains("neither the id of an AuditEvent", "nor a receipt")
	n.bundle = strings.Replace(bundle, `"outcome":200`, `"outcome":403`, 1)
	if a := r.get("/ui/ledger?record=n1.accesses.0.3").want(500); strings.Contains(a.body, "commitment") {
		t.Error("what does not fit is shown")
	}
}

// A proof from a real channel: its block, and who endorsed the anchor.
func TestProofPageOfAChannel(t *testing.T) {
	n := start(t)
	n.bundle, _ = keptBundle(t, "../ledgerbridge/fabric/testdata/anchored-v1.json")
	r := n.reader()
	r.signIn("good").want(303)
	r.get("/ui/ledger?record=n1.changes.0.5").want(200).contains(`<span class="state good">anchored</span> in block 6 of channel aceso; 2 peers signed`,
		`<g class="box block"><title>4311589771f47e914645db5904361c8e4eb66e53971ccb6272cc68a0916eb6d1</title>`, ">block 6 of aceso<", ">43115897…, endorsed by 2<")
}

// Texts of callers and tokens stay text everywhere on a page.
func TestPagesEscape(t *testing.T) {
	const evil = `"'><script>alert(1)</script><svg onload=alert(1)>`
	n := start(t, func(c *server.Config) {
		c.Authenticate = func(r *http.Request) (agent.Agent, error) {
			if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer good") {
				return agent.Agent{}, &fhir.Error{Kind: fhir.Unauthenticated, Detail: evil}
			}
			return agent.Agent{Subject: evil, Name: evil, Role: evil, Organization: evil, Purpose: evil}, nil
		}
	})
	n.ledger = access.LedgerView{Organization: evil, Node: evil, Sources: []access.SourceView{{
		Standing: ledgerbridge.Standing{Source: evil, Network: true, Size: 3, Waiting: 3, Anchor: ledgerbridge.Anchor{Channel: evil, Transaction: evil, Block: 1}},
		State:    evil, Newest: evil,
	}}}
	r := n.reader()
	pages := []reply{r.signIn(evil).want(401)}
	r.signIn("good").want(303)
	pages = append(pages, r.get("/ui/ledger").want(200).contains("alert(1)"))
	q := url.QueryEscape(evil)
	for _, path := range []string{"/ui/ledger?record=" + q, "/ui/ledger?x=" + q, "/ui/ledger?" + q, "/ui/" + url.PathEscape(evil), "/ui/style.css?" + q} {
		pages = append(pages, r.get(path))
	}
	r.cookies[visitCookie] = "%3Cscript%3E"
	r.cookies[tokenCookie] = "bad<script>"
	pages = append(pages, r.get("/ui/ledger").want(401), r.post("/ui/sign-in", "form", evil, "token", evil, evil, evil))
	n.err = &fhir.Error{Kind: fhir.Conflict, Detail: evil}
	r.cookies[tokenCookie] = "good"
	pages = append(pages, r.get("/ui/ledger").want(409))
	for _, p := range pages {
		noScript(t, strings.ReplaceAll(p.body, "&lt;svg onload=alert(1)&gt;", ""))
	}
}

// The words about a source, with what to do where something is wrong.
func TestLedgerPageStates(t *testing.T) {
	n := start(t)
	r := n.reader()
	r.signIn("good").want(303)
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for state, words := range map[string][]string{
		access.SourceEmpty:        {"state plain"},
		access.SourceUpToDate:     {"state good"},
		access.SourceWaiting:      {"state plain"},
		access.SourceLate:         {"state warn", "longer than they should"},
		access.SourceFailing:      {"state bad", "tries again"},
		access.SourceContradicted: {"state bad", "Do not delete anything"},
		access.SourceUnreadable:   {"state bad", "Nothing can be said"},
	} {
		n.ledger = access.LedgerView{At: at, Sources: []access.SourceView{{
			Standing: ledgerbridge.Standing{
				Source: "org/node/changes.0", Network: true, Size: 1234567, Checkpointed: 1234500, Waiting: 2567, Oldest: at.Add(-90 * time.Minute),
				Anchor: ledgerbridge.Anchor{Size: 1232000, Channel: "records", Transaction: "0123456789abcdef", Block: 77},
			},
			Until: at.Add(-time.Second), State: state, Newest: "node.changes.0.1234499",
		}}}
		a := r.get("/ui/ledger").want(200).contains(append(words, ">"+state+"<")...)
		if state == access.SourceUnreadable {
			a.contains("unknown")
			continue
		}
		a.contains("1,234,567", "1,234,500", "2,567", "oldest 1 h 30 min",
			"1,232,000</b>", "block 77 ·", "channel records", "01234567…", "until 11:59:59 UTC", "?record=node.changes.0.1234499")
	}
	n.ledger.Sources = append(n.ledger.Sources, access.SourceView{Standing: ledgerbridge.Standing{Source: "org/other/changes.0", Size: 3, Checkpointed: 3}, Elsewhere: true, State: access.SourceUpToDate})
	r.get("/ui/ledger").want(200).contains("by its own node")
	n.ledger.Sources = slices.Repeat(n.ledger.Sources, 50)
	packed := []string{"Authorization", "", "Cookie", tokenCookie + "=good", "Accept-Encoding", "gzip"}
	a := n.get("/ui/ledger", packed...).want(200).header("Content-Encoding", "") // its length would tell of the secret in its form
	if len(a.body) < 10_000 || strings.Contains(a.body, "signed file") {
		t.Errorf("%d bytes; or a network's ledger is called a file", len(a.body))
	}
}

// The proof can be saved, for aceso verify record.
func TestProofFile(t *testing.T) {
	n := start(t)
	bundle, receipt := worked(t)
	n.bundle = bundle
	r := n.reader()
	r.get("/ui/bundle?record=n1.accesses.0.3").want(401)
	r.signIn("good").want(303)
	a := r.get("/ui/bundle?record=n1.accesses.0.3").want(200).header("Content-Disposition", `attachment; filename="n1.accesses.0.3.json"`)
	a.header("Content-Type", "application/json").header("X-Aceso-Record", "org/node/accesses/1;c=x")
	if a.body != bundle {
		t.Error("the file is not the bundle")
	}
	for _, id := range []string{"", receipt, `x";y="`, "a%0d%0ab"} {
		if a := r.get("/ui/bundle?record=" + url.QueryEscape(id)).want(400); a.Header.Get("Content-Disposition") != "" {
			t.Errorf("%q: %s", id, a.Header.Get("Content-Disposition"))
		}
	}
}
