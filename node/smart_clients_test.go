package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/auth/oauth"
)

// clientLines are those of what clients prove, and ask about tokens.
func clientLines() []smartLine {
	return slices.Concat(proofLines(), assertionLines(), backendLines(), introspectionLines(), registrationLines())
}

// redeemAs is a code of a client, redeemed with its proof.
func (a *smartNode) redeemAs(client string, proof url.Values, header ...string) response {
	a.T.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {a.code(a.authorizationOf(standalone, "client_id", client))}, "redirect_uri": {appCallback}, "code_verifier": {appVerifier}}
	for name := range proof {
		form.Set(name, proof.Get(name))
	}
	return a.form("/oauth/token", form, header...)
}

func signedProof(assertion string) url.Values {
	return url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
}

func proofLines() []smartLine {
	basic := func(secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("confidential:"+secret))
	}
	return []smartLine{
		{"4.2 Symmetric authentication: client_secret_basic", func(t *testing.T, a *smartNode) {
			a.redeemAs("confidential", nil, "Authorization", basic(a.secret)).Want(200)
		}},
		{"4.2 Symmetric authentication: client_secret_post", func(t *testing.T, a *smartNode) {
			a.redeemAs("confidential", url.Values{"client_id": {"confidential"}, "client_secret": {a.secret}}).Want(200)
		}},
		{"4.2 Symmetric authentication: a wrong secret is 401, in the words of HTTP Basic", func(t *testing.T, a *smartNode) {
			if r := a.redeemAs("confidential", nil, "Authorization", basic("x")).Want(401); !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Basic") || r.JSON()["error"] != "invalid_client" {
				t.Errorf("%v %s", r.Header, r.Body)
			}
		}},
		{"4.2 Symmetric authentication: no secret is 401", func(t *testing.T, a *smartNode) {
			a.redeemAs("confidential", url.Values{"client_id": {"confidential"}}).Want(401)
		}},
		{"4.1 Asymmetric authentication: private_key_jwt", func(t *testing.T, a *smartNode) {
			a.redeemAs("signing", signedProof(a.assertion("signing"))).Want(200)
		}},
		{"4.1 Asymmetric authentication: no assertion is 401", func(t *testing.T, a *smartNode) {
			a.redeemAs("signing", url.Values{"client_id": {"signing"}}).Want(401)
		}},
	}
}

func assertionLines() (lines []smartLine) {
	const at = "4.1 Asymmetric authentication: "
	soon := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, one := range []struct {
		what    string
		status  int
		changes []any
	}{
		{"iat is optional", 200, nil},
		{"iat may be there", 200, []any{"iat", soon(0)}},
		{"iss is the client", 401, []any{"iss", "signing"}},
		{"sub is the client", 401, []any{"sub", "signing"}},
		{"aud is the token endpoint", 401, []any{"aud", "https://elsewhere.example/token"}},
		{"aud is not the FHIR base", 401, []any{"aud", "http://127.0.0.1/fhir"}},
		{"exp is needed", 401, []any{"exp", 0}},
		{"exp has not passed", 401, []any{"exp", soon(-5 * time.Minute)}},
		{"exp is five minutes away at most", 401, []any{"exp", soon(10 * time.Minute)}},
		{"jti is needed", 401, []any{"jti", ""}},
	} {
		lines = append(lines, smartLine{at + one.what, func(t *testing.T, a *smartNode) {
			a.form("/oauth/token", a.backendForm(a.assertion("backend", one.changes...))).Want(one.status)
		}})
	}
	return append(lines,
		smartLine{at + "a jti counts once", func(t *testing.T, a *smartNode) {
			assertion := a.assertion("backend")
			a.form("/oauth/token", a.backendForm(assertion)).Want(200)
			a.form("/oauth/token", a.backendForm(assertion)).Want(401)
		}},
		smartLine{at + "another key with that kid proves nothing", func(t *testing.T, a *smartNode) {
			mine := a.key
			defer func() { a.key = mine }()
			var err error
			if a.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
				t.Fatal(err)
			}
			a.form("/oauth/token", a.backendForm(a.assertion("backend"))).Want(401)
		}},
		smartLine{at + "two keys with one kid prove nothing", func(t *testing.T, a *smartNode) {
			other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.key.Public(), KeyID: "k1", Algorithm: "ES384"}, {Key: other.Public(), KeyID: "k1", Algorithm: "ES384"}}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = a.node.AddClient(t.Context(), oauth.Client{
				ID: "twice", Kind: oauth.Asymmetric, JWKS: keys, Scopes: []string{"system/*.rs"}, Purposes: []string{"HOPERAT"}, Grants: []string{"client_credentials"}, Role: "system", Organization: "hospital",
			}); err == nil {
				a.form("/oauth/token", a.backendForm(a.assertion("twice"))).Want(401)
			}
		}},
	)
}

func backendLines() []smartLine {
	ask := func(a *smartNode, scope string) response {
		form := a.backendForm(a.assertion("backend"))
		form.Set("scope", scope)
		return a.form("/oauth/token", form)
	}
	return []smartLine{
		{"3 Backend Services: a token of five minutes at most, without a refresh token", func(t *testing.T, a *smartNode) {
			got := ask(a, "system/*.rs").Want(200).JSON()
			if seconds, _ := got["expires_in"].(float64); seconds <= 0 || seconds > 300 || got["refresh_token"] != nil || word(got, "scope") != "system/*.rs" || word(got, "token_type") != "Bearer" {
				t.Error(got)
			}
			a.with(got["access_token"]).Get("/Patient/p1").Want(200)
		}},
		{"3 Backend Services: scopes of other contexts are refused", func(t *testing.T, a *smartNode) {
			if got := ask(a, "user/*.rs").Want(400).JSON(); got["error"] != "invalid_scope" {
				t.Error(got)
			}
		}},
		{"3 Backend Services: a scope is needed", func(t *testing.T, a *smartNode) { ask(a, "").Want(400) }},
		{"3 Backend Services: an app is no backend", func(t *testing.T, a *smartNode) {
			form := a.backendForm(a.assertion("signing"))
			if got := a.form("/oauth/token", form).Want(400).JSON(); got["error"] != "unauthorized_client" {
				t.Error(got)
			}
		}},
	}
}

// look asks about a token as a client that may.
func (a *smartNode) look(token any) map[string]any {
	a.T.Helper()
	text, _ := token.(string)
	return a.form("/oauth/introspect", url.Values{"client_id": {"confidential"}, "client_secret": {a.secret}, "token": {text}}).Want(200).JSON()
}

func introspectionLines() (lines []smartLine) {
	const at = "5 Token Introspection: "
	for name, want := range map[string]string{"scope": standalone, "client_id": "app", "iss": "SITE", "sub": "Practitioner/practitioner", "patient": "p1", "fhirUser": "SITE/fhir/Practitioner/practitioner"} {
		lines = append(lines, smartLine{at + name, func(t *testing.T, a *smartNode) {
			if got := word(a.look(a.token(standalone)["access_token"]), name); got != strings.Replace(want, "SITE", a.site, 1) {
				t.Error(got)
			}
		}})
	}
	return append(lines,
		smartLine{at + "active and exp", func(t *testing.T, a *smartNode) {
			got := a.look(a.token(standalone)["access_token"])
			if ends, _ := got["exp"].(float64); got["active"] != true || int64(ends) <= time.Now().Unix() {
				t.Error(got)
			}
		}},
		smartLine{at + "encounter", func(t *testing.T, a *smartNode) {
			launch := a.launch(launchedP2 + `,{"name":"encounter","valueReference":{"reference":"Encounter/e1"}}`)
			if got := a.look(a.token("launch patient/*.rs", "launch", launch)["access_token"]); got["encounter"] != "e1" {
				t.Error(got)
			}
		}},
		smartLine{at + "an unknown token is 200 and not active, and no more", func(t *testing.T, a *smartNode) {
			if got := a.look("nonsense"); len(got) != 1 || got["active"] != false {
				t.Error(got)
			}
		}},
		smartLine{at + "not without proof", func(t *testing.T, a *smartNode) {
			token := word(a.token(standalone), "access_token")
			a.form("/oauth/introspect", url.Values{"token": {token}}).Want(401)
			a.form("/oauth/introspect", url.Values{"client_id": {"app"}, "token": {token}}).Want(401)
		}},
		smartLine{"RFC 7009 2.1: a revoked token is not active, and opens nothing", func(t *testing.T, a *smartNode) {
			token := word(a.token(standalone), "access_token")
			a.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {token}}).Want(200)
			if got := a.look(token); len(got) != 1 || got["active"] != false {
				t.Error(got)
			}
			a.with(token).Get("/Patient/p1").Want(401)
		}},
		smartLine{"RFC 7009 2.1: another client's token is not revoked", func(t *testing.T, a *smartNode) {
			token := word(a.token(standalone), "access_token")
			a.form("/oauth/revoke", url.Values{"client_id": {"confidential"}, "client_secret": {a.secret}, "token": {token}}).Want(400)
			a.with(token).Get("/Patient/p1").Want(200)
		}},
		smartLine{"RFC 7009 2.2: an unknown token is revoked already", func(t *testing.T, a *smartNode) {
			a.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {"nonsense"}}).Want(200)
		}},
	)
}

// administers sends JSON as an administrator, or with another token.
func (a *smartNode) administers(method, path, body, token string) (status int, j map[string]any) {
	a.T.Helper()
	r, err := http.NewRequestWithContext(a.T.Context(), method, a.Server.URL+path, strings.NewReader(body))
	if err != nil {
		a.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := a.Exchange(method+" "+path, r)
	if err != nil {
		a.T.Fatal(err)
	}
	if len(answer.Body) > 0 {
		_ = json.Unmarshal(answer.Body, &j)
	}
	return answer.Status, j
}

func registrationLines() []smartLine {
	const at, one = "2.1 App Launch, Register App with EHR: ", `{"id":"added","name":"Added","kind":"symmetric","redirects":["https://added.example/cb"],"launch":"https://added.example/launch","scopes":["patient/*.rs","launch"],
		"purposes":["TREAT","PATRQT"],"grants":["authorization_code"],"logo":"https://added.example/logo.png","contact":"help@added.example"}`
	return []smartLine{
		{at + "an administrator adds, disables, lists and removes clients", func(t *testing.T, a *smartNode) {
			token := a.as("administrator", "HOPERAT").Token
			if status, got := a.administers("POST", "/admin/clients", one, token); status != 201 || word(got, "client_secret") == "" {
				t.Fatal(status, got)
			}
			if status, _, _ := a.asks(a.authorizationOf("patient/*.rs", "client_id", "added", "redirect_uri", "https://added.example/cb")); status != 303 {
				t.Error(status)
			}
			if status, _ := a.administers("POST", "/admin/clients/added/disable", "", token); status != 204 {
				t.Error(status)
			}
			if status, _, _ := a.asks(a.authorizationOf("patient/*.rs", "client_id", "added", "redirect_uri", "https://added.example/cb")); status != 400 {
				t.Error(status)
			}
			if status, got := a.administers("GET", "/admin/clients", "", token); status != 200 || got["clients"] == nil {
				t.Error(status, got)
			}
			if status, _ := a.administers("DELETE", "/admin/clients/added", "", token); status != 204 {
				t.Error(status)
			}
		}},
		{at + "others may not", func(t *testing.T, a *smartNode) {
			if status, _ := a.administers("GET", "/admin/clients", "", a.as("practitioner", "TREAT").Token); status != 403 {
				t.Error(status)
			}
			if status, _ := a.administers("GET", "/admin/clients", "", ""); status != 401 {
				t.Error(status)
			}
		}},
		{"RFC 7591 3: a client registers itself with an initial token, once", func(t *testing.T, a *smartNode) {
			const asked = `{"redirect_uris":["https://self.example/cb"],"token_endpoint_auth_method":"none","scope":"patient/*.rs"}`
			if status, _ := a.administers("POST", "/oauth/register", asked, ""); status != 401 {
				t.Error(status)
			}
			_, got := a.administers("POST", "/admin/registrations", `{"scopes":["patient/*.rs"],"purposes":["TREAT"]}`, a.as("administrator", "HOPERAT").Token)
			initial := word(got, "initial_access_token")
			if status, got := a.administers("POST", "/oauth/register", asked, initial); status != 201 || word(got, "client_id") == "" {
				t.Error(status, got)
			}
			if status, _ := a.administers("POST", "/oauth/register", asked, initial); status != 401 {
				t.Error(status)
			}
		}},
	}
}
