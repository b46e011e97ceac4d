package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
)

const appCallback = "https://app.example/callback"

// appNode is a node with two patients, three apps and a backend.
type appNode struct {
	*testNode
	secret string // of the symmetric app
	key    *ecdsa.PrivateKey
}

func startAppNode(t *testing.T) *appNode {
	t.Helper()
	a := &appNode{testNode: startNode(t, t.TempDir())}
	twoPatients(a.testNode)
	a.register()
	return a
}

// register adds the clients.
func (a *appNode) register() {
	a.T.Helper()
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		a.T.Fatal(err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.key.Public(), KeyID: "k1", Algorithm: "ES384", Use: "sig"}}})
	if err != nil {
		a.T.Fatal(err)
	}
	scopes := strings.Fields("openid fhirUser profile launch launch/patient launch/encounter online_access offline_access patient/*.cruds user/*.cruds patient/*.read")
	grants := []string{"authorization_code", "refresh_token"}
	for _, c := range []oauth.Client{
		{ID: "app", Name: "An app", Kind: oauth.Public, Redirects: []string{appCallback}, Scopes: scopes, Purposes: []string{"TREAT", "PATRQT"}, Grants: grants},
		{ID: "confidential", Kind: oauth.Symmetric, Redirects: []string{appCallback}, Scopes: scopes, Purposes: []string{"TREAT"}, Grants: grants, Introspects: true},
		{ID: "signing", Kind: oauth.Asymmetric, JWKS: keys, Redirects: []string{appCallback}, Scopes: scopes, Purposes: []string{"TREAT"}, Grants: grants},
		{ID: "backend", Kind: oauth.Asymmetric, JWKS: keys, Scopes: []string{"system/*.cruds"}, Purposes: []string{"HOPERAT"}, Grants: []string{"client_credentials"}, Role: "system", Organization: "hospital"},
	} {
		secret, err := a.node.AddClient(a.T.Context(), c)
		if err != nil {
			a.T.Fatal(err)
		}
		a.secret += secret
	}
}

var appDoctor = oauth.User{Subject: "Practitioner/practitioner", Name: "Dr. Berg", Role: agent.Practitioner, Organization: "hospital", Purposes: []string{"TREAT"}}

const appVerifier = "a-verifier-of-at-least-forty-three-characters"

// authorizationOf are the parameters of an authorization request.
func (a *appNode) authorizationOf(scope string, changes ...string) url.Values {
	sum := sha256.Sum256([]byte(appVerifier))
	v := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {appCallback}, "state": {"st"}, "aud": {a.node.identity.BaseURL}, "scope": {scope}, "nonce": {"no"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	return v
}

// code is one that the doctor approved, as the consent page does it.
func (a *appNode) code(v url.Values) string {
	a.T.Helper()
	s := a.node.authorization.Server
	r, err := s.Request(a.T.Context(), &oauth.Call{}, v)
	if err != nil {
		a.T.Fatal(err)
	}
	redirect, err := s.Approve(a.T.Context(), &oauth.Call{}, r, appDoctor, oauth.Choice{Scopes: r.Scopes, Purpose: "TREAT", Patient: "Patient/p1"})
	if err != nil {
		a.T.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil || u.Query().Get("state") != "st" {
		a.T.Fatal(redirect, err)
	}
	return u.Query().Get("code")
}

// form posts a form to an endpoint.
func (a *appNode) form(path string, form url.Values, header ...string) response {
	a.T.Helper()
	r, err := http.NewRequest(http.MethodPost, a.Server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := a.Exchange("POST "+path, r)
	if err != nil {
		a.T.Fatal(err)
	}
	return answer
}

func (a *appNode) redeem(code string, changes ...string) response {
	a.T.Helper()
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {appCallback}, "client_id": {"app"}, "code_verifier": {appVerifier}}
	for i := 0; i+1 < len(changes); i += 2 {
		if v.Set(changes[i], changes[i+1]); changes[i+1] == "-" {
			v.Del(changes[i])
		}
	}
	return a.form("/oauth/token", v)
}

// assertion signs one for a client; changes are pairs of claims.
func (a *appNode) assertion(client string, changes ...any) string {
	a.T.Helper()
	claims := map[string]any{"iss": client, "sub": client, "aud": a.node.authorization.TokenURL, "exp": time.Now().Add(4 * time.Minute).Unix(), "jti": uuid.NewString()}
	for i := 0; i+1 < len(changes); i += 2 {
		claims[changes[i].(string)] = changes[i+1]
	}
	text, err := json.Marshal(claims)
	if err != nil {
		a.T.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: a.key, KeyID: "k1"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		a.T.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		a.T.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		a.T.Fatal(err)
	}
	return token
}

func (a *appNode) backendForm(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
}

func (a *appNode) with(token any) user {
	text, _ := token.(string)
	return user{Node: &a.Node, Token: text}
}

// plain asks without a token.
func (a *appNode) plain(method, path string, header ...string) (*http.Response, []byte) {
	a.T.Helper()
	r, err := http.NewRequest(method, a.Server.URL+path, nil)
	if err != nil {
		a.T.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		a.T.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		a.T.Fatal(err)
	}
	return answer, body
}

// SMART App Launch 2.2.0, line by line, over HTTP, with exact statuses.
func TestSMARTAppLaunch(t *testing.T) {
	a := startAppNode(t)
	site := strings.TrimSuffix(a.node.identity.BaseURL, "/fhir")
	text := func(j map[string]any, name string) string { s, _ := j[name].(string); return s }
	has := func(t *testing.T, j map[string]any, name string, want ...string) {
		t.Helper()
		var got []string
		list, _ := j[name].([]any)
		for _, one := range list {
			got = append(got, fmt.Sprint(one))
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s lacks %s: %q", name, w, got)
			}
		}
	}
	t.Run("7.2 smart-configuration needs no token and is JSON whatever is accepted", func(t *testing.T) {
		for _, accept := range []string{"", "application/json", "application/fhir+json", "application/fhir+xml", "text/html"} {
			answer, body := a.plain("GET", "/fhir/.well-known/smart-configuration", "Accept", accept, "Origin", "https://anybody.example")
			var j map[string]any
			if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &j) != nil || answer.Header.Get("Access-Control-Allow-Origin") != "https://anybody.example" {
				t.Errorf("%q: %d %v %s", accept, answer.StatusCode, answer.Header, body)
			}
			for name, want := range map[string]string{
				"issuer": site, "jwks_uri": site + "/oauth/jwks.json", "authorization_endpoint": site + "/ui/authorize", "token_endpoint": site + "/oauth/token",
				"introspection_endpoint": site + "/oauth/introspect", "revocation_endpoint": site + "/oauth/revoke", "management_endpoint": site + "/ui/apps", "registration_endpoint": site + "/oauth/register",
			} {
				if text(j, name) != want {
					t.Errorf("%s is %v, want %s", name, j[name], want)
				}
			}
			has(t, j, "grant_types_supported", "authorization_code", "client_credentials", "refresh_token")
			has(t, j, "response_types_supported", "code")
			has(t, j, "token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "private_key_jwt")
			has(t, j, "token_endpoint_auth_signing_alg_values_supported", "RS384", "ES384")
			has(t, j, "scopes_supported", "openid", "fhirUser", "launch", "launch/patient", "offline_access", "online_access", "patient/*.rs", "user/*.cruds", "system/*.rs")
			has(t, j, "capabilities", strings.Fields(`launch-ehr launch-standalone client-public client-confidential-symmetric client-confidential-asymmetric sso-openid-connect context-banner
				context-style context-ehr-patient context-ehr-encounter context-standalone-patient context-standalone-encounter permission-offline permission-online permission-patient permission-user
				permission-v1 permission-v2 authorize-post`)...)
			if fmt.Sprint(j["code_challenge_methods_supported"]) != "[S256]" {
				t.Errorf("challenges %v", j["code_challenge_methods_supported"])
			}
		}
	})
	t.Run("OpenID Connect Discovery 4", func(t *testing.T) {
		_, body := a.plain("GET", "/.well-known/openid-configuration")
		var j map[string]any
		if json.Unmarshal(body, &j) != nil || text(j, "issuer") != site || fmt.Sprint(j["id_token_signing_alg_values_supported"]) != "[RS256]" {
			t.Errorf("%s", body)
		}
		_, body = a.plain("GET", "/oauth/jwks.json")
		var set jose.JSONWebKeySet
		if json.Unmarshal(body, &set) != nil || len(set.Keys) != 2 || set.Keys[0].Algorithm != "RS256" || set.Keys[1].Algorithm != "EdDSA" || !set.Keys[0].IsPublic() || !set.Keys[1].IsPublic() {
			t.Errorf("%s", body)
		}
	})
	t.Run("7.1 CapabilityStatement names SMART and its URIs", func(t *testing.T) {
		_, body := a.plain("GET", "/fhir/metadata")
		for _, want := range []string{"SMART-on-FHIR", "oauth-uris", site + "/oauth/token", site + "/ui/authorize", `"name":"launch-context"`} {
			if !strings.Contains(string(body), want) {
				t.Errorf("lacks %s", want)
			}
		}
	})
	t.Run("2.1.6 CORS for registered apps", func(t *testing.T) {
		preflight := func(path, origin string) string {
			answer, _ := a.plain("OPTIONS", path, "Origin", origin, "Access-Control-Request-Method", "POST")
			return answer.Header.Get("Access-Control-Allow-Origin")
		}
		for path, opens := range map[string]bool{"/oauth/token": true, "/fhir/Patient": true, "/ui/apps": false, "/admin/clients": false} {
			if got := preflight(path, "https://app.example"); (got != "") != opens {
				t.Errorf("%s for an app: %q", path, got)
			}
			if got := preflight(path, "https://evil.example"); got != "" {
				t.Errorf("%s for anybody: %q", path, got)
			}
		}
	})
	t.Run("2.1.9 authorization by GET and POST", func(t *testing.T) {
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		good := a.authorizationOf("launch/patient patient/*.rs")
		answer, err := client.Get(a.Server.URL + "/ui/authorize?" + good.Encode())
		if err != nil || answer.StatusCode != 303 || strings.HasPrefix(answer.Header.Get("Location"), appCallback) {
			t.Errorf("GET: %v %v", answer, err)
		}
		answer, err = client.PostForm(a.Server.URL+"/ui/authorize", good)
		if err != nil || answer.StatusCode != 303 || strings.HasPrefix(answer.Header.Get("Location"), appCallback) {
			t.Errorf("POST: %v %v", answer, err)
		}
		for what, bad := range map[string]url.Values{"client": a.authorizationOf("openid", "client_id", "x"), "redirect URI": a.authorizationOf("openid", "redirect_uri", "https://evil.example/")} {
			answer, err := client.Get(a.Server.URL + "/ui/authorize?" + bad.Encode())
			if err != nil || answer.StatusCode != 400 || answer.Header.Get("Location") != "" || !strings.Contains(answer.Header.Get("Content-Type"), "text/html") {
				t.Errorf("wrong %s: %v %v", what, answer, err)
			}
		}
		for what, c := range map[string][2]string{"aud": {"aud", "https://x.example/fhir"}, "PKCE": {"code_challenge_method", "plain"}, "scope": {"scope", "patient/Observation.rs?nonsense=1"}} {
			answer, err := client.Get(a.Server.URL + "/ui/authorize?" + a.authorizationOf("openid", c[0], c[1]).Encode())
			if err != nil {
				t.Fatal(err)
			}
			to, err := url.Parse(answer.Header.Get("Location"))
			if err != nil || to.Query().Get("error") == "" || to.Query().Get("state") != "st" || to.Query().Get("iss") != site || to.Query().Get("code") != "" {
				t.Errorf("wrong %s: %v", what, to)
			}
		}
	})
	var answer map[string]any
	code := a.code(a.authorizationOf("launch/patient openid fhirUser offline_access patient/*.rs"))
	t.Run("2.1.13 token answer", func(t *testing.T) {
		r := a.redeem(code).Want(200)
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Pragma") != "no-cache" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v", r.Header)
		}
		answer = r.JSON()
		if text(answer, "token_type") != "Bearer" || answer["expires_in"] != 3600.0 || text(answer, "patient") != "p1" || answer["need_patient_banner"] != true || text(answer, "smart_style_url") != site+"/oauth/style.json" ||
			text(answer, "scope") != "launch/patient openid fhirUser offline_access patient/*.rs" || text(answer, "refresh_token") == "" || text(answer, "id_token") == "" {
			t.Errorf("%v", answer)
		}
		if style, _ := a.plain("GET", "/oauth/style.json"); style.StatusCode != 200 {
			t.Error(style.StatusCode)
		}
	})
	app := a.with(answer["access_token"])
	t.Run("2.1.15 access to the API within scope and patient", func(t *testing.T) {
		app.Get("/Patient/p1").Want(200)
		app.Get("/Observation/o-p2").Want(404)
		app.Put("/Observation/o-p1", observationJSON("o-p1", "p1", 71)).Want(403)
		narrow := a.with(a.redeem(a.code(a.authorizationOf("launch/patient patient/Patient.r"))).Want(200).JSON()["access_token"])
		narrow.Get("/Patient/p1").Want(200)
		narrow.Get("/Observation/o-p1").Want(403)
		narrow.Get("/Observation?patient=p1").Want(403)
		a.with("").Get("/Patient/p1").Want(401)
		a.with(answer["id_token"]).Get("/Patient/p1").Want(401)
		a.with(answer["refresh_token"]).Get("/Patient/p1").Want(401)
	})
	t.Run("2.1.14 errors of the token endpoint", func(t *testing.T) {
		for what, c := range map[string]struct {
			status  int
			changes []string
		}{
			"wrong code":          {400, []string{"code", "x"}},
			"wrong client":        {401, []string{"client_id", "nobody"}},
			"PKCE missing":        {400, []string{"code_verifier", "-"}},
			"PKCE blank":          {400, []string{"code_verifier", ""}},
			"PKCE wrong":          {400, []string{"code_verifier", appVerifier + "x"}},
			"PKCE the challenge":  {400, []string{"code_verifier", a.authorizationOf("").Get("code_challenge")}},
			"wrong redirect":      {400, []string{"redirect_uri", "https://x.example/"}},
			"wrong refresh token": {400, []string{"grant_type", "refresh_token", "refresh_token", "x"}},
		} {
			r := a.redeem(a.code(a.authorizationOf("openid")), c.changes...).Want(c.status)
			if r.JSON()["error"] == nil || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s", what, r.Body)
			}
		}
		if r, _ := a.plain("GET", "/oauth/token?grant_type=authorization_code"); r.StatusCode != 405 {
			t.Errorf("GET: %d", r.StatusCode)
		}
		a.form("/oauth/token?code="+code, url.Values{"grant_type": {"authorization_code"}}).Want(400)
	})
	t.Run("2.1.16 refresh", func(t *testing.T) {
		ask := func(token any, scope string) response {
			v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {fmt.Sprint(token)}, "client_id": {"app"}}
			if scope != "" {
				v.Set("scope", scope)
			}
			return a.form("/oauth/token", v)
		}
		next := ask(answer["refresh_token"], "").Want(200).JSON()
		a.with(next["access_token"]).Get("/Patient/p1").Want(200)
		ask(next["refresh_token"], "patient/*.cruds").Want(400)
		less := ask(next["refresh_token"], "patient/Patient.r").Want(200).JSON()
		a.with(less["access_token"]).Get("/Observation/o-p1").Want(403)
		ask(answer["refresh_token"], "").Want(400) // a second time
		for _, token := range []any{answer["access_token"], next["access_token"], less["access_token"]} {
			a.with(token).Get("/Patient/p1").Want(401)
		}
	})
	t.Run("2.1.10 a code counts once and ends what it gave", func(t *testing.T) {
		code := a.code(a.authorizationOf("launch/patient patient/*.rs"))
		first := a.with(a.redeem(code).Want(200).JSON()["access_token"])
		first.Get("/Patient/p1").Want(200)
		a.redeem(code).Want(400)
		first.Get("/Patient/p1").Want(401)
	})
	t.Run("2.2 EHR launch", func(t *testing.T) {
		doctor := a.as("practitioner", "TREAT")
		r := doctor.Post("/$launch-context", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/p2"}},{"name":"encounter","valueReference":{"reference":"Encounter/e1"}},
			{"name":"intent","valueString":"review"},{"name":"needPatientBanner","valueBoolean":false},{"name":"fhirContext","valueReference":{"reference":"ImagingStudy/i1"}}]}`).Want(200)
		launch, err := r.Find("parameter[0].valueString")
		if err != nil || len(launch) != 1 {
			launch = []string{r.JSON()["parameter"].([]any)[0].(map[string]any)["valueString"].(string)}
		}
		v := a.authorizationOf("launch patient/*.rs", "launch", launch[0])
		j := a.redeem(a.code(v)).Want(200).JSON()
		if text(j, "patient") != "p2" || text(j, "encounter") != "e1" || text(j, "intent") != "review" || j["need_patient_banner"] != false || j["fhirContext"] == nil {
			t.Errorf("%v", j)
		}
		a.with(j["access_token"]).Get("/Patient/p2").Want(200)
		a.with(j["access_token"]).Get("/Patient/p1").Want(404)
		if _, err := a.node.authorization.Request(t.Context(), &oauth.Call{}, v); err == nil {
			t.Error("a launch counts twice")
		}
		doctor.Post("/$launch-context", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Group/1"}}]}`).Want(422)
		a.with("").Post("/$launch-context", `{"resourceType":"Parameters"}`).Want(401)
	})
	t.Run("4.1 clients prove who they are", func(t *testing.T) {
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("confidential:"+a.secret))
		form := func(client string) url.Values {
			return url.Values{"grant_type": {"authorization_code"}, "code": {a.code(a.authorizationOf("launch/patient patient/*.rs", "client_id", client))}, "redirect_uri": {appCallback}, "code_verifier": {appVerifier}}
		}
		a.form("/oauth/token", form("confidential"), "Authorization", basic).Want(200)
		if r := a.form("/oauth/token", form("confidential"), "Authorization", "Basic eDp5").Want(401); !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%v", r.Header)
		}
		signing := form("signing")
		signing.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		signing.Set("client_assertion", a.assertion("signing"))
		a.form("/oauth/token", signing).Want(200)
	})
	t.Run("5 backend services", func(t *testing.T) {
		assertion := a.assertion("backend")
		j := a.form("/oauth/token", a.backendForm(assertion)).Want(200).JSON()
		if j["expires_in"].(float64) > 300 || j["refresh_token"] != nil || text(j, "scope") != "system/*.rs" {
			t.Errorf("%v", j)
		}
		a.with(j["access_token"]).Get("/Patient/p1").Want(200)
		a.form("/oauth/token", a.backendForm(assertion)).Want(401)
		long := a.backendForm(a.assertion("backend", "exp", time.Now().Add(10*time.Minute).Unix()))
		a.form("/oauth/token", long).Want(401)
		wide := a.backendForm(a.assertion("backend"))
		wide.Set("scope", "system/*.cruds user/*.rs")
		a.form("/oauth/token", wide).Want(400)
	})
	t.Run("RFC 7662 introspection and RFC 7009 revocation", func(t *testing.T) {
		token := a.redeem(a.code(a.authorizationOf("launch/patient openid fhirUser patient/*.rs"))).Want(200).JSON()["access_token"].(string)
		look := func(text string) map[string]any {
			return a.form("/oauth/introspect", url.Values{"client_id": {"confidential"}, "client_secret": {a.secret}, "token": {text}}).Want(200).JSON()
		}
		j := look(token)
		if j["active"] != true || text(j, "scope") != "launch/patient openid fhirUser patient/*.rs" || text(j, "client_id") != "app" || text(j, "iss") != site || text(j, "sub") == "" || text(j, "patient") != "p1" || text(j, "fhirUser") == "" || j["exp"] == nil {
			t.Errorf("%v", j)
		}
		if j := look("nonsense"); len(j) != 1 || j["active"] != false {
			t.Errorf("%v", j)
		}
		a.form("/oauth/introspect", url.Values{"token": {token}}).Want(401)
		a.form("/oauth/introspect", url.Values{"client_id": {"app"}, "token": {token}}).Want(401)
		a.with(token).Get("/Patient/p1").Want(200)
		a.form("/oauth/revoke", url.Values{"client_id": {"confidential"}, "client_secret": {a.secret}, "token": {token}}).Want(400)
		a.with(token).Get("/Patient/p1").Want(200)
		a.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {token}}).Want(200)
		a.with(token).Get("/Patient/p1").Want(401)
		if j := look(token); len(j) != 1 || j["active"] != false {
			t.Errorf("%v", j)
		}
		a.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {"nonsense"}}).Want(200)
	})
}
