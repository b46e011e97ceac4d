package auth_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/fhir"
)

// provider is an ordinary identity provider: it publishes its keys, and its tokens say
// nothing of organisations, roles and purposes.
type provider struct {
	*httptest.Server
	set atomic.Pointer[string]
}

func newProvider(t *testing.T) *provider {
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "openid-configuration") {
			_, _ = w.Write([]byte(`{"issuer":"` + p.URL + `","jwks_uri":"` + p.URL + `/keys"}`))
			return
		}
		set := p.set.Load()
		if set == nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = w.Write([]byte(*set))
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) publishes(id string, key ed25519.PrivateKey) {
	set := `{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"` + id + `","x":"` + base64.RawURLEncoding.EncodeToString(public(key)) + `"}]}`
	p.set.Store(&set)
}

func (p *provider) token(id string, key ed25519.PrivateKey, change ...object) string {
	c := object{"iss": p.URL, "sub": "2f0c", "aud": base, "exp": noon.Add(24 * time.Hour).Unix(), "scope": "openid user/*.rs", "fhirUser": base + "/Practitioner/12"}
	for _, set := range change {
		for k, v := range set {
			c[k] = v
		}
	}
	return sign(object{"alg": "EdDSA", "kid": id}, c, key)
}

// entry is one of --issuers.
func (p *provider) entry(t *testing.T, keys, more string) auth.Issuer {
	t.Helper()
	text := `{"issuers":[{"issuer":"` + p.URL + `","algorithms":["EdDSA"],` + keys + `,"allow_private":true,"defaults":{"organization":"north","role":"practitioner","purpose":"TREAT"}` + more + `}]}`
	all, err := auth.ReadIssuers(fstest.MapFS{"i.json": {Data: []byte(text)}}, "i.json")
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// A token with sub, aud, scope and fhirUser works after one entry, and its issuer's key
// rotates while the server runs.
func TestPlainTokensOfAProvider(t *testing.T) {
	for name, keys := range map[string]string{"jwks_uri": `"jwks_uri":"URL/keys"`, "discovery": `"discover":true`} {
		p := newProvider(t)
		now := atomic.Int64{}
		now.Store(noon.Unix())
		clock := func() time.Time { return time.Unix(now.Load(), 0) }
		a, err := auth.New(auth.Config{
			Audience: base, Now: clock, Keys: jwks.New(jwks.Options{Now: clock}),
			Issuers: []auth.Issuer{p.entry(t, strings.Replace(keys, "URL", p.URL, 1), `,"user_map":{"`+base+`/Practitioner/*":"Practitioner/*"}`)},
		})
		if err != nil {
			t.Fatal(name, err)
		}
		kind := func(token string) (agent.Agent, fhir.Kind) {
			caller, err := a.Authenticate(request(token))
			if err == nil {
				return caller, 0
			}
			return caller, kindOf(t, err)
		}
		if _, is := kind(p.token("1", own)); is != fhir.Unavailable {
			t.Errorf("%s: no keys can be read: %v", name, is)
		}
		p.publishes("1", own)
		now.Add(10)
		caller, is := kind(p.token("1", own))
		if is != 0 || caller.Organization != "north" || caller.Role != "practitioner" || caller.Purpose != "TREAT" || caller.Subject != p.URL+"|2f0c" ||
			len(caller.Actors) != 3 || caller.Actors[2] != "Practitioner/12" {
			t.Fatalf("%s: %v %+v", name, is, caller)
		}
		for what, token := range map[string]string{"another's signature": p.token("1", other), "an unknown key": p.token("2", other), "a key of this server": p.token("own", own)} {
			if _, is := kind(token); is != fhir.Unauthenticated {
				t.Errorf("%s: %s: %v", name, what, is)
			}
		}
		p.publishes("2", other)
		now.Add(10)
		for range 2 { // found, and remembered
			if _, is := kind(p.token("2", other)); is != 0 {
				t.Errorf("%s: the new key: %v", name, is)
			}
		}
		if _, is := kind(p.token("1", own)); is != fhir.Unauthenticated {
			t.Errorf("%s: a token of the key that is gone, which was accepted before: %v", name, is)
		}
		p.set.Store(nil)
		now.Add(600)
		if _, is := kind(p.token("2", other)); is != fhir.Unavailable {
			t.Errorf("%s: keys that are too old: %v", name, is)
		}
	}
}

// What a token says comes first; what its issuer may not assert is no default either; and a
// patient is never taken for one of the staff.
func TestDefaultsOfPlainTokens(t *testing.T) {
	p := newProvider(t)
	p.publishes("1", own)
	roles := `,"organizations":["north","south"],"roles":["practitioner","patient"],"purposes":["TREAT","PATRQT"],"user_map":{"` + base + `/Patient/*":"Patient/*"}`
	staff := p.entry(t, `"discover":true`, roles)
	patients := staff
	patients.Defaults.Role = agent.Patient
	only := p.entry(t, `"discover":true`, "")
	for _, c := range []struct {
		name   string
		issuer auth.Issuer
		change object
		want   string // role, organisation, purpose; "" if refused
	}{
		{"nothing said", staff, nil, "practitioner north TREAT"},
		{"no fhirUser", staff, object{"fhirUser": ""}, "practitioner north TREAT"},
		{"all said", staff, object{"extensions": iua(object{"subject_organization_id": "south", "subject_role": object{"system": auth.RoleSystem, "code": "practitioner"}, "purpose_of_use": "TREAT"})}, "practitioner south TREAT"},
		{"a patient", staff, object{"fhirUser": base + "/Patient/7"}, "patient north TREAT"},
		{"a relative", staff, object{"fhirUser": base + "/RelatedPerson/7"}, ""},
		{"a patient of another server", staff, object{"fhirUser": "https://other.example/Patient/7"}, ""},
		{"a patient where there are none", only, object{"fhirUser": base + "/Patient/7"}, ""},
		{"a role that nobody knows", staff, object{"extensions": iua(object{"subject_organization_id": "north", "subject_role": object{"system": "urn:x", "code": "y"}})}, ""},
		{"another organisation", only, object{"extensions": iua(object{"subject_organization_id": "south"})}, ""},
		{"staff where patients are usual", patients, object{"fhirUser": base + "/Practitioner/1", "patient": "7"}, ""},
		{"a patient where they are usual", patients, object{"fhirUser": base + "/Patient/7"}, "patient north TREAT"},
	} {
		a, err := auth.New(auth.Config{Audience: base, Now: func() time.Time { return noon }, Issuers: []auth.Issuer{c.issuer}})
		if err != nil {
			t.Fatal(c.name, err)
		}
		caller, err := a.Authenticate(request(p.token("1", own, c.change)))
		if got := strings.Join([]string{caller.Role, caller.Organization, caller.Purpose}, " "); (err == nil) != (c.want != "") || err == nil && got != c.want {
			t.Errorf("%s: %q, %v", c.name, got, err)
		} else if err != nil && kindOf(t, err) != fhir.Forbidden {
			t.Errorf("%s: %v", c.name, err)
		}
		if caller.Role == agent.Patient && caller.Patient != "Patient/7" {
			t.Errorf("%s: the patient is %q", c.name, caller.Patient)
		}
	}
}

func TestIssuersThatPublishTheirKeys(t *testing.T) {
	for text, good := range map[string]bool{
		`"discover":true,"defaults":{"organization":"a","role":"practitioner","purpose":"TREAT"}`:                                                                                                              true,
		`"jwks_uri":"https://idp.example/keys","organizations":["a"],"roles":["practitioner"],"purposes":["TREAT"]`:                                                                                            true,
		`"discover":true,"jwks_uri":"https://idp.example/keys","organizations":["a"],"roles":["practitioner"],"purposes":["TREAT"]`:                                                                            false,
		`"organizations":["a"],"roles":["practitioner"],"purposes":["TREAT"]`:                                                                                                                                  false,
		`"jwks_uri":"https://idp.example/keys","organizations":["a"],"roles":["practitioner"],"purposes":["TREAT"],"defaults":{"purpose":"HRESCH"}`:                                                            false,
		`"discover":true,"defaults":{"organization":"*","role":"practitioner","purpose":"TREAT"}`:                                                                                                              false,
		`"discover":true,"defaults":{"organization":"a","role":"practitioner"}`:                                                                                                                                false,
		`"allow_private":true,"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]},"organizations":["a"],"roles":["practitioner"],"purposes":["TREAT"]`: false,
	} {
		all, err := auth.ReadIssuers(fstest.MapFS{"i.json": {Data: []byte(`{"issuers":[{"issuer":"https://idp.example","algorithms":["ES256"],` + text + `}]}`)}}, "i.json")
		if (err == nil) != good {
			t.Errorf("%s: %+v, %v", text, all, err)
		}
	}
	for _, url := range []string{"http://idp.example/keys", "https://u:p@idp.example/keys"} {
		i := auth.Issuer{Name: "https://idp.example", Published: jwks.Source{URL: url}, Algorithms: []string{"ES256"}, Organizations: []string{"a"}, Roles: []string{"practitioner"}, Purposes: []string{"TREAT"}}
		if _, err := auth.New(auth.Config{Audience: base, Issuers: []auth.Issuer{i}}); err == nil {
			t.Errorf("%s: accepted", url)
		}
	}
}

// A key that is not strong enough, of which there are two, or that is for another algorithm
// verifies nothing.
func TestPublishedKeysThatDoNotCount(t *testing.T) {
	one := `{"kty":"OKP","crv":"Ed25519","kid":"1","x":"` + base64.RawURLEncoding.EncodeToString(public(own)) + `"`
	for name, c := range map[string]struct {
		set, kid string
		good     bool
	}{
		"one": {one + "}", "1", true}, "one, not named": {one + "}", "", true}, "two of a name": {one + "}," + one + "}", "1", false},
		"two, not named": {one + "}," + strings.Replace(one, `"1"`, `"2"`, 1) + "}", "", false}, "of another algorithm": {one + `,"alg":"ES256"}`, "1", false}, "for encryption": {one + `,"use":"enc"}`, "1", false},
	} {
		p := newProvider(t)
		set := `{"keys":[` + c.set + `]}`
		p.set.Store(&set)
		a, err := auth.New(auth.Config{Audience: base, Now: func() time.Time { return noon }, Issuers: []auth.Issuer{p.entry(t, `"discover":true`, "")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Authenticate(request(p.token(c.kid, own))); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
