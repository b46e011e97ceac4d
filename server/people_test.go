package server_test

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/kept/kepttest"
	"github.com/aceso-health/aceso/server"
)

// recorded are the events, in short.
func (p *people) recorded() (all []string) {
	for _, e := range p.keeper.Events {
		all = append(all, strings.Join(strings.Fields(e.Interaction+" "+e.Agent.Subject+" "+e.Detail+" "+e.Refused), " "))
	}
	return all
}

// asked is an authorization server that asks for what a test says.
type askedApps struct {
	request oauth.Request
	refusal *oauth.Refusal
	grants  []oauth.Grant
	done    []string
	chosen  oauth.Choice
}

func (a *askedApps) Request(context.Context, *kept.Call, url.Values) (*oauth.Request, error) {
	if a.refusal != nil {
		return nil, a.refusal
	}
	return &a.request, nil
}

func (a *askedApps) Approve(_ context.Context, _ *kept.Call, q *oauth.Request, u oauth.User, chosen oauth.Choice) (string, error) {
	a.done, a.chosen = append(a.done, "approve "+u.Login), chosen
	return q.Redirect + "?code=c&state=" + q.State, nil
}

func (a *askedApps) Deny(_ context.Context, _ *kept.Call, q *oauth.Request, u oauth.User) (string, error) {
	a.done = append(a.done, "deny "+u.Login)
	return q.Redirect + "?error=access_denied&state=" + q.State, nil
}

func (a *askedApps) Grants(context.Context, *kept.Call, oauth.User) ([]oauth.Grant, error) {
	return a.grants, nil
}

func (a *askedApps) End(_ context.Context, _ *kept.Call, u oauth.User, grant string) error {
	a.done, a.grants = append(a.done, "end "+u.Login+" "+grant), nil
	return nil
}

func (a *askedApps) EndSession(_ context.Context, _ *kept.Call, u oauth.User) error {
	a.done = append(a.done, "leave "+u.Session[:4])
	return nil
}

// people is a server at which two may sign in, and an app may ask.
type people struct {
	*node
	keeper *kepttest.Memory
	apps   *askedApps
	now    time.Time
}

func startPeople(t *testing.T) *people {
	t.Helper()
	p := &people{now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return p.now }
	p.apps = &askedApps{request: oauth.Request{
		Client: oauth.Client{ID: "growth", Name: "Growth <b>chart</b>"}, Redirect: "https://app.example.org/back", State: "s", NeedsPatient: true, Offline: true,
		Scopes: []string{"openid", "launch/patient", "offline_access", "patient/Observation.rs", "patient/*.r"}, Purposes: []string{"TREAT", "HRESCH", "HPAYMT"},
	}}
	p.keeper = kepttest.New(clock)
	users := session.NewUsers(p.keeper, clock)
	doctor := oauth.User{Login: "doc", Subject: "Practitioner/1", Name: "Ada", Role: "practitioner", Organization: "org", Purposes: []string{"TREAT", "HRESCH"}}
	if err := users.Set(t.Context(), nil, doctor, "right password"); err != nil {
		t.Fatal(err)
	}
	p.node = start(t, func(c *server.Config) {
		c.Now, c.Apps = clock, p.apps
		c.SignIn = server.SignIn{
			Sessions: &session.Sessions{Keeper: p.keeper, Now: clock}, Users: users,
			Token: func(u oauth.User, purpose string) (string, error) { return "good-" + u.Login + "-" + purpose, nil },
		}
	})
	p.ledger = access.LedgerView{Organization: "org", Node: "node"}
	return p
}

const sessionCookie = "__Host-aceso-session"

// enters signs in with a name, as a person would.
func (r *reader) enters(next, login, password string) reply {
	r.n.t.Helper()
	r.get("/ui/sign-in?next="+url.QueryEscape(next)).want(200).contains(`name="login"`, `autocomplete="current-password"`)
	return r.post("/ui/sign-in", "form", r.form, "next", r.field("next"), "login", login, "password", password)
}

var hidden = regexp.MustCompile(`name="([a-z]+)" value="([^"]*)"`)

// field is a hidden field of the last page.
func (r *reader) field(name string) string {
	for _, m := range hidden.FindAllStringSubmatch(r.last, -1) {
		if m[1] == name {
			return strings.NewReplacer("&amp;", "&", "&#43;", "+", "&lt;", "<").Replace(m[2])
		}
	}
	return ""
}

func TestPeopleSignInWithAPassword(t *testing.T) {
	p := startPeople(t)
	r := p.reader()
	a := r.enters("/ui/apps", "doc", "right password").want(303).header("Location", "/ui/apps")
	if got := a.setCookie(sessionCookie); !regexp.MustCompile(`^__Host-aceso-session=[\w-]{43}\.[\w-]+\.[\w-]{43}; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Lax$`).MatchString(got) {
		t.Errorf("cookie %s", got)
	}
	r.get("/ui/apps").want(200).contains("Ada", "No app has access in your name.")
	r.get("/ui/ledger").want(200).contains("Practitioner/12-doc-TREAT")
	r.post("/ui/sign-out", "form", r.form).want(303)
	r.get("/ui/apps").want(401).contains("Sign in")
	if len(p.apps.done) != 1 || !strings.HasPrefix(p.apps.done[0], "leave ") {
		t.Errorf("what apps may do while she is there goes on: %q", p.apps.done)
	}
	if want := []string{"user-write change=set&login=doc", "sign-in Practitioner/1 login=doc", "sign-out Practitioner/1 login=doc"}; !slices.Equal(p.recorded(), want) {
		t.Errorf("recorded %q", p.recorded())
	}
}

// A wrong name and a wrong password answer the same, and each is recorded with the name that
// was claimed.
func TestWrongPasswordsTellNothing(t *testing.T) {
	p := startPeople(t)
	var pages []string
	for _, name := range []string{"doc", "nobody"} {
		r := p.reader()
		a := r.enters("/ui/apps", name, "wrong password").want(401).contains("The name or the password is wrong.", `value="/ui/apps"`)
		if a.setCookie(sessionCookie) != sessionCookie+"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict" && a.setCookie(sessionCookie) != "" {
			t.Errorf("cookie %s", a.setCookie(sessionCookie))
		}
		pages = append(pages, strings.ReplaceAll(a.body, r.form, ""))
	}
	if pages[0] != pages[1] {
		t.Errorf("the pages differ:\n%s\n%s", pages[0], pages[1])
	}
	if want := []string{"user-write change=set&login=doc", "sign-in login=doc wrong-password", "sign-in login=nobody wrong-password"}; !slices.Equal(p.recorded(), want) {
		t.Errorf("recorded %q", p.recorded())
	}
	if strings.Contains(p.log.String(), "password\"") || strings.Contains(p.log.String(), "wrong password") {
		t.Errorf("the password is in the log: %s", p.log)
	}
}

func TestGuessesHaveToWait(t *testing.T) {
	p := startPeople(t)
	r := p.reader()
	for range 5 {
		r.enters("", "doc", "wrong password").want(401)
	}
	r.enters("", "doc", "right password").want(429).header("Retry-After", "1").contains("too many wrong passwords")
	p.now = p.now.Add(time.Second)
	r.enters("", "doc", "right password").want(303)
}

// Nobody is led elsewhere by a link to the sign-in page.
func TestSignInLeadsNowhereElse(t *testing.T) {
	p := startPeople(t)
	for next, want := range map[string]string{
		"/ui/apps": "/ui/apps", "/ui/authorize?client_id=a&state=%2F%2Fx": "/ui/authorize?client_id=a&state=%2F%2Fx", "/ui/ledger?record=n1": "/ui/ledger?record=n1",
		"https://evil.example": "/ui/desk", "//evil.example": "/ui/desk", "/ui/../../evil": "/ui/desk", `/\evil.example`: "/ui/desk", "javascript:alert(1)": "/ui/desk",
		"https://fhir.example.org/ui/apps": "/ui/desk", "/ui/apps/../sign-out": "/ui/desk", "//evil.example/ui/apps": "/ui/desk", "/ui/bundle": "/ui/desk", "": "/ui/desk",
		"https:/ui/apps": "/ui/desk", "/ui/apps\r\nX: y": "/ui/desk", "/fhir/Patient": "/ui/desk", "/ui/sign-out": "/ui/desk", "/ui/patients/1/report?from=2026-01-01": "/ui/patients/1/report?from=2026-01-01",
		"/ui/patients//report": "/ui/desk", "/ui/patients/1/report/x": "/ui/desk",
	} {
		r := p.reader()
		r.get("/ui/sign-in")
		r.post("/ui/sign-in", "form", r.form, "next", next, "login", "doc", "password", "right password").want(303).header("Location", want)
	}
}

// A cookie that somebody set before is none that counts after signing in.
func TestSessionsAreNotFixed(t *testing.T) {
	p := startPeople(t)
	r := p.reader()
	r.enters("", "doc", "right password").want(303)
	before := r.cookies[sessionCookie]
	r.enters("", "doc", "right password").want(303)
	if r.cookies[sessionCookie] == before {
		t.Error("the session has the same id")
	}
	if len(p.apps.done) != 1 || !strings.HasPrefix(p.apps.done[0], "leave ") {
		t.Errorf("what lasts no longer than the session before: %q", p.apps.done)
	}
	r.cookies[sessionCookie] = before
	r.get("/ui/apps").want(401)
	planted := strings.Repeat("a", 43) + ".abc." + strings.Repeat("b", 43)
	r.cookies[sessionCookie] = planted
	r.enters("", "doc", "right password").want(303)
	if strings.HasPrefix(r.cookies[sessionCookie], planted[:43]) {
		t.Error("the session has an id from elsewhere")
	}
}

func TestFormsOfOthersDoNothing(t *testing.T) {
	p := startPeople(t)
	r, other := p.reader(), p.reader()
	r.enters("", "doc", "right password").want(303)
	other.enters("", "doc", "right password").want(303)
	other.get("/ui/authorize?x=1").want(200)
	for _, form := range []string{"", "x", other.form} {
		r.post("/ui/consent", "form", form, "request", "x=1", "asked", "1", "do", "allow", "purpose", "TREAT", "patient", "Patient/1", "scope", "patient/*.r").want(403)
		r.post("/ui/apps", "form", form, "grant", "g").want(403)
		r.post("/ui/sign-out", "form", form).want(403)
	}
	if len(p.apps.done) > 0 {
		t.Errorf("done: %q", p.apps.done)
	}
	r.get("/ui/apps").want(200)
}

func TestConsentPage(t *testing.T) {
	p := startPeople(t)
	r := p.reader()
	r.get("/ui/authorize?client_id=growth&state=s").want(303).header("Location", "/ui/sign-in?next=%2Fui%2Fauthorize%3Fclient_id%3Dgrowth%26state%3Ds")
	r.enters("/ui/authorize?client_id=growth&state=s", "doc", "right password").want(303).header("Location", "/ui/authorize?client_id=growth&state=s")
	a := r.get("/ui/authorize?client_id=growth&state=s").want(200).contains("Growth &lt;b&gt;chart&lt;/b&gt;", "https://app.example.org", "Treatment", "Research", "Observations",
		"when you are not there", "Find a patient")
	if strings.Contains(a.body, "Payment") {
		t.Error("a purpose that the user has not is offered")
	}
	a.header("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self' https://app.example.org; frame-ancestors 'none'; base-uri 'none'")
	allow := func(more ...string) reply {
		return r.post("/ui/consent", append([]string{"form", r.form, "request", r.field("request"), "asked", "1", "do", "allow"}, more...)...)
	}
	allow("scope", "patient/*.r").want(200).contains("Choose what the app may use the data for.")
	allow("purpose", "HPAYMT", "scope", "patient/*.r").want(200).contains("Choose what the app may use the data for.")
	allow("purpose", "TREAT", "scope", "patient/*.r").want(200).contains("Search the patient and choose one.")
	allow("purpose", "TREAT", "patient", "Practitioner/1", "scope", "patient/*.r").want(200).contains("Search the patient and choose one.")
	allow("purpose", "TREAT", "patient", "Patient/1").want(200).contains("Nothing is left")
	if len(p.apps.done) > 0 {
		t.Fatalf("done: %q", p.apps.done)
	}
	p.asked = nil
	allow("purpose", "HRESCH", "patient", "Patient/1", "scope", "patient/Observation.rs", "scope", "user/Patient.cruds").want(303).header("Location", "https://app.example.org/back?code=c&state=s")
	if want := []string{"openid", "launch/patient", "patient/Observation.rs"}; !slices.Equal(p.apps.chosen.Scopes, want) || p.apps.chosen.Patient != "Patient/1" || p.apps.chosen.Purpose != "HRESCH" {
		t.Errorf("chosen: %+v", p.apps.chosen)
	}
	p.wantAsked("read Patient/1")
	allow("purpose", "TREAT", "patient", "Patient/1", "scope", "patient/*.r", "only-4", "patient/Condition.r", "only-4", "patient/Goal.cruds", "scope", "offline_access").want(303)
	if want := []string{"openid", "launch/patient", "offline_access", "patient/Condition.r"}; !slices.Equal(p.apps.chosen.Scopes, want) {
		t.Errorf("chosen: %+v", p.apps.chosen)
	}
	r.post("/ui/consent", "form", r.form, "request", r.field("request"), "do", "deny").want(303).header("Location", "https://app.example.org/back?error=access_denied&state=s")
}

// The patient is looked for by the gate as the user, for the purpose that is chosen, and one
// whom the gate does not show cannot be chosen.
func TestPatientsAreChosenThroughTheGate(t *testing.T) {
	p := startPeople(t)
	p.result.Matches = []access.Version{{Ref: fhir.Ref{Type: "Patient", ID: "7"}, Body: []byte(`{"name":[{"family":"Berg","given":["Ida"]}],"birthDate":"1990-02-03"}`)}}
	r := p.reader()
	r.enters("", "doc", "right password").want(303)
	r.get("/ui/authorize?x=1").want(200)
	p.asked = nil
	r.post("/ui/consent", "form", r.form, "request", "x=1", "asked", "1", "do", "find", "find", "Berg 1990-02-03", "purpose", "HRESCH").want(200).contains("Ida Berg", "born 1990-02-03", `value="Patient/7"`)
	if len(p.asked) != 1 || !strings.HasPrefix(p.asked[0], "search {Type:Patient ") || !strings.Contains(p.asked[0], "name") || !strings.Contains(p.asked[0], "birthdate") {
		t.Errorf("asked: %q", p.asked)
	}
	p.err = &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such resource."}
	r.post("/ui/consent", "form", r.form, "request", "x=1", "asked", "1", "do", "allow", "purpose", "TREAT", "patient", "Patient/8", "scope", "patient/*.r").want(404)
	if len(p.apps.done) > 0 {
		t.Errorf("done: %q", p.apps.done)
	}
}

func TestWrongAppsGetAPageAndNoRedirect(t *testing.T) {
	p := startPeople(t)
	p.apps.refusal = &oauth.Refusal{Code: "invalid_request", Description: "There is no such app.", Status: 400, Err: errors.New("x")}
	r := p.reader()
	a := r.get("/ui/authorize?redirect_uri=https://evil.example").want(400).contains("There is no such app.")
	if a.Header.Get("Location") != "" || a.Header.Get("Refresh") != "" || strings.Contains(a.body, "evil") {
		t.Errorf("it leads on: %v %s", a.Header, a.body)
	}
	p.apps.refusal = &oauth.Refusal{Code: "invalid_scope", Redirect: "https://app.example.org/back?error=invalid_scope"}
	r.get("/ui/authorize").want(303).header("Location", "https://app.example.org/back?error=invalid_scope")
}

func TestEachPersonEndsHerApps(t *testing.T) {
	p := startPeople(t)
	p.apps.grants = []oauth.Grant{{Key: "k1", Client: "growth", Scopes: []string{"openid", "patient/Observation.rs"}, Purpose: "TREAT", Context: oauth.Context{Patient: "Patient/1"}, Began: p.now}}
	r := p.reader()
	r.get("/ui/apps").want(401)
	r.enters("/ui/apps", "doc", "right password")
	r.get("/ui/apps").want(200).contains("growth", "Treatment", "Observations (measurements, laboratory results): read and search", "Patient/1", "End its access")
	r.post("/ui/apps", "form", r.form, "grant", "k1").want(200).contains("Its access has ended.", "No app has access")
	if want := []string{"end doc k1"}; !slices.Equal(p.apps.done, want) {
		t.Errorf("done: %q", p.apps.done)
	}
}

// No page of sign-in or consent may be shown in a frame of another site.
func TestPagesAreNotFramed(t *testing.T) {
	p := startPeople(t)
	r := p.reader()
	r.enters("", "doc", "right password")
	for _, path := range []string{"/ui/sign-in", "/ui/authorize?x=1", "/ui/apps", "/ui/ledger"} {
		if a := r.get(path).want(200); !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}

// An app's redirect cannot loosen the page's policy.
func TestPolicyTakesOneSource(t *testing.T) {
	p := startPeople(t)
	r := p.reader()
	r.enters("", "doc", "right password")
	for redirect, want := range map[string]string{
		"https://app.example.org:8443/a?b=c": "form-action 'self' https://app.example.org:8443;", "org.example.app://back": "form-action 'self' org.example.app:;", "https://a;script-src *": "form-action 'self';", "https://a;script-src/x": "form-action 'self';",
		"http://127.0.0.1:9000/x": "form-action 'self' http://127.0.0.1:9000;",
	} {
		p.apps.request.Redirect = redirect
		if got := r.get("/ui/authorize").want(200).Header.Get("Content-Security-Policy"); !strings.Contains(got, want) || strings.Contains(got, "script-src") {
			t.Errorf("%s: %s", redirect, got)
		}
	}
}
