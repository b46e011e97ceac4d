// Package sessiontest is an OpenID provider for tests. It is never linked into the binary.
package sessiontest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// What the provider knows this server by.
const (
	ClientID = "aceso"
	Secret   = "a secret of the client"
)

// Provider is the mock. What a test changes are Claims, Answer and Token.
type Provider struct {
	*httptest.Server
	Claims map[string]any                      // of whoever signs in
	Answer func(url.Values)                    // changes what a browser brings back
	Token  func(claims map[string]any) *string // changes the id_token; non-nil is sent as it is
	Signer *rsa.PrivateKey

	mu    sync.Mutex
	codes map[string]url.Values // code -> the request it is for
}

// Start serves a provider until the test ends.
func Start(t testing.TB) *Provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{Signer: key, codes: map[string]url.Values{}, Claims: map[string]any{"sub": "u-1", "name": "Ada", "fhirUser": "Practitioner/doctor-01", "groups": []string{"staff", "ward"}}}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/authorize", p.authorize)
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/sign-out", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("post_logout_redirect_uri"), http.StatusSeeOther)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys", "end_session_endpoint": p.URL + "/sign-out",
		"authorization_response_iss_parameter_supported": true, "id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	})
}

// authorize signs in whoever comes.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = asked
	p.mu.Unlock()
	answer := url.Values{"code": {code}, "state": {asked.Get("state")}, "iss": {p.URL}}
	if p.Answer != nil {
		p.Answer(answer)
	}
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+answer.Encode(), http.StatusSeeOther)
}

// token gives an id_token for a code, once, to who knows the secret and the verifier.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	asked, known := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	w.Header().Set("Content-Type", "application/json")
	if want, _ := url.QueryUnescape(secret); !known || id != ClientID || want != Secret || asked.Get("code_challenge") != challenge || asked.Get("code_challenge_method") != "S256" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": p.idToken(asked)})
}

func (p *Provider) idToken(asked url.Values) string {
	now := time.Now()
	claims := map[string]any{"iss": p.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": asked.Get("nonce")}
	for name, value := range p.Claims {
		claims[name] = value
	}
	if p.Token != nil {
		if instead := p.Token(claims); instead != nil {
			return *instead
		}
	}
	return p.Sign(claims)
}

// Sign signs claims with the provider's key.
func (p *Provider) Sign(claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.Signer, KeyID: "k1"}}, nil)
	if err != nil {
		panic(err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return text
}

// File is what `serve --sign-in` reads, for this provider.
func (p *Provider) File() string {
	return `{"name": "House account", "issuer": "` + p.URL + `", "client_id": "` + ClientID + `", "secret_file": "secret", "sign_out_there": true,
		"claims": {"role": "groups"}, "roles": [{"value": "office", "role": "privacy-officer", "purposes": ["HOPERAT"]}, {"value": "staff", "role": "practitioner", "purposes": ["TREAT", "HRESCH"]},
		{"value": "patients", "role": "patient", "purposes": ["PATRQT"]}]}`
}
