package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
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
	r, err := s.Request(a.T.Context(), &kept.Call{}, v)
	if err != nil {
		a.T.Fatal(err)
	}
	redirect, err := s.Approve(a.T.Context(), &kept.Call{}, r, appDoctor, oauth.Choice{Scopes: r.Scopes, Purpose: "TREAT", Patient: "Patient/p1"})
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
