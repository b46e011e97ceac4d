package oauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

// signer makes assertions.
type signer struct {
	*world
	ec  *ecdsa.PrivateKey
	rsa *rsa.PrivateKey
}

const keysAt = "https://backend.example/jwks.json"

func newSigner(t *testing.T) *signer {
	t.Helper()
	s := &signer{world: newWorld(t), rsa: idKey()}
	var err error
	if s.ec, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.ec.Public(), KeyID: "ec"}, {Key: s.rsa.Public(), KeyID: "rsa"}, {Key: s.ec.Public(), KeyID: "twice"}, {Key: s.rsa.Public(), KeyID: "twice"}}}
	keys, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	backend := oauth.Client{ID: "backend", Kind: oauth.Asymmetric, JWKS: keys, Scopes: []string{"system/*.rs"}, Purposes: []string{"HOPERAT"}, Grants: []string{"client_credentials"}, Role: "system", Organization: "hospital"}
	s.add(backend)
	backend.ID = "other"
	s.add(backend)
	s.keeper.told()
	return s
}

// claims of a good assertion, changed by pairs; nil removes one.
func (s *signer) claims(changes ...any) map[string]any {
	c := map[string]any{"iss": "backend", "sub": "backend", "aud": endpoint, "exp": s.at.Add(4 * time.Minute).Unix(), "jti": uuid.NewString()}
	for i := 0; i+1 < len(changes); i += 2 {
		if c[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(c, changes[i].(string))
		}
	}
	return c
}

func (s *signer) sign(alg jose.SignatureAlgorithm, key any, kid string, header map[jose.HeaderKey]any, claims map[string]any) string {
	s.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	for k, v := range header {
		o = o.WithHeader(k, v)
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, o)
	if err != nil {
		s.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		s.Fatal(err)
	}
	signed, err := made.Sign(text)
	if err != nil {
		s.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		s.Fatal(err)
	}
	return token
}

func (s *signer) good(changes ...any) string {
	return s.sign(jose.ES384, s.ec, "ec", nil, s.claims(changes...))
}

func backendForm(assertion string, changes ...string) oauth.Form {
	v := url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion": {assertion}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
	return oauth.Form{Values: changed(v, changes...)}
}

// hs384 signs with what everybody knows.
func hs(alg, kid string, claims map[string]any, secret []byte) string {
	encode := func(v any) string { text, _ := json.Marshal(v); return base64.RawURLEncoding.EncodeToString(text) }
	input := encode(map[string]string{"alg": alg, "kid": kid}) + "." + encode(claims)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Assertions that are not those of the client, of now, for this endpoint, are refused, and
// each refusal is recorded.
func TestAssertionsAreHeldToTheLetter(t *testing.T) {
	s := newSigner(t)
	for name, token := range map[string]string{
		"ES384": s.good(), "RS384": s.sign(jose.RS384, s.rsa, "rsa", nil, s.claims()), "aud in a list": s.good("aud", []string{"https://x.example", endpoint}), "with iat": s.good("iat", s.at.Unix()),
	} {
		a, err := s.token(backendForm(token))
		if err != nil || a.ExpiresIn > 300 || a.RefreshToken != "" || a.IDToken != "" {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	s.tell("good ones", "token", "token", "token", "token")
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := json.Marshal(s.ec.Public())
	jwk, _ := json.Marshal(jose.JSONWebKey{Key: stranger.Public()})
	parts := strings.Split(s.good(), ".")
	for name, token := range map[string]string{
		"another key":                 s.sign(jose.ES384, stranger, "ec", nil, s.claims()),
		"no kid":                      s.sign(jose.ES384, s.ec, "", nil, s.claims()),
		"unknown kid":                 s.sign(jose.ES384, s.ec, "x", nil, s.claims()),
		"two keys with the kid":       s.sign(jose.ES384, s.ec, "twice", nil, s.claims()),
		"key of the other algorithm":  s.sign(jose.RS384, s.rsa, "ec", nil, s.claims()),
		"RS256":                       s.sign(jose.RS256, s.rsa, "rsa", nil, s.claims()),
		"ES256":                       s.sign(jose.ES256, p256, "ec", nil, s.claims()),
		"HS384 with the public key":   hs("HS384", "ec", s.claims(), public),
		"none":                        base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"ec"}`)) + "." + parts[1] + ".",
		"jku":                         s.sign(jose.ES384, s.ec, "ec", map[jose.HeaderKey]any{"jku": "http://169.254.169.254/keys"}, s.claims()),
		"jwk":                         s.sign(jose.ES384, stranger, "ec", map[jose.HeaderKey]any{"jwk": json.RawMessage(jwk)}, s.claims()),
		"x5u":                         s.sign(jose.ES384, s.ec, "ec", map[jose.HeaderKey]any{"x5u": "https://x.example"}, s.claims()),
		"another kind of token":       s.sign(jose.ES384, s.ec, "ec", map[jose.HeaderKey]any{"typ": "at+jwt"}, s.claims()),
		"iss is another":              s.good("iss", "other"),
		"sub is another":              s.good("sub", "other"),
		"no iss":                      s.good("iss", nil),
		"aud is the FHIR base":        s.good("aud", base),
		"aud is a prefix":             s.good("aud", issuer),
		"no aud":                      s.good("aud", nil),
		"no exp":                      s.good("exp", nil),
		"expired":                     s.good("exp", s.at.Add(-31*time.Second).Unix()),
		"exp in six minutes":          s.good("exp", s.at.Add(6*time.Minute).Unix()),
		"exp beyond any clock":        s.good("exp", 1e300),
		"iat tomorrow":                s.good("iat", s.at.Add(24*time.Hour).Unix()),
		"nbf tomorrow":                s.good("nbf", s.at.Add(24*time.Hour).Unix()),
		"no jti":                      s.good("jti", nil),
		"a jti of 256 bytes":          s.good("jti", strings.Repeat("j", 256)),
		"no JWT":                      "x.y.z",
		"too long":                    strings.Repeat("x", 17<<10),
		"of a client without keys":    s.good("iss", "app", "sub", "app"),
		"of a client that is unknown": s.good("iss", "nobody", "sub", "nobody"),
	} {
		s.keeper.told()
		_, err := s.token(backendForm(token))
		s.refuses(name, err, "invalid_client", http.StatusUnauthorized)
		s.tell(name, "token invalid_client")
	}
	_, err = s.token(backendForm(s.good(), "client_id", "other"))
	s.refuses("client_id of another", err, "invalid_client", http.StatusUnauthorized)
	_, err = s.token(backendForm(s.good(), "client_assertion_type", "x"))
	s.refuses("another type", err, "invalid_request", http.StatusBadRequest)
}

// An assertion counts once, whatever becomes of its first use, and for one issuer.
func TestAssertionsCountOnce(t *testing.T) {
	s := newSigner(t)
	token := s.good("jti", "same")
	s.must(backendForm(token))
	_, err := s.token(backendForm(token))
	s.refuses("again", err, "invalid_client", http.StatusUnauthorized)
	s.must(backendForm(s.good("jti", "same", "iss", "other", "sub", "other")))
	failed := s.good()
	_, err = s.token(backendForm(failed, "scope", "system/*.cruds"))
	s.refuses("a scope too wide", err, "invalid_scope", http.StatusBadRequest)
	_, err = s.token(backendForm(failed))
	s.refuses("the same after a refusal", err, "invalid_client", http.StatusUnauthorized)
	var wait sync.WaitGroup
	var mu sync.Mutex
	won, at := 0, s.good()
	for range 16 {
		wait.Go(func() {
			if _, err := s.token(backendForm(at)); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if won != 1 {
		t.Errorf("%d of 16 at once got a token", won)
	}
}

// A jku counts only if it is the registered one, and is never fetched from elsewhere.
func TestKeysComeFromWhereTheyAreRegistered(t *testing.T) {
	s := newSigner(t)
	var asked []string
	private := false
	s.Keys = func(_ context.Context, from jwks.Source, kid string) ([]jose.JSONWebKey, error) {
		asked = append(asked, from.URL)
		private = private || from.Private
		return []jose.JSONWebKey{{Key: s.ec.Public(), KeyID: kid}}, nil
	}
	s.add(oauth.Client{ID: "published", Kind: oauth.Asymmetric, JWKSURI: keysAt, Scopes: []string{"system/*.rs"}, Purposes: []string{"HOPERAT"}, Grants: []string{"client_credentials"}, Role: "system", Organization: "hospital"})
	who := []any{"iss", "published", "sub", "published"}
	s.must(backendForm(s.good(who...)))
	s.must(backendForm(s.sign(jose.ES384, s.ec, "ec", map[jose.HeaderKey]any{"jku": keysAt}, s.claims(who...))))
	_, err := s.token(backendForm(s.sign(jose.ES384, s.ec, "ec", map[jose.HeaderKey]any{"jku": "http://10.0.0.1/keys"}, s.claims(who...))))
	s.refuses("another jku", err, "invalid_client", http.StatusUnauthorized)
	for _, uri := range asked {
		if uri != keysAt {
			t.Errorf("keys were fetched from %s", uri)
		}
	}
	if private {
		t.Error("private addresses are reached without allow_private")
	}
	s.add(oauth.Client{ID: "inside", Kind: oauth.Asymmetric, JWKSURI: keysAt, Private: true, Scopes: []string{"system/*.rs"}, Purposes: []string{"HOPERAT"}, Grants: []string{"client_credentials"}, Role: "system", Organization: "hospital"})
	s.must(backendForm(s.good("iss", "inside", "sub", "inside")))
	if !private {
		t.Error("allow_private does not count")
	}
}

// Two who use one code, or one refresh token, at the same moment: one gets tokens, and
// they end, since one of the two should not have had it.
func TestRacesEndWhatTheyGave(t *testing.T) {
	w := newWorld(t)
	race := func(f func() oauth.Form) (won []*oauth.Answer) {
		var wait sync.WaitGroup
		var mu sync.Mutex
		for range 8 {
			form := f()
			wait.Go(func() {
				if a, err := w.token(form); err == nil {
					mu.Lock()
					won = append(won, a)
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		return won
	}
	code := w.code(doctor, params("scope", "offline_access patient/*.rs"))
	if won := race(func() oauth.Form { return tokenForm(code) }); len(won) != 1 || w.active(won[0].AccessToken) {
		t.Errorf("%d won with one code, or what it gave stands", len(won))
	}
	a := w.must(tokenForm(w.code(doctor, params("scope", "offline_access patient/*.rs"))))
	if won := race(func() oauth.Form { return refreshForm(a.RefreshToken) }); len(won) != 1 || w.active(won[0].AccessToken) {
		t.Errorf("%d won with one refresh token, or what it gave stands", len(won))
	}
}

// Parameters that stand twice are refused: readers might see different ones.
func TestParametersStandOnce(t *testing.T) {
	w := newWorld(t)
	f := tokenForm(w.code(doctor, params()))
	f.Add("code_verifier", "x")
	_, err := w.token(f)
	w.refuses("token", err, "invalid_request", http.StatusBadRequest)
}

// Clients are registered by themselves with an initial token only, once, within its bounds.
func TestRegistration(t *testing.T) {
	w := newWorld(t)
	initial := func() string {
		t.Helper()
		text, err := w.InitialToken(t.Context(), &kept.Call{}, operator, oauth.Initial{Scopes: []string{"openid", "patient/*.rs"}, Purposes: []string{"TREAT"}}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		w.keeper.told()
		return text
	}
	asked := oauth.Registration{Name: "New", Redirects: []string{"https://new.example/cb"}, Method: "client_secret_basic", Scope: "openid patient/Observation.rs"}
	token := initial()
	r, err := w.Register(t.Context(), &kept.Call{}, token, asked)
	if err != nil || r.ID == "" || r.Secret == "" || r.Ends == nil || *r.Ends != 0 {
		t.Fatal(r, err)
	}
	w.tell("registration", "register")
	if c, err := w.Client(t.Context(), r.ID); err != nil || c.Purposes[0] != "TREAT" || c.Secret == r.Secret || strings.Contains(c.Secret, r.Secret) {
		t.Errorf("%+v, %v", c, err)
	}
	for name, c := range map[string]struct {
		token string
		asked oauth.Registration
		code  string
	}{
		"again": {token, asked, "invalid_token"}, "no token": {"", asked, "invalid_token"}, "unknown token": {"x", asked, "invalid_token"},
		"more scopes":     {initial(), oauth.Registration{Redirects: asked.Redirects, Scope: "user/*.cruds"}, "invalid_client_metadata"},
		"http":            {initial(), oauth.Registration{Redirects: []string{"http://new.example/cb"}}, "invalid_redirect_uri"},
		"script":          {initial(), oauth.Registration{Redirects: []string{"javascript:alert(1)"}}, "invalid_redirect_uri"},
		"fragment":        {initial(), oauth.Registration{Redirects: []string{"https://new.example/cb#x"}}, "invalid_redirect_uri"},
		"user":            {initial(), oauth.Registration{Redirects: []string{"https://a@new.example/cb"}}, "invalid_redirect_uri"},
		"backend":         {initial(), oauth.Registration{Grants: []string{"client_credentials"}, Method: "private_key_jwt"}, "invalid_client_metadata"},
		"method":          {initial(), oauth.Registration{Redirects: asked.Redirects, Method: "tls_client_auth"}, "invalid_client_metadata"},
		"keys by address": {initial(), oauth.Registration{Redirects: asked.Redirects, Method: "private_key_jwt", JWKSURI: keysAt}, "invalid_client_metadata"},
	} {
		w.keeper.told()
		_, err := w.Register(t.Context(), &kept.Call{}, c.token, c.asked)
		e, ok := err.(*oauth.Error)
		if !ok || e.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
		w.tell(name, "register "+c.code)
	}
}

// Whoever ends a grant must own it; a client that is disabled or removed loses all.
func TestGrantsAreEndedByTheirOwners(t *testing.T) {
	w := newWorld(t)
	a := w.must(tokenForm(w.code(doctor, params())))
	all, err := w.Grants(t.Context(), new(kept.Call), doctor)
	if err != nil || len(all) != 1 || all[0].Client != "app" {
		t.Fatal(all, err)
	}
	if err := w.End(t.Context(), &kept.Call{}, anna, all[0].Key); err == nil || !w.active(a.AccessToken) {
		t.Error("somebody else ended a grant")
	}
	if err := w.End(t.Context(), &kept.Call{}, doctor, all[0].Key); err != nil || w.active(a.AccessToken) {
		t.Errorf("her own: %v", err)
	}
	b := w.must(tokenForm(w.code(doctor, params("scope", "offline_access patient/*.rs"))))
	w.keeper.told()
	if err := w.DisableClient(t.Context(), &kept.Call{}, operator, "app", true); err != nil || w.active(b.AccessToken) {
		t.Errorf("disabled: %v", err)
	}
	w.tell("disabled", "client-write", "revoke", "introspect")
	if err := w.DisableClient(t.Context(), &kept.Call{}, operator, "app", false); err != nil {
		t.Fatal(err)
	}
	c := w.must(tokenForm(w.code(doctor, params())))
	if err := w.RemoveClient(t.Context(), &kept.Call{}, operator, "app"); err != nil || w.active(c.AccessToken) {
		t.Errorf("removed: %v", err)
	}
}
