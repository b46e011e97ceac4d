package node

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
)

// Each sentence with which docs/refusals.md says that pages are refused to people.
func TestRefusalsOfPages(t *testing.T) {
	a := &smartNode{appNode: &appNode{testNode: atNode(t)}}
	a.register()
	p := arrives(t, a.Server.URL)
	p.client.Jar.SetCookies(p.at, []*http.Cookie{{Name: "aceso-session", Value: "ended", Path: "/"}})
	p.opens("/ui/apps").sees(401, "Sign in to see this page.")
	p.opens("/ui/sign-in").sends("/ui/sign-in", "login", "-", "token", strings.Repeat("x", 3801)).sees(413)
	p.wants("The token is too long for a cookie, which takes … bytes. Request one with fewer scopes.")
	p.posts("/ui/sign-in", "token=%zz").sees(400, "The form is not well-formed.")
	p.posts("/ui/sign-in", "token=x").sees(403, "This form was not made for this browser, or too long ago. Load the page again, and allow its cookies.")

	doctor := a.visits("doctor", "launch/patient patient/*.rs")
	doctor.opens("/ui/apps").sees(200)
	doctor.sends("/ui/sign-out")
	v := a.visits("patient", "patient/*.rs")
	v.sends("/ui/consent", "do", "allow")
	v.opens("/ui/apps").sees(200)
	signed := v.fields("/ui/sign-out")
	signed.Set("grant", "none")
	v.posts("/ui/apps", signed.Encode()).sees(404, "You have let no such app in, or its access has ended.")

	v = a.visits("doctor", "launch/patient launch/encounter patient/*.rs")
	v.sends("/ui/consent", "do", "find", "find", "familyp1 1970-01-01").sends("/ui/consent", "patient", "Patient/p1", "encounter", "Encounter/none", "do", "allow").sees(404, "The patient has no such visit that you may see.")

	if _, err := a.node.AddClient(t.Context(), oauth.Client{ID: "research", Name: "Research", Kind: oauth.Public, Redirects: []string{appCallback}, Scopes: []string{"patient/*.rs"}, Purposes: []string{"HRESCH"}, Grants: []string{"authorization_code"}}); err != nil {
		t.Fatal(err)
	}
	if err := a.node.SetUser(t.Context(), oauth.User{Login: "nurse", Subject: "Practitioner/nurse", Name: "N", Role: agent.Practitioner, Organization: "hospital", Purposes: []string{"TREAT"}}, goodPassword); err != nil {
		t.Fatal(err)
	}
	p = arrives(t, a.Server.URL)
	p.opens("/ui/authorize?" + a.authorizationOf("patient/*.rs", "client_id", "research").Encode())
	p.sends("/ui/sign-in", "login", "nurse", "password", goodPassword).sees(403, "The app is registered for no purpose of use that you may act for, so you cannot give it access. Ask those who run this server.")

	p = arrives(t, a.Server.URL)
	p.opens("/ui/sign-in")
	for range 9 {
		if p.status != 429 {
			p.sends("/ui/sign-in", "login", "officer", "password", "a wrong password")
		}
	}
	p.sees(429).wants("There were too many wrong passwords for this name or from this address. Wait … seconds, then try again.")
}

// What a grant gave ends with it.
func TestRefusalsOfEndedGrants(t *testing.T) {
	a := &smartNode{appNode: &appNode{testNode: atNode(t)}}
	a.register()
	token := a.token("patient/*.rs offline_access launch/patient")
	a.with(token["access_token"]).Get("/Patient/p1").Want(200)
	a.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {word(token, "refresh_token")}}).Want(200)
	answer := a.with(token["access_token"]).Get("/Patient/p1")
	if !refuses(answer, "401", "What this token rests on was ended by its user or an operator, or has expired; ask for a new authorization.") {
		t.Error(answer)
	}
}

// A provider that does not answer lets nobody in.
func TestRefusalsOfAProviderThatIsDown(t *testing.T) {
	n, m := atProvider(t)
	m.Close()
	arrives(t, n.Server.URL).opens("/ui/provider?next=%2Fui%2Fledger").sees(503, "The provider where people sign in cannot be asked now. Try again later.")
}

// wants looks for a sentence of docs/refusals.md on the page.
func (p *person) wants(sentence string) {
	p.Helper()
	before, after, _ := strings.Cut(sentence, "…")
	p.sees(p.status, before, after)
}

// posts sends a form that is on no page.
func (p *person) posts(to, form string) *person {
	p.Helper()
	u, err := p.at.Parse(to)
	if err != nil {
		p.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, u.String(), strings.NewReader(form))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return p.does(r, err)
}
