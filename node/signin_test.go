package node

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/auth/session/sessiontest"
	"github.com/aceso-health/aceso/kept"
)

// person is somebody with a browser that has no JavaScript: it keeps cookies, follows links
// and sends forms.
type person struct {
	*testing.T
	client  http.Client
	at      *url.URL // the page that is shown
	status  int
	header  http.Header
	page    string
	outside string // where a redirect leads that the browser did not follow, because it leaves the server
}

// arrives is a person with a fresh browser at a server.
func arrives(t *testing.T, server string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	home, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{T: t, at: home}
	p.client = http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host != home.Host {
			p.outside = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return p
}

func (p *person) does(r *http.Request, err error) *person {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
	p.outside = ""
	a, err := p.client.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		p.Fatal(err)
	}
	p.at, p.status, p.header, p.page = a.Request.URL, a.StatusCode, a.Header, string(body)
	return p
}

// opens follows a link.
func (p *person) opens(link string) *person {
	p.Helper()
	u, err := p.at.Parse(link)
	if err != nil {
		p.Fatal(err)
	}
	return p.does(http.NewRequestWithContext(p.Context(), http.MethodGet, u.String(), http.NoBody))
}

var (
	formTag  = regexp.MustCompile(`(?s)<form[^>]* action="([^"]*)"[^>]*>(.*?)</form>`)
	inputTag = regexp.MustCompile(`<input[^>]*>`)
	attrTag  = regexp.MustCompile(`([a-z]+)="([^"]*)"|\bchecked\b`)
)

// fields are what a form of the page would send as it stands, by its action.
func (p *person) fields(action string) url.Values {
	p.Helper()
	for _, form := range formTag.FindAllStringSubmatch(p.page, -1) {
		if form[1] != action {
			continue
		}
		values := url.Values{}
		for _, tag := range inputTag.FindAllString(form[2], -1) {
			attr, checked := map[string]string{}, strings.Contains(tag, " checked")
			for _, m := range attrTag.FindAllStringSubmatch(tag, -1) {
				attr[m[1]] = html.UnescapeString(m[2])
			}
			if kind := attr["type"]; kind != "radio" && kind != "checkbox" || checked {
				values.Add(attr["name"], attr["value"])
			}
		}
		return values
	}
	p.Fatalf("no form for %s on the page:\n%s", action, p.page)
	return nil
}

// sends fills in a form of the page: a value of "-" unticks what the field has.
func (p *person) sends(action string, pairs ...string) *person {
	p.Helper()
	values := p.fields(action)
	for i := 0; i < len(pairs); i += 2 {
		values.Del(pairs[i])
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "-" {
			values.Add(pairs[i], pairs[i+1])
		}
	}
	u, err := p.at.Parse(action)
	if err != nil {
		p.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, u.String(), strings.NewReader(values.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return p.does(r, err)
}

// sees says that the page has a status and words.
func (p *person) sees(status int, words ...string) *person {
	p.Helper()
	if p.status != status {
		p.Errorf("%s: status %d, want %d:\n%s", p.at.Path, p.status, status, p.page)
	}
	for _, w := range words {
		if !strings.Contains(p.page, w) {
			p.Errorf("%s: no %q on the page:\n%s", p.at.Path, w, p.page)
		}
	}
	return p
}

const goodPassword = "a right password"

// atNode is a node at whose own address its pages are, with a doctor and an officer.
func atNode(t *testing.T, change ...func(*Node, *Options)) *testNode {
	t.Helper()
	n := startNode(t, t.TempDir(), change...)
	twoPatients(n)
	for _, u := range []oauth.User{
		{Login: "doctor", Subject: "Practitioner/practitioner", Name: "Ada Berg", Role: agent.Practitioner, Organization: "hospital", Purposes: []string{"TREAT", "HRESCH"}},
		{Login: "officer", Subject: "officer", Name: "Eva Lind", Role: agent.PrivacyOfficer, Organization: "hospital", Purposes: []string{"TREAT", "HOPERAT"}},
		{Login: "patient", Subject: "Patient/p1", Role: agent.Patient, Organization: "hospital", Patient: "Patient/p1", Purposes: []string{"PATRQT"}},
	} {
		if err := n.node.SetUser(t.Context(), u, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// An officer signs in with her password, looks at the ledger, and signs out; each of it is
// a record that names her.
func TestPeopleSignInAtANode(t *testing.T) {
	n := atNode(t)
	p := arrives(t, n.Server.URL)
	p.opens("/ui/ledger").sees(401, "Sign in", `name="login"`)
	p.sends("/ui/sign-in", "login", "officer", "password", "a wrong password").sees(401, "The name or the password is wrong.")
	before := n.size("changes")
	p.sends("/ui/sign-in", "login", "officer", "password", goodPassword).sees(200, "Eva Lind", "hospital")
	if got := n.size("changes") - before; got != 1 {
		t.Errorf("the sign-in left %d records", got)
	}
	p.sends("/ui/sign-out").sees(401, "Sign in")
	p.opens("/ui/apps").sees(401)
	officer := n.as("privacy-officer", "HOPERAT")
	for _, what := range []string{"sign-in", "sign-out"} {
		found := officer.Get("/AuditEvent?subtype=" + what).Want(200)
		if !found.Has(`"110114"`) || !found.Has("Eva Lind") {
			t.Errorf("%s: %s", what, found.Body)
		}
	}
	wrong := officer.Get("/AuditEvent?subtype=sign-in&outcome=4").Want(200)
	if len(wrong.IDs()) != 1 || wrong.Has("Eva Lind") {
		t.Errorf("the wrong password: %s", wrong.Body)
	}
	wantWhole(t, n.data, n.database)
}

// What the pages show of one role they do not show of another: the session is no way round
// the policy.
func TestSessionsMayWhatTheirRoleMay(t *testing.T) {
	n := atNode(t)
	for _, login := range []string{"doctor", "patient"} {
		p := arrives(t, n.Server.URL)
		p.opens("/ui/sign-in").sends("/ui/sign-in", "login", login, "password", goodPassword).sees(200, "Desk")
		p.opens("/ui/ledger").sees(403, "interaction-not-allowed")
	}
}

// A session's cookie is no token: the API does not take it.
func TestSessionsAreForPagesOnly(t *testing.T) {
	n := atNode(t)
	p := arrives(t, n.Server.URL)
	p.opens("/ui/sign-in").sends("/ui/sign-in", "login", "doctor", "password", goodPassword)
	for _, k := range p.client.Jar.Cookies(p.at) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.Server.URL+"/fhir/Patient/p1", http.NoBody)
		if err == nil {
			r.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
		}
		p.does(r, err).sees(401)
		r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, n.Server.URL+"/fhir/Patient/p1", http.NoBody)
		if err == nil {
			r.Header.Set("Authorization", "Bearer "+k.Value)
		}
		p.does(r, err).sees(401)
	}
}

// Users and sessions are those of the folder: they outlive a restart.
func TestSessionsOutliveARestart(t *testing.T) {
	n := atNode(t)
	p := arrives(t, n.Server.URL)
	p.opens("/ui/sign-in").sends("/ui/sign-in", "login", "officer", "password", goodPassword).sees(200)
	cookies := p.client.Jar.Cookies(p.at)
	path := string(n.data)
	n.stop()
	again := startNode(t, path)
	p = arrives(t, again.Server.URL)
	p.client.Jar.SetCookies(p.at.JoinPath("/ui/ledger"), cookies)
	p.opens("/ui/ledger").sees(200, "Eva Lind")
}

// Operators change users while the node is stopped; the session of who is removed ends.
func TestOperatorsChangeUsers(t *testing.T) {
	n := atNode(t)
	p := arrives(t, n.Server.URL)
	p.opens("/ui/sign-in").sends("/ui/sign-in", "login", "officer", "password", goodPassword).sees(200)
	cookies, path := p.client.Jar.Cookies(p.at), string(n.data)
	n.stop()
	receipts, err := ChangeUsers(t.Context(), n.data, Database{}, func(u *session.Users, c *kept.Call) error { return u.Remove(t.Context(), c, "officer") })
	if err != nil || len(receipts) != 1 {
		t.Fatalf("%v, %v", receipts, err)
	}
	again := startNode(t, path)
	p = arrives(t, again.Server.URL)
	p.client.Jar.SetCookies(p.at.JoinPath("/ui/ledger"), cookies)
	p.opens("/ui/ledger").sees(401)
	found := again.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype=user-write").Want(200)
	if !found.Has("aceso user") {
		t.Errorf("%s", found.Body)
	}
	wantWhole(t, again.data, again.database, receipts...)
}

// atProvider is a node whose people sign in at a provider.
func atProvider(t *testing.T) (*testNode, *sessiontest.Provider) {
	t.Helper()
	m, dir := sessiontest.Start(t), t.TempDir()
	for name, text := range map[string]string{"sign-in.json": m.File(), "secret": sessiontest.Secret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.SignIn = filepath.Join(dir, "sign-in.json") })
	n.node.provider.Back, n.node.provider.Home = n.Server.URL+"/ui/signed-in", n.Server.URL+"/ui/ledger"
	return n, m
}

// Somebody signs in at the provider, sees what the role there allows here, and signs out at
// both.
func TestPeopleSignInAtAProviderOfANode(t *testing.T) {
	n, m := atProvider(t)
	m.Claims["groups"] = []string{"office"}
	p := arrives(t, n.Server.URL)
	p.client.CheckRedirect = nil
	p.opens("/ui/ledger").sees(401, "Sign in with House account")
	p.opens("/ui/provider?next=%2Fui%2Fledger").sees(200, "Ada", "hospital")
	p.sends("/ui/sign-out").sees(200, "Signed out here", m.URL+"/sign-out?")
	if refresh := p.header.Get("Refresh"); !strings.HasPrefix(refresh, "0; url="+m.URL+"/sign-out?") {
		t.Errorf("Refresh: %s", refresh)
	}
	p.opens("/ui/ledger").sees(401)
	m.Claims["groups"] = []string{"guests"}
	p.opens("/ui/provider?next=%2Fui%2Fledger").sees(401, "Your account has no role on this server. Ask those who run it.")
	m.Claims["groups"] = []string{"office"}
	m.Answer = func(v url.Values) { v.Set("iss", "https://evil.example") }
	p.opens("/ui/provider?next=%2Fui%2Fledger").sees(401, "The provider did not sign you in here. Sign in again.")
	p.opens("/ui/ledger").sees(401)
	p.opens("/ui/signed-in?code=x&state=y&iss="+url.QueryEscape(m.URL)).sees(401, "This browser has not begun to sign in, or too long ago. Sign in again.")
	if found := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype=sign-in&outcome=4").Want(200); len(found.IDs()) != 2 {
		t.Errorf("refusals: %s", found.Body)
	}
}
