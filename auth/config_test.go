package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/aceso-health/aceso/auth"
)

const issuersFile = `{"issuers": [{"issuer": "https://idp.example", "jwks_file": "idp.jwks", "algorithms": ["ES256"],
  "organizations": ["north"], "roles": ["practitioner"], "purposes": ["TREAT"]}]}`

// An issuer read from files signs with ES256; its token is accepted, and refused
// when the algorithm is not in its list.
func TestExternalIssuerFromFiles(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := mustJSON(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "e1", Algorithm: "ES256", Use: "sig"}}})
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims(external()))
	token.Header["kid"] = "e1"
	signed, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	for algorithm, accepted := range map[string]bool{"ES256": true, "RS256": false} {
		dir := fstest.MapFS{
			"issuers.json": {Data: []byte(strings.Replace(issuersFile, "ES256", algorithm, 1))},
			"idp.jwks":     {Data: []byte(set)},
		}
		issuers, err := auth.ReadIssuers(dir, "issuers.json")
		if err != nil {
			t.Fatal(err)
		}
		a, err := auth.New(auth.Config{Audience: base, Issuers: issuers, Now: func() time.Time { return noon }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Authenticate(request(signed)); (err == nil) != accepted {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestRefusedIssuers(t *testing.T) {
	key := `{"kty":"OKP","crv":"Ed25519","kid":"1","x":"` + base64.RawURLEncoding.EncodeToString(public(own)) + `"}`
	inline := func(keys, change string) string {
		file := strings.Replace(issuersFile, `"jwks_file": "idp.jwks"`, `"jwks": {"keys":[`+keys+`]}`, 1)
		from, to, _ := strings.Cut(change, "=>")
		return strings.Replace(strings.Replace(file, "ES256", "EdDSA", 1), from, to, 1)
	}
	if _, err := read(inline(key, `x=>x`)); err != nil {
		t.Fatalf("the file that all these are made of: %v", err)
	}
	for name, file := range map[string]string{
		"symmetric algorithm":  inline(key, `"EdDSA"=>"HS256"`),
		"none":                 inline(key, `"EdDSA"=>"none"`),
		"no algorithms":        inline(key, `["EdDSA"]=>[]`),
		"symmetric key":        inline(`{"kty":"oct","kid":"1","k":"c2VjcmV0"}`, `x=>x`),
		"private key":          inline(strings.Replace(key, `"x"`, `"d":"`+base64.RawURLEncoding.EncodeToString(own.Seed())+`","x"`, 1), `x=>x`),
		"same id twice":        inline(key+","+key, `x=>x`),
		"no keys":              inline("", `x=>x`),
		"any organisation":     inline(key, `"north"=>"*"`),
		"no roles":             inline(key, `["practitioner"]=>[]`),
		"purposes left out":    inline(key, `, "purposes": ["TREAT"]=>`),
		"role map to nonsense": inline(key, `"purposes"=>"role_map":{"a|b":"root"},"purposes"`),
		"unknown member":       inline(key, `"purposes"=>"purpose":1,"purposes"`),
		"no name":              inline(key, `https://idp.example=>`),
		"keys outside":         strings.Replace(issuersFile, "idp.jwks", "../idp.jwks", 1),
		"not JSON":             "issuers:",
	} {
		if _, err := read(file); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func read(file string) ([]auth.Issuer, error) {
	return auth.ReadIssuers(fstest.MapFS{"issuers.json": {Data: []byte(file)}}, "issuers.json")
}

func TestNewRefuses(t *testing.T) {
	i := auth.BuiltIn(builtIn, auth.Key{ID: "own", Public: public(own)})
	for name, c := range map[string]auth.Config{
		"no audience":      {Issuers: []auth.Issuer{i}},
		"same issuer":      {Audience: base, Issuers: []auth.Issuer{i, i}},
		"issuer, no key":   {Audience: base, Issuers: []auth.Issuer{auth.BuiltIn(builtIn)}},
		"a secret as key":  {Audience: base, Issuers: []auth.Issuer{auth.BuiltIn(builtIn, auth.Key{ID: "s", Public: []byte("secret")})}},
		"private key":      {Audience: base, Issuers: []auth.Issuer{auth.BuiltIn(builtIn, auth.Key{ID: "s", Public: own})}},
		"shortened key":    {Audience: base, Issuers: []auth.Issuer{auth.BuiltIn(builtIn, auth.Key{ID: "s", Public: public(own)[:31]})}},
		"symmetric method": {Audience: base, Issuers: []auth.Issuer{{Name: "x", Keys: i.Keys, Algorithms: []string{"HS256"}}}},
	} {
		if _, err := auth.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	a, err := auth.New(auth.Config{Audience: base, Issuers: []auth.Issuer{auth.BuiltIn(builtIn, auth.Key{ID: "own", Public: public(own)})}, Now: func() time.Time { return noon }})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/fhir/Patient/1", nil)
	r.Header.Set("Authorization", "Bearer "+good(claims()))
	for b.Loop() {
		if _, err := a.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}
