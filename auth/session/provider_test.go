package session

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session/sessiontest"
)

func providerOf(t *testing.T, m *sessiontest.Provider, change ...func(*ProviderConfig)) *Provider {
	t.Helper()
	c, err := ReadProvider(fstest.MapFS{"sign-in.json": {Data: []byte(m.File())}, "secret": {Data: []byte(sessiontest.Secret + "\n")}}, "sign-in.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(c)
	}
	return &Provider{ProviderConfig: *c, Back: "https://here.example/ui/signed-in", Home: "https://here.example/ui/", House: "hospital", Bases: "https://here.example/fhir", Now: time.Now}
}

// goes lets a browser sign in there, and returns what it brings back.
func goes(t *testing.T, p *Provider, w Way) url.Values {
	t.Helper()
	there, err := p.URL(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := client.Get(there)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	back, err := r.Location()
	if err != nil {
		t.Fatal(err)
	}
	return back.Query()
}

func TestPeopleSignInAtTheProvider(t *testing.T) {
	m := sessiontest.Start(t)
	p, way := providerOf(t, m), NewWay("/ui/apps")
	there, err := p.URL(t.Context(), way)
	if err != nil || !strings.Contains(there, "code_challenge_method=S256") || !strings.Contains(there, "nonce=") || !strings.Contains(there, "scope=openid+profile") {
		t.Errorf("%s, %v", there, err)
	}
	again, ok := ReadWay(way.Cookie())
	if !ok || again.Next() != "/ui/apps" {
		t.Fatalf("the cookie says %+v", again)
	}
	s, err := p.Finish(t.Context(), again, goes(t, p, way))
	if err != nil {
		t.Fatal(err)
	}
	want := oauth.User{Login: "u-1", Subject: "Practitioner/doctor-01", Name: "Ada", Role: "practitioner", Organization: "hospital"}
	got := s.User
	if purposes := got.Purposes; !slices.Equal(purposes, []string{"TREAT", "HRESCH"}) {
		t.Errorf("purposes %q", purposes)
	}
	if got.Purposes = nil; got.Subject != want.Subject || got.Role != want.Role || got.Organization != want.Organization || got.Login != want.Login || got.Name != want.Name || s.Provider != m.URL {
		t.Errorf("%+v", s)
	}
	out := p.SignOutURL(t.Context(), &s)
	if !strings.HasPrefix(out, m.URL+"/sign-out?") || !strings.Contains(out, "id_token_hint=") || !strings.Contains(out, "post_logout_redirect_uri=https%3A%2F%2Fhere.example") {
		t.Errorf("sign-out at %s", out)
	}
	if p.SignOutURL(t.Context(), &Session{}) != "" {
		t.Error("a local user is signed out at the provider")
	}
}

func TestAnswersOfTheProviderAreHeldAgainstTheQuestion(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*sessiontest.Provider){
		"state":       func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Set("state", "another") } },
		"no state":    func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Del("state") } },
		"issuer":      func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Set("iss", "https://evil.example") } },
		"no issuer":   func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Del("iss") } },
		"two issuers": func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Add("iss", "https://evil.example") } },
		"code":        func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Set("code", "another") } },
		"no code":     func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Del("code") } },
		"refusal":     func(m *sessiontest.Provider) { m.Answer = func(v url.Values) { v.Set("error", "access_denied") } },
		"nonce": func(m *sessiontest.Provider) {
			m.Token = func(c map[string]any) *string { c["nonce"] = "another"; return nil }
		},
		"audience": func(m *sessiontest.Provider) {
			m.Token = func(c map[string]any) *string { c["aud"] = "another"; return nil }
		},
		"other issuer": func(m *sessiontest.Provider) {
			m.Token = func(c map[string]any) *string { c["iss"] = "https://evil.example"; return nil }
		},
		"expired": func(m *sessiontest.Provider) {
			m.Token = func(c map[string]any) *string { c["exp"] = 1000; return nil }
		},
		"key":         func(m *sessiontest.Provider) { m.Signer = other },
		"no id_token": func(m *sessiontest.Provider) { m.Token = func(map[string]any) *string { return new(string) } },
		"unsigned": func(m *sessiontest.Provider) {
			m.Token = func(map[string]any) *string { s := "eyJhbGciOiJub25lIn0.e30."; return &s }
		},
	} {
		m := sessiontest.Start(t)
		change(m)
		p, way := providerOf(t, m), NewWay("/ui/")
		if s, err := p.Finish(t.Context(), way, goes(t, p, way)); !errors.Is(err, ErrProvider) {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
	}
	m := sessiontest.Start(t)
	p, mine, theirs := providerOf(t, m), NewWay("/ui/"), NewWay("/ui/")
	if _, err := p.Finish(t.Context(), mine, goes(t, p, theirs)); !errors.Is(err, ErrProvider) {
		t.Errorf("the answer to another browser: %v", err)
	}
	answer := goes(t, p, mine)
	if _, err := p.Finish(t.Context(), mine, answer); err != nil {
		t.Error(err)
	}
	if _, err := p.Finish(t.Context(), mine, answer); !errors.Is(err, ErrProvider) {
		t.Errorf("a code that was used: %v", err)
	}
	if elsewhere, _ := ReadWay(strings.SplitN(mine.Cookie(), ".", 2)[0] + ".Lw"); elsewhere.derive("state") == mine.derive("state") {
		t.Error("where it leads is not held by the state")
	}
}

func TestClaimsBecomeUsers(t *testing.T) {
	config := func(change func(*ProviderConfig)) *Provider {
		p := providerOf(t, &sessiontest.Provider{Server: stub()}, func(c *ProviderConfig) { change(c) })
		return p
	}
	usual := config(func(*ProviderConfig) {})
	for name, test := range map[string]struct {
		p      *Provider
		claims map[string]any
		want   string
	}{
		"staff":            {usual, map[string]any{"sub": "a", "groups": "x staff"}, "practitioner http://127.0.0.1:1|a  hospital [TREAT HRESCH]"},
		"office first":     {usual, map[string]any{"sub": "a", "groups": []any{"staff", "office"}}, "privacy-officer http://127.0.0.1:1|a  hospital [HOPERAT]"},
		"no role":          {usual, map[string]any{"sub": "a", "groups": []any{"guests"}}, ""},
		"no groups":        {usual, map[string]any{"sub": "a"}, ""},
		"nobody":           {usual, map[string]any{"groups": "staff"}, ""},
		"a URL here":       {usual, map[string]any{"sub": "a", "groups": "staff", "fhirUser": "https://here.example/fhir/Practitioner/9"}, "practitioner Practitioner/9  hospital [TREAT HRESCH]"},
		"a URL elsewhere":  {usual, map[string]any{"sub": "a", "groups": "staff", "fhirUser": "https://there.example/fhir/Practitioner/9"}, "practitioner http://127.0.0.1:1|a  hospital [TREAT HRESCH]"},
		"not a person":     {usual, map[string]any{"sub": "a", "groups": "staff", "fhirUser": "Organization/9"}, "practitioner http://127.0.0.1:1|a  hospital [TREAT HRESCH]"},
		"patient":          {usual, map[string]any{"sub": "a", "groups": "patients", "fhirUser": "Patient/9"}, "patient Patient/9 Patient/9 hospital [PATRQT]"},
		"patient unknown":  {usual, map[string]any{"sub": "a", "groups": "patients"}, ""},
		"patient is staff": {usual, map[string]any{"sub": "a", "groups": "patients", "fhirUser": "Practitioner/9"}, ""},
		"nested":           {config(func(c *ProviderConfig) { c.Claims.Role = "realm_access.roles" }), map[string]any{"sub": "a", "realm_access": map[string]any{"roles": []any{"staff"}}}, "practitioner http://127.0.0.1:1|a  hospital [TREAT HRESCH]"},
		"purposes":         {config(func(c *ProviderConfig) { c.Claims.Purposes = "pou" }), map[string]any{"sub": "a", "groups": "staff", "pou": []any{"HRESCH", "HOPERAT"}}, "practitioner http://127.0.0.1:1|a  hospital [HRESCH]"},
		"no purposes":      {config(func(c *ProviderConfig) { c.Claims.Purposes = "pou" }), map[string]any{"sub": "a", "groups": "staff"}, ""},
		"at most":          {config(func(c *ProviderConfig) { c.Purposes = []string{"TREAT"} }), map[string]any{"sub": "a", "groups": "staff"}, "practitioner http://127.0.0.1:1|a  hospital [TREAT]"},
		"organisation":     {config(func(c *ProviderConfig) { c.Claims.Organization = "org" }), map[string]any{"sub": "a", "groups": "staff", "org": "clinic"}, "practitioner http://127.0.0.1:1|a  clinic [TREAT HRESCH]"},
	} {
		u, err := test.p.user(test.claims)
		got := strings.Join([]string{u.Role, u.Subject, u.Patient, u.Organization, "[" + strings.Join(u.Purposes, " ") + "]"}, " ")
		if err != nil {
			got = ""
		}
		if got != test.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
	}
}

func TestSignInFilesAreChecked(t *testing.T) {
	good := (&sessiontest.Provider{Server: stub()}).File()
	for what, change := range map[string][2]string{
		"unknown member": {`"name"`, `"nmae"`}, "issuer": {"http://127.0.0.1:1", "http://idp.example"}, "client": {`"client_id": "aceso"`, `"client_id": ""`}, "secret": {`"secret_file": "secret",`, ""},
		"both secrets": {`"secret_file"`, `"secret_env": "X", "secret_file"`}, "role": {`"role": "patient"`, `"role": "system"`}, "purpose": {"PATRQT", "FUN"}, "query": {"http://127.0.0.1:1", "https://idp.example/?a=b"},
		"no secret file": {`"secret_file": "secret"`, `"secret_file": "gone"`}, "empty variable": {`"secret_file": "secret"`, `"secret_env": "ACESO_TEST_UNSET"`},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if c, err := ReadProvider(fstest.MapFS{"f": {Data: []byte(text)}, "secret": {Data: []byte("x")}}, "f"); err == nil || text == good {
			t.Errorf("%s: %+v is accepted", what, c)
		}
	}
}

func TestProviderThatIsAwayIsSaid(t *testing.T) {
	p := providerOf(t, &sessiontest.Provider{Server: stub()})
	if there, err := p.URL(t.Context(), NewWay("/")); !errors.Is(err, ErrProvider) {
		t.Errorf("%s, %v", there, err)
	}
}

// stub is where nobody answers.
func stub() *httptest.Server { return &httptest.Server{URL: "http://127.0.0.1:1"} }
