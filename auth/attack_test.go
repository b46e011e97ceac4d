package auth_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// hs256 signs with a secret that an attacker knows.
func hs256(header, payload any, secret []byte) string {
	input := encode(header) + "." + encode(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func eddsa(more object) object {
	h := object{"alg": "EdDSA", "kid": "own"}
	for k, v := range more {
		h[k] = v
	}
	return h
}

// jwk is the attacker's own key as a header would carry it.
func jwk(k ed25519.PrivateKey) object {
	return object{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public(k))}
}

func TestAttacksAreUnauthenticated(t *testing.T) {
	attacker := seeded('x')
	valid := good(claims())
	parts := strings.Split(valid, ".")
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	tokens := map[string]string{
		"alg none, no signature":        encode(object{"alg": "none"}) + "." + parts[1] + ".",
		"alg none, a signature":         encode(object{"alg": "none", "kid": "own"}) + "." + parts[1] + "." + parts[2],
		"alg NonE":                      encode(object{"alg": "NonE", "kid": "own"}) + "." + parts[1] + "." + parts[2],
		"no alg":                        sign(object{"kid": "own"}, claims(), own),
		"HS256 with the public key":     hs256(object{"alg": "HS256", "kid": "own"}, claims(), public(own)),
		"HS256 with an empty key":       hs256(object{"alg": "HS256", "kid": "own"}, claims(), nil),
		"RS256 said, EdDSA done":        sign(object{"alg": "RS256", "kid": "own"}, claims(), own),
		"another key":                   sign(eddsa(nil), claims(), attacker),
		"key in the header":             sign(eddsa(object{"jwk": jwk(attacker)}), claims(), attacker),
		"good signature, key in header": sign(eddsa(object{"jwk": jwk(own)}), claims(), own),
		"jku":                           sign(eddsa(object{"jku": "https://evil.example/keys"}), claims(), own),
		"x5u":                           sign(eddsa(object{"x5u": "https://evil.example/cert"}), claims(), own),
		"crit":                          sign(eddsa(object{"crit": []string{"exp"}}), claims(), own),
		"b64":                           sign(eddsa(object{"b64": false}), claims(), own),
		"kid is a path":                 sign(eddsa(object{"kid": "../../../../dev/null"}), claims(), own),
		"kid unknown":                   sign(eddsa(object{"kid": "nobody"}), claims(), own),
		"kid of another issuer":         sign(eddsa(object{"kid": "k1"}), claims(), other),
		"kid in other case":             sign(eddsa(object{"kid": "OWN"}), claims(), own),
		"kid missing, several keys":     sign(object{"alg": "EdDSA"}, external(), other),
		"issuer borrowed":               fromOther(claims(object{"iss": foreign, "aud": "https://elsewhere.example"})),
		"own issuer named, foreign key": fromOther(claims()),
		"kid is a number":               sign(eddsa(object{"kid": 1}), claims(), own),
		"token of another kind":         sign(eddsa(object{"typ": "logout+jwt"}), claims(), own),
		"unknown issuer":                good(claims(object{"iss": "https://evil.example"})),
		"no issuer":                     good(claims(object{"iss": nil})),
		"issuer with a slash more":      good(claims(object{"iss": builtIn + "/"})),
		"foreign audience":              good(claims(object{"aud": "https://other.example/fhir"})),
		"audience is a prefix":          good(claims(object{"aud": "https://node.example"})),
		"no audience":                   good(claims(object{"aud": nil})),
		"no subject":                    good(claims(object{"sub": nil})),
		"no expiry":                     good(claims(object{"exp": nil})),
		"expired":                       good(claims(object{"exp": at(-31 * time.Second)})),
		"expired long ago by overflow":  good(claims(object{"exp": 1e300})),
		"expiry is text":                good(claims(object{"exp": "tomorrow"})),
		"not yet valid":                 good(claims(object{"nbf": at(31 * time.Second)})),
		"issued in the future":          good(claims(object{"iat": at(31 * time.Second)})),
		"claim twice":                   good([]byte(strings.Replace(mustJSON(claims()), `"iss"`, `"iss":"https://idp.example","iss"`, 1))),
		"claim twice in other case":     good([]byte(strings.Replace(mustJSON(claims()), `"iss"`, `"ISS":"https://idp.example","iss"`, 1))),
		"claim twice by an escape":      good([]byte(strings.Replace(mustJSON(claims()), `"exp"`, `"e\u0078p":9999999999,"exp"`, 1))),
		"claim in other case":           good([]byte(strings.Replace(mustJSON(claims()), `"exp"`, `"EXP"`, 1))),
		"role twice":                    good([]byte(strings.Replace(mustJSON(claims()), `"subject_role"`, `"subject_role":[],"subject_role"`, 1))),
		"header member twice":           sign([]byte(`{"alg":"none","alg":"EdDSA","kid":"own"}`), claims(), own),
		"two payloads":                  good([]byte(mustJSON(claims()) + `{}`)),
		"payload is no object":          good([]byte(`null`)),
		"payload is a list":             good([]byte(`[]`)),
		"deep payload":                  good([]byte(`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`)),
		"huge token":                    good(claims(object{"padding": strings.Repeat("x", 17<<10)})),
		"changed payload":               parts[0] + "." + encode(claims(object{"sub": "Practitioner/13"})) + "." + parts[2],
		"cut signature":                 valid[:len(valid)-2],
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"four parts":                    valid + "." + parts[2],
		"padded":                        parts[0] + "=." + parts[1] + "." + parts[2],
		"standard base64":               strings.NewReplacer("-", "+", "_", "/").Replace(valid) + "+/",
		"two tokens":                    valid + "," + valid,
		"empty":                         "",
		"dots":                          "..",
	}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			_, err := authenticator(t).Authenticate(request(token))
			if err == nil {
				t.Fatal("accepted")
			}
			if k := kindOf(t, err); k != fhir.Unauthenticated {
				t.Errorf("kind %d, want Unauthenticated: %v", k, err)
			}
		})
	}
	if _, err := authenticator(t).Authenticate(request(valid)); err != nil {
		t.Errorf("the token that all these are made of is refused: %v", err)
	}
}

func TestRequestsWithoutOneBearerToken(t *testing.T) {
	valid := good(claims())
	for name, change := range map[string]func(*http.Request){
		"no header":             func(r *http.Request) { r.Header.Del("Authorization") },
		"two headers":           func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+valid) },
		"basic":                 func(r *http.Request) { r.Header.Set("Authorization", "Basic "+valid) },
		"no scheme":             func(r *http.Request) { r.Header.Set("Authorization", valid) },
		"token in the query":    func(r *http.Request) { r.URL.RawQuery = url.Values{"access_token": {valid}}.Encode() },
		"only in the query":     func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "access_token=" + valid },
		"as a cookie":           func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("Cookie", "token="+valid) },
		"behind a second space": func(r *http.Request) { r.Header.Set("Authorization", "Bearer  "+valid) },
	} {
		r := request(valid)
		change(r)
		if _, err := authenticator(t).Authenticate(r); err == nil {
			t.Errorf("%s: accepted", name)
		} else if kindOf(t, err) != fhir.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClockSkewIsThirtySeconds(t *testing.T) {
	a := authenticator(t)
	for _, c := range []object{
		{"exp": noon.Add(-29 * time.Second).Unix()}, {"nbf": noon.Add(30 * time.Second).Unix()}, {"iat": noon.Add(30 * time.Second).Unix()},
	} {
		if _, err := a.Authenticate(request(good(claims(c)))); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}

// A cached token must expire like any other.
func TestRememberedTokenExpires(t *testing.T) {
	now := noon
	a, err := auth.New(auth.Config{Audience: base + "/", Now: func() time.Time { return now },
		Issuers: []auth.Issuer{auth.BuiltIn(builtIn, auth.Key{ID: "own", Public: public(own)})}})
	if err != nil {
		t.Fatal(err)
	}
	r := request(good(claims()))
	for range 2 {
		if _, err := a.Authenticate(r); err != nil {
			t.Fatal(err)
		}
	}
	now = noon.Add(time.Hour + auth.Skew + time.Second)
	if _, err := a.Authenticate(r); err == nil {
		t.Error("accepted after its expiry")
	}
	now = noon.Add(-time.Hour)
	if _, err := a.Authenticate(r); err == nil {
		t.Error("accepted before it was issued")
	}
}

// A change of any character must make a token unacceptable. (The last character of a
// part may have unused bits: strict decoding refuses them.)
func TestEveryChangedCharacterIsNoticed(t *testing.T) {
	a, valid := authenticator(t), good(claims())
	for i := range valid {
		for _, c := range []byte("ABQRghwx.") {
			changed := valid[:i] + string(c) + valid[i+1:]
			if changed == valid {
				continue
			}
			if _, err := a.Authenticate(request(changed)); err == nil {
				t.Fatalf("character %d changed to %c: accepted", i, c)
			}
		}
	}
}

// oddClaims are payloads that cost or confuse.
var oddClaims = []string{
	strings.Repeat("[", 9000), strings.Repeat(`{"a":`, 2000), `{"exp":1e999999,"iat":-1e308,"nbf":1e-400}`, `{"exp":` + strings.Repeat("9", 9000) + `}`,
	`{"extensions":{"ihe_iua":{"purpose_of_use":[` + strings.Repeat(`"TREAT",`, 1000) + `"TREAT"]}}}`, `{"scope":"` + strings.Repeat("system/*.cruds ", 600) + `"}`,
	`{` + strings.Repeat(`"a":1,`, 1500) + `"iss":"` + builtIn + `"}`, `{"aud":[` + strings.Repeat(`"a",`, 2000) + `"a"]}`,
}

// check authenticates with a token: an error says what the caller did, and what it costs
// is bounded.
func check(t *testing.T, a *auth.Authenticator, token string) (found agent.Agent, err error) {
	t.Helper()
	r := request("x")
	r.Header["Authorization"] = []string{"Bearer " + token}
	fhirtest.Linear.Check(t, len(token), func() { found, err = a.Authenticate(r) })
	var refused *fhir.Error
	if err != nil && (!errors.As(err, &refused) || refused.Kind.Status() >= 500) {
		t.Errorf("%q: %v", token, err)
	}
	return found, err
}

// A token that nobody signed is refused.
func FuzzAuthenticate(f *testing.F) {
	f.Add(good(claims()))
	f.Add("a.b.c")
	f.Add(encode([]byte(`{"alg":"EdDSA","kid":"own"}`)) + "." + encode([]byte(`{"iss":"`+builtIn+`","extensions":{"ihe_iua":{"subject_role":[1]}}}`)) + ".AA")
	for _, odd := range oddClaims {
		f.Add(encode([]byte(`{"alg":"EdDSA","kid":"own"}`)) + "." + encode([]byte(odd)) + ".AA")
	}
	a, valid := authenticator(f), good(claims())
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := check(t, a, token); err == nil && token != valid {
			t.Errorf("accepted: %q", token)
		}
	})
}

// A signed token with any claims makes somebody with one role, one organisation and one
// purpose, or nobody.
func FuzzClaims(f *testing.F) {
	whole, err := json.Marshal(claims())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, odd := range oddClaims {
		f.Add([]byte(odd))
		f.Add([]byte(strings.Replace(string(whole), "{", strings.TrimSuffix(odd, "}")+",", 1)))
	}
	a := authenticator(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		who, err := check(t, a, good(payload))
		if err == nil && (who.Subject == "" || who.Organization == "" || who.Role == "" || who.Purpose == "" || who.Expires.IsZero()) {
			t.Errorf("%s: %+v", payload, who)
		}
	})
}
