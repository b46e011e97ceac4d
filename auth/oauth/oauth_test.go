package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

// Wrong client and redirect URI lead to a page, never to a redirect; everything else leads
// back with an error, the state and who answers. Each refusal is recorded.
func TestAuthorizationRequestsAreChecked(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		params url.Values
		code   string
		page   bool
	}{
		"unknown client":                  {params("client_id", "nobody"), "unauthorized_client", true},
		"no client":                       {params("client_id", "-"), "unauthorized_client", true},
		"client with a path":              {params("client_id", "../app"), "unauthorized_client", true},
		"no redirect URI":                 {params("redirect_uri", "-"), "invalid_request", true},
		"another redirect URI":            {params("redirect_uri", "https://evil.example/callback"), "invalid_request", true},
		"redirect URI in other case":      {params("redirect_uri", "https://app.example/Callback"), "invalid_request", true},
		"redirect URI with a port":        {params("redirect_uri", "https://app.example:443/callback"), "invalid_request", true},
		"redirect URI with a dot":         {params("redirect_uri", "https://app.example./callback"), "invalid_request", true},
		"redirect URI with a user":        {params("redirect_uri", "https://app.example@evil.example/callback"), "invalid_request", true},
		"redirect URI with a fragment":    {params("redirect_uri", callback+"#x"), "invalid_request", true},
		"redirect URI with a query":       {params("redirect_uri", callback+"?x=1"), "invalid_request", true},
		"redirect URI with a slash":       {params("redirect_uri", callback+"/"), "invalid_request", true},
		"redirect URI with a step back":   {params("redirect_uri", "https://app.example/x/../callback"), "invalid_request", true},
		"redirect URI by http":            {params("redirect_uri", "http://app.example/callback"), "invalid_request", true},
		"response type":                   {params("response_type", "token"), "unsupported_response_type", false},
		"no state":                        {params("state", "-"), "invalid_request", false},
		"no aud":                          {params("aud", "-"), "invalid_request", false},
		"another aud":                     {params("aud", "https://evil.example/fhir"), "invalid_request", false},
		"no PKCE":                         {params("code_challenge", "-", "code_challenge_method", "-"), "invalid_request", false},
		"plain PKCE":                      {params("code_challenge_method", "plain"), "invalid_request", false},
		"challenge without method":        {params("code_challenge_method", "-"), "invalid_request", false},
		"short challenge":                 {params("code_challenge", "abc"), "invalid_request", false},
		"request object":                  {params("request", "x.y.z"), "request_not_supported", false},
		"no scope":                        {params("scope", "-"), "invalid_scope", false},
		"unknown scope":                   {params("scope", "openid everything"), "invalid_scope", false},
		"malformed scope":                 {params("scope", "patient/*.sr"), "invalid_scope", false},
		"scope beyond the registration":   {params("scope", "user/*.cruds"), "invalid_scope", false},
		"system scope":                    {params("scope", "system/*.rs"), "invalid_scope", false},
		"launch scope without parameter":  {params("scope", "launch patient/*.rs"), "invalid_request", false},
		"launch parameter without scope":  {params("launch", "x"), "invalid_request", false},
		"unknown launch":                  {params("scope", "launch patient/*.rs", "launch", "x"), "invalid_request", false},
		"more than 200 scopes":            {params("scope", manyScopes(201)), "invalid_scope", false},
		"a state that is longer than 2 k": {params("state", strings.Repeat("s", 2001)), "invalid_request", false},
	} {
		r, err := w.Request(t.Context(), &kept.Call{}, c.params)
		var refusal *oauth.Refusal
		if !errors.As(err, &refusal) || r != nil || refusal.Code != c.code || (refusal.Redirect == "") != c.page {
			t.Errorf("%s: %+v, %v", name, r, err)
			continue
		}
		if !c.page && (w.in(refusal.Redirect, "error") != c.code || w.in(refusal.Redirect, "iss") != issuer || w.in(refusal.Redirect, "state") != c.params.Get("state") || w.in(refusal.Redirect, "code") != "" || !strings.HasPrefix(refusal.Redirect, callback+"?")) {
			t.Errorf("%s: leads to %s", name, refusal.Redirect)
		}
		w.tell(name, "authorize "+c.code)
	}
	twice := params()
	twice.Add("scope", "user/*.rs")
	if _, err := w.Request(t.Context(), &kept.Call{}, twice); err == nil {
		t.Error("a parameter that stands twice was taken")
	}
	w.keeper.told()
	for name, good := range map[string]url.Values{"as it is": params(), "aud with a slash": params("aud", base+"/"), "habits of OpenID": params("scope", "openid email patient/*.rs"), "200 scopes": params("scope", manyScopes(200))} {
		if r, err := w.Request(t.Context(), &kept.Call{}, good); err != nil || !r.NeedsPatient {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.tell("requests alone")
}

func manyScopes(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "patient/Observation.r?code=%d ", i)
	}
	return all.String()
}

// A standalone launch gives what SMART says, in one code, one token, and two entries.
func TestStandaloneLaunch(t *testing.T) {
	w := newWorld(t)
	a := w.must(tokenForm(w.code(doctor, params())))
	if a.TokenType != "Bearer" || a.ExpiresIn != 3600 || a.Scope != "launch/patient openid fhirUser patient/*.rs" || a.Patient != "1" || a.RefreshToken != "" || a.Banner == nil || !*a.Banner || a.Style == "" {
		t.Errorf("%+v", a)
	}
	claims, err := w.Open(t.Context(), a.AccessToken)
	if err != nil || claims.Grant == "" || claims.Subject != "Practitioner/12" || claims.User != "Practitioner/12" || claims.Client != "app" || claims.Patient != "1" ||
		claims.Organization != "hospital" || claims.Roles[0].Code != "practitioner" || claims.Purposes[0].Code != "TREAT" || len(claims.Purposes) != 1 || claims.Expires.Sub(w.at) != time.Hour {
		t.Errorf("%+v, %v", claims, err)
	}
	signed, err := jose.ParseSignedCompact(a.IDToken, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || signed.Signatures[0].Protected.KeyID != "id-1" {
		t.Fatal(err)
	}
	payload, err := signed.Verify(idKey().Public())
	var id map[string]any
	if err != nil || json.Unmarshal(payload, &id) != nil || id["iss"] != issuer || id["aud"] != "app" || id["nonce"] != "n-1" || id["fhirUser"] != base+"/Practitioner/12" || id["sub"] != "Practitioner/12" {
		t.Errorf("%v, %v", id, err)
	}
	if _, err := w.Open(t.Context(), a.IDToken); err == nil {
		t.Error("an id_token is taken for an access token")
	}
	w.tell("the flow", "authorize", "token")
}

// A code counts once, for a minute, for its client, redirect URI and challenge. A second
// use ends what the first gave.
func TestCodesCountOnce(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		form func(code string) oauth.Form
		code string
	}{
		"wrong code":            {func(string) oauth.Form { return tokenForm("x") }, "invalid_grant"},
		"no code":               {func(string) oauth.Form { return tokenForm("", "code", "-") }, "invalid_grant"},
		"another redirect URI":  {func(c string) oauth.Form { return tokenForm(c, "redirect_uri", "https://other.example/") }, "invalid_grant"},
		"no redirect URI":       {func(c string) oauth.Form { return tokenForm(c, "redirect_uri", "-") }, "invalid_grant"},
		"no verifier":           {func(c string) oauth.Form { return tokenForm(c, "code_verifier", "-") }, "invalid_grant"},
		"blank verifier":        {func(c string) oauth.Form { return tokenForm(c, "code_verifier", "") }, "invalid_grant"},
		"wrong verifier":        {func(c string) oauth.Form { return tokenForm(c, "code_verifier", verifier+"x") }, "invalid_grant"},
		"challenge as verifier": {func(c string) oauth.Form { return tokenForm(c, "code_verifier", challenge()) }, "invalid_grant"},
		"another client": {func(c string) oauth.Form {
			return tokenForm(c, "client_id", "confidential", "client_secret", w.secret)
		}, "invalid_grant"},
		"unknown grant type": {func(c string) oauth.Form { return tokenForm(c, "grant_type", "password") }, "unsupported_grant_type"},
		"no grant type":      {func(c string) oauth.Form { return tokenForm(c, "grant_type", "-") }, "unsupported_grant_type"},
		"another's grant type": {func(c string) oauth.Form {
			return tokenForm(c, "grant_type", "client_credentials", "scope", "system/*.rs")
		}, "unauthorized_client"},
	} {
		code := w.code(doctor, params())
		w.keeper.told()
		_, err := w.token(c.form(code))
		w.refuses(name, err, c.code, http.StatusBadRequest)
		w.tell(name, "token "+c.code)
	}
	code := w.code(doctor, params())
	w.at = w.at.Add(61 * time.Second)
	_, err := w.token(tokenForm(code))
	w.refuses("after 61 seconds", err, "invalid_grant", http.StatusBadRequest)

	code = w.code(doctor, params("scope", "offline_access patient/*.rs"))
	first := w.must(tokenForm(code))
	w.keeper.told()
	_, err = w.token(tokenForm(code))
	w.refuses("a second time", err, "invalid_grant", http.StatusBadRequest)
	w.tell("a second time", "token invalid_grant")
	if w.active(first.AccessToken) {
		t.Error("what the first use gave still stands")
	}
	_, err = w.token(refreshForm(first.RefreshToken))
	w.refuses("its refresh token", err, "invalid_grant", http.StatusBadRequest)
}

// Refresh tokens change with each use; a second use ends the grant. Scopes may narrow, and
// never widen.
func TestRefresh(t *testing.T) {
	w := newWorld(t)
	a := w.must(tokenForm(w.code(doctor, params("scope", "offline_access launch/patient patient/*.rs"))))
	w.at = w.at.Add(89 * 24 * time.Hour) // three months
	w.keeper.told()
	b := w.must(refreshForm(a.RefreshToken))
	w.tell("refresh", "refresh")
	if b.RefreshToken == "" || b.RefreshToken == a.RefreshToken || b.Patient != "1" || b.Scope != a.Scope {
		t.Errorf("%+v", b)
	}
	_, err := w.token(refreshForm(b.RefreshToken, "scope", "patient/*.cruds"))
	w.refuses("wider", err, "invalid_scope", http.StatusBadRequest)
	c := w.must(refreshForm(b.RefreshToken, "scope", "patient/Observation.rs"))
	if claims, err := w.Open(t.Context(), c.AccessToken); err != nil || claims.Scope != "patient/Observation.rs" || c.Scope != claims.Scope {
		t.Errorf("narrowed to %q, %v", c.Scope, err)
	}
	d := w.must(refreshForm(c.RefreshToken))
	if d.Scope != a.Scope {
		t.Errorf("after a narrower one: %q", d.Scope)
	}
	_, err = w.token(refreshForm(d.RefreshToken, "client_id", "confidential", "client_secret", w.secret))
	w.refuses("another client", err, "invalid_grant", http.StatusBadRequest)
	if !w.active(d.AccessToken) {
		t.Error("another client ended the grant")
	}
	w.keeper.told()
	_, err = w.token(refreshForm(b.RefreshToken))
	w.refuses("an old one", err, "invalid_grant", http.StatusBadRequest)
	w.tell("an old one", "refresh invalid_grant")
	if w.active(d.AccessToken) {
		t.Error("the grant stands after an old refresh token was used")
	}
	_, err = w.token(refreshForm(d.RefreshToken))
	w.refuses("the newest after that", err, "invalid_grant", http.StatusBadRequest)
	_, err = w.token(refreshForm("x"))
	w.refuses("unknown", err, "invalid_grant", http.StatusBadRequest)
}

// A public app need not say its name to refresh (RFC 6749, 6), as npm fhirclient does not;
// an app with a secret has to prove itself.
func TestPublicAppsRefreshWithoutTheirName(t *testing.T) {
	w := newWorld(t)
	a := w.must(tokenForm(w.code(doctor, params("scope", "offline_access launch/patient patient/*.rs"))))
	if b := w.must(refreshForm(a.RefreshToken, "client_id", "-")); b.RefreshToken == "" || b.Patient != "1" {
		t.Errorf("%+v", b)
	}
	_, err := w.token(refreshForm(a.RefreshToken, "client_id", "-"))
	w.refuses("an old one", err, "invalid_grant", http.StatusBadRequest)
	_, err = w.token(refreshForm("x", "client_id", "-"))
	w.refuses("unknown", err, "invalid_client", http.StatusUnauthorized)
	c := w.must(tokenForm(w.code(doctor, params("client_id", "confidential", "scope", "offline_access launch/patient patient/*.rs")), "client_id", "confidential", "client_secret", w.secret))
	_, err = w.token(refreshForm(c.RefreshToken, "client_id", "-"))
	w.refuses("an app with a secret", err, "invalid_client", http.StatusUnauthorized)
}

// Online access ends with the session.
func TestOnlineAccess(t *testing.T) {
	w := newWorld(t)
	w.keeper.Rows["session/k"] = kept.Row{Space: "session", Key: "k", Value: []byte("{}"), Version: 1}
	u := doctor
	u.Session = "k"
	a := w.must(tokenForm(w.code(u, params("scope", "online_access patient/*.rs"))))
	b := w.must(refreshForm(a.RefreshToken))
	delete(w.keeper.Rows, "session/k")
	_, err := w.token(refreshForm(b.RefreshToken))
	w.refuses("after the session", err, "invalid_grant", http.StatusBadRequest)
	if w.active(b.AccessToken) {
		t.Error("the grant stands after the session")
	}
	w.keeper.Rows["session/k"] = kept.Row{Space: "session", Key: "k", Value: []byte("{}"), Version: 1}
	c := w.must(tokenForm(w.code(u, params("scope", "online_access patient/*.rs"))))
	off := w.must(tokenForm(w.code(u, params("scope", "offline_access patient/*.rs"))))
	if err := w.EndSession(t.Context(), &kept.Call{}, u); err != nil || w.active(c.AccessToken) || !w.active(off.AccessToken) {
		t.Errorf("sign-out: %v", err)
	}
}

// A launch counts once, for its app and its user, and brings its context.
func TestLaunchContexts(t *testing.T) {
	w := newWorld(t)
	banner := false
	launch := func(c oauth.Context) string {
		t.Helper()
		text, err := w.Launch(t.Context(), &kept.Call{}, agentOf(doctor), c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	full := oauth.Context{Patient: "Patient/7", Encounter: "Encounter/3", Intent: "order", Tenant: "t", Banner: &banner, Resources: []oauth.Reference{{Reference: "ImagingStudy/1"}}}
	ask := func(text string, changes ...string) (*oauth.Request, error) {
		return w.Request(t.Context(), &kept.Call{}, params(append([]string{"scope", "launch patient/*.rs", "launch", text}, changes...)...))
	}
	text := launch(full)
	r, err := ask(text)
	if err != nil || r.NeedsPatient {
		t.Fatal(r, err)
	}
	approve := func(r *oauth.Request, u oauth.User) (string, error) {
		return w.Approve(t.Context(), &kept.Call{}, r, u, oauth.Choice{Scopes: r.Scopes, Purpose: "TREAT"})
	}
	if _, err := approve(r, oauth.User{Subject: "Practitioner/other", Role: "practitioner", Organization: "hospital", Purposes: []string{"TREAT"}}); err == nil {
		t.Error("somebody else took the launch")
	}
	redirect, err := approve(r, doctor)
	if err != nil {
		t.Fatal(err)
	}
	a := w.must(tokenForm(w.in(redirect, "code")))
	if a.Patient != "7" || a.Encounter != "3" || a.Intent != "order" || a.Tenant != "t" || a.Banner == nil || *a.Banner || len(a.Resources) != 1 {
		t.Errorf("%+v", a)
	}
	if _, err := approve(r, doctor); err == nil {
		t.Error("a launch was used twice at once")
	}
	if _, err := ask(text); err == nil {
		t.Error("a launch was used twice")
	}
	other := launch(oauth.Context{Client: "confidential", Patient: "Patient/7"})
	if _, err := ask(other); err == nil {
		t.Error("another app took the launch")
	}
	old := launch(full)
	w.at = w.at.Add(5*time.Minute + time.Second)
	if _, err := ask(old); err == nil {
		t.Error("an old launch counts")
	}
}

// What is granted is what registration, role and choice agree on.
func TestChoicesBind(t *testing.T) {
	w := newWorld(t)
	scope := "launch/patient patient/Observation.rs patient/Patient.r openid"
	for name, c := range map[string]struct {
		user   oauth.User
		choice oauth.Choice
		scope  string // granted; "": refused
	}{
		"all":                      {doctor, oauth.Choice{Scopes: strings.Fields(scope), Purpose: "TREAT", Patient: "Patient/1"}, scope},
		"a type unticked":          {doctor, oauth.Choice{Scopes: []string{"patient/Patient.r"}, Purpose: "TREAT", Patient: "Patient/1"}, "patient/Patient.r"},
		"fewer actions":            {doctor, oauth.Choice{Scopes: []string{"patient/Observation.r"}, Purpose: "TREAT", Patient: "Patient/1"}, "patient/Observation.r"},
		"more than was asked":      {doctor, oauth.Choice{Scopes: []string{"patient/Observation.cruds"}, Purpose: "TREAT", Patient: "Patient/1"}, ""},
		"another scope":            {doctor, oauth.Choice{Scopes: []string{"user/*.rs"}, Purpose: "TREAT", Patient: "Patient/1"}, ""},
		"nothing":                  {doctor, oauth.Choice{Purpose: "TREAT", Patient: "Patient/1"}, ""},
		"purpose of the app only":  {doctor, oauth.Choice{Scopes: []string{"patient/Patient.r"}, Purpose: "HRESCH", Patient: "Patient/1"}, ""},
		"purpose of the user only": {doctor, oauth.Choice{Scopes: []string{"patient/Patient.r"}, Purpose: "ETREAT", Patient: "Patient/1"}, ""},
		"no purpose":               {doctor, oauth.Choice{Scopes: []string{"patient/Patient.r"}, Patient: "Patient/1"}, ""},
		"no patient":               {doctor, oauth.Choice{Scopes: []string{"patient/Patient.r"}, Purpose: "TREAT"}, ""},
		"patient that is none":     {doctor, oauth.Choice{Scopes: []string{"patient/Patient.r"}, Purpose: "TREAT", Patient: "Patient/1/x"}, ""},
		"herself":                  {anna, oauth.Choice{Scopes: []string{"patient/Patient.r"}, Purpose: "TREAT", Patient: "Patient/2"}, "patient/Patient.r"},
	} {
		r, err := w.Request(t.Context(), &kept.Call{}, params("scope", scope))
		if err != nil {
			t.Fatal(err)
		}
		w.keeper.told()
		redirect, err := w.Approve(t.Context(), &kept.Call{}, r, c.user, c.choice)
		if c.scope == "" {
			var refusal *oauth.Refusal
			if !errors.As(err, &refusal) || w.in(refusal.Redirect, "error") == "" || w.in(refusal.Redirect, "state") != "s-1" {
				t.Errorf("%s: %s, %v", name, redirect, err)
			} else {
				w.tell(name, "authorize "+refusal.Code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a := w.must(tokenForm(w.in(redirect, "code"))); a.Scope != c.scope || a.Patient != "1" {
			t.Errorf("%s: %q of patient %s", name, a.Scope, a.Patient)
		}
	}
	r, err := w.Request(t.Context(), &kept.Call{}, params())
	if err != nil {
		t.Fatal(err)
	}
	w.keeper.told()
	if redirect, err := w.Deny(t.Context(), &kept.Call{}, r, doctor); err != nil || w.in(redirect, "error") != "access_denied" || w.in(redirect, "state") != "s-1" || w.in(redirect, "iss") != issuer {
		t.Errorf("denied: %s, %v", redirect, err)
	}
	w.tell("denied", "authorize access_denied")
	forbidden := doctor
	forbidden.Purposes = []string{"BTG"}
	c := app("emergency", oauth.Public)
	c.Purposes = []string{"BTG"}
	w.add(c)
	if r, err = w.Request(t.Context(), &kept.Call{}, params("client_id", "emergency")); err != nil {
		t.Fatal(err)
	}
	var refusal *oauth.Refusal
	if redirect, err := w.Approve(t.Context(), &kept.Call{}, r, forbidden, oauth.Choice{Scopes: r.Scopes, Purpose: "BTG", Patient: "Patient/1"}); !errors.As(err, &refusal) || refusal.Code != "access_denied" || refusal.Redirect == "" {
		t.Errorf("forbidden by the policy: %s, %v", redirect, err)
	}
}

// Each kind of client proves who it is in its own way, and in no other.
func TestClientsProveWhoTheyAre(t *testing.T) {
	w := newWorld(t)
	basic := func(id, secret string) []string {
		return []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}
	}
	conf := func(changes ...string) oauth.Form {
		f := tokenForm(w.code(doctor, params("client_id", "confidential")), append([]string{"client_id", "-"}, changes...)...)
		w.keeper.told()
		return f
	}
	with := func(f oauth.Form, header []string) oauth.Form { f.Authorization = header; return f }
	if a := w.must(with(conf(), basic("confidential", w.secret))); a.AccessToken == "" {
		t.Error("Basic")
	}
	if a := w.must(conf("client_id", "confidential", "client_secret", w.secret)); a.AccessToken == "" {
		t.Error("in the form")
	}
	for name, c := range map[string]struct {
		form   oauth.Form
		code   string
		status int
	}{
		"wrong secret":           {with(conf(), basic("confidential", "x")), "invalid_client", 401},
		"unknown client":         {with(conf(), basic("nobody", w.secret)), "invalid_client", 401},
		"no secret":              {conf("client_id", "confidential"), "invalid_client", 401},
		"no client":              {conf(), "invalid_client", 401},
		"no Basic":               {with(conf(), []string{"Bearer x"}), "invalid_client", 401},
		"two ways":               {with(conf("client_id", "confidential", "client_secret", w.secret), basic("confidential", w.secret)), "invalid_request", 400},
		"two clients":            {with(conf("client_id", "app"), basic("confidential", w.secret)), "invalid_client", 401},
		"secret of a public one": {tokenForm(w.code(doctor, params()), "client_secret", "x"), "invalid_client", 401},
	} {
		w.keeper.told()
		_, err := w.token(c.form)
		w.refuses(name, err, c.code, c.status)
		w.tell(name, "token "+c.code)
	}
	if err := w.DisableClient(t.Context(), &kept.Call{}, operator, "app", true); err != nil {
		t.Fatal(err)
	}
	_, err := w.token(tokenForm("x"))
	w.refuses("a disabled client", err, "invalid_client", 401)
	if _, err := w.Request(t.Context(), &kept.Call{}, params()); err == nil {
		t.Error("a disabled client may ask")
	}
}
