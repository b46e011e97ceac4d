package auth_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
)

const (
	base    = "https://node.example/fhir"
	builtIn = "urn:aceso:general/main"
	foreign = "https://idp.example"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// seeded makes the same key for the same letter, so that failures are reproducible.
func seeded(letter byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = letter
	return ed25519.NewKeyFromSeed(seed)
}

var own, other, spare = seeded('a'), seeded('b'), seeded('c')

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// authenticator trusts the built-in issuer and one limited external issuer.
func authenticator(t testing.TB) *auth.Authenticator {
	t.Helper()
	a, err := auth.New(auth.Config{
		Audience: base,
		Issuers: []auth.Issuer{
			auth.BuiltIn(builtIn, auth.Key{ID: "own", Public: public(own)}),
			{
				Name: foreign, Keys: []auth.Key{{ID: "k1", Public: public(other)}, {ID: "k2", Public: public(spare), Algorithm: "EdDSA"}},
				Algorithms: []string{"EdDSA"}, Organizations: []string{"north"}, Roles: []string{"practitioner"}, Purposes: []string{"TREAT"},
				OrganizationMap: map[string]string{"urn:oid:1.2.3": "north"},
				RoleMap:         map[string]string{"http://snomed.info/sct|309343006": "practitioner"},
			},
		},
		Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type object = map[string]any

// claims are those of a good token of the built-in issuer, changed by change.
func claims(change ...object) object {
	c := object{
		"iss": builtIn, "sub": "Practitioner/12", "aud": base, "exp": noon.Add(time.Hour).Unix(), "iat": noon.Unix(),
		"jti": "t-1", "client_id": "app-7", "scope": "openid user/*.rs",
		"extensions": iua(object{}),
	}
	for _, set := range change {
		maps.Copy(c, set)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	}
	return c
}

func iua(change object) object {
	c := object{
		"subject_name": "Dr. Ada Quist", "subject_organization_id": "general",
		"subject_role":   []object{{"system": auth.RoleSystem, "code": "practitioner"}},
		"purpose_of_use": []object{{"system": auth.PurposeSystem, "code": "TREAT"}},
	}
	maps.Copy(c, change)
	return object{"ihe_iua": c}
}

// external are claims that the external issuer may make.
func external(change ...object) object {
	c := claims(object{"iss": foreign, "extensions": iua(object{"subject_organization_id": "north"})})
	for _, set := range change {
		maps.Copy(c, set)
	}
	return c
}

func encode(v any) string {
	data, ok := v.([]byte)
	if !ok {
		data, _ = json.Marshal(v)
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

// sign makes a token from any header and payload, well-formed or not.
func sign(header, payload any, key ed25519.PrivateKey) string {
	input := encode(header) + "." + encode(payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(input)))
}

func good(payload any) string {
	return sign(object{"alg": "EdDSA", "typ": "at+jwt", "kid": "own"}, payload, own)
}

func fromOther(payload any) string {
	return sign(object{"alg": "EdDSA", "kid": "k1"}, payload, other)
}

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/fhir/Patient/1", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func kindOf(t *testing.T, err error) fhir.Kind {
	t.Helper()
	var e *fhir.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *fhir.Error", err)
	}
	if e.Detail == "" {
		t.Error("the error has no sentence")
	}
	return e.Kind
}

func TestAgentOfAGoodToken(t *testing.T) {
	got, err := authenticator(t).Authenticate(request(good(claims(object{"patient": "1", "fhirUser": base + "/PractitionerRole/r1"}))))
	if err != nil {
		t.Fatal(err)
	}
	want := agent.Agent{
		Subject: "Practitioner/12", Name: "Dr. Ada Quist", Role: "practitioner", Organization: "general", Patient: "Patient/1",
		Client: "app-7", Purpose: "TREAT", Issuer: builtIn, Token: "t-1", Expires: noon.Add(time.Hour),
	}
	actors := []string{"Organization/general", "Practitioner/12", "PractitionerRole/r1", "Device/app-7"}
	if !slices.Equal(got.Actors, actors) {
		t.Errorf("actors %q, want %q", got.Actors, actors)
	}
	if !slices.Equal(got.Scopes, []agent.Scope{{Context: "user", Type: "*", Actions: "rs"}}) {
		t.Errorf("scopes %v", got.Scopes)
	}
	got.Actors, got.Scopes, got.Expires = nil, nil, got.Expires.UTC()
	if g, w := mustJSON(got), mustJSON(want); g != w {
		t.Errorf("agent\n%s\nwant\n%s", g, w)
	}
}

func mustJSON(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

func TestMintedTokenIsAccepted(t *testing.T) {
	c := auth.Claims{
		Issuer: builtIn, Subject: "Patient/7", Audience: []string{base}, Expires: noon.Add(time.Hour), IssuedAt: noon, ID: "x",
		Scope: "patient/*.rs", Organization: "general", Name: "Per Ek",
		Roles:    []fhir.Coding{{System: auth.RoleSystem, Code: "patient"}},
		Purposes: []fhir.Coding{{System: auth.PurposeSystem, Code: "PATRQT"}},
	}
	token, err := auth.Mint(c, auth.SigningKey{ID: "own", Private: own})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := authenticator(t).Authenticate(request(token))
	if err != nil {
		t.Fatal(err)
	}
	if caller.Patient != "Patient/7" || caller.Role != agent.Patient || caller.Purpose != "PATRQT" || caller.Name != "Per Ek" {
		t.Errorf("agent %+v", caller)
	}
	if _, err := auth.Mint(auth.Claims{}, auth.SigningKey{ID: "own", Private: own}); err == nil {
		t.Error("a token without expiry was minted")
	}
	if _, err := auth.Mint(c, auth.SigningKey{}); err == nil {
		t.Error("a token was minted without a key")
	}
}

func TestExternalIssuerSaysWhatItMay(t *testing.T) {
	a := authenticator(t)
	for name, payload := range map[string]object{
		"listed":            external(),
		"mapped":            external(object{"extensions": iua(object{"subject_organization_id": "urn:oid:1.2.3", "subject_role": object{"system": "http://snomed.info/sct", "code": "309343006"}})}),
		"role and more":     external(object{"extensions": iua(object{"subject_organization_id": "north", "subject_role": []object{{"system": auth.RoleSystem, "code": "practitioner"}, {"system": "http://snomed.info/sct", "code": "1"}}})}),
		"purpose as string": external(object{"extensions": iua(object{"subject_organization_id": "north", "purpose_of_use": "TREAT"})}),
	} {
		caller, err := a.Authenticate(request(fromOther(payload)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if caller.Organization != "north" || caller.Role != "practitioner" || caller.Purpose != "TREAT" {
			t.Errorf("%s: %+v", name, caller)
		}
	}
}

func TestForbiddenClaims(t *testing.T) {
	a := authenticator(t)
	role := func(codes ...string) object {
		var list []object
		for _, c := range codes {
			list = append(list, object{"system": auth.RoleSystem, "code": c})
		}
		return object{"extensions": iua(object{"subject_role": list})}
	}
	tokens := map[string]string{
		"external: foreign organisation": fromOther(external(object{"extensions": iua(object{"subject_organization_id": "general"})})),
		"external: role":                 fromOther(external(object{"extensions": iua(object{"subject_organization_id": "north", "subject_role": object{"system": auth.RoleSystem, "code": "system"}})})),
		"external: purpose":              fromOther(external(object{"extensions": iua(object{"subject_organization_id": "north", "purpose_of_use": "HRESCH"})})),
		"no extension":                   good(claims(object{"extensions": nil})),
		"no organisation":                good(claims(object{"extensions": iua(object{"subject_organization_id": nil})})),
		"organisation with a slash":      good(claims(object{"extensions": iua(object{"subject_organization_id": "a/b"})})),
		"no role":                        good(claims(role())),
		"unknown role":                   good(claims(role("root"))),
		"two roles":                      good(claims(role("practitioner", "administrator"))),
		"role of another code system":    good(claims(object{"extensions": iua(object{"subject_role": object{"system": "urn:x", "code": "system"}})})),
		"no purpose":                     good(claims(object{"extensions": iua(object{"purpose_of_use": []object{}})})),
		"foreign purpose":                good(claims(object{"extensions": iua(object{"purpose_of_use": object{"system": "urn:x", "code": "TREAT"}})})),
		"two purposes, none chosen":      good(claims(object{"extensions": iua(object{"purpose_of_use": []string{"TREAT", "HRESCH"}})})),
		"patient without patient":        good(claims(object{"sub": "someone"}, role("patient"))),
		"patient that is no id":          good(claims(object{"patient": "Patient/1?x"})),
		"patient of another type":        good(claims(object{"patient": "Group/1"})),
		"scope with search parameters":   good(claims(object{"scope": "user/Observation.rs?category=laboratory"})),
	}
	for name, token := range tokens {
		_, err := a.Authenticate(request(token))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if k := kindOf(t, err); k != fhir.Forbidden {
			t.Errorf("%s: kind %d, want Forbidden: %v", name, k, err)
		}
	}
}

// Who does not treat cannot choose to break the glass.
func TestOthersChooseNoEmergency(t *testing.T) {
	a := authenticator(t)
	r := request(good(claims(object{"extensions": iua(object{"purpose_of_use": []string{"HRESCH", "HPAYMT"}})})))
	r.Header.Set(auth.PurposeHeader, "BTG")
	if caller, err := a.Authenticate(r); err == nil || caller.Purpose != "" {
		t.Errorf("got %+v, %v", caller, err)
	}
}

func TestChosenPurpose(t *testing.T) {
	a := authenticator(t)
	token := good(claims(object{"extensions": iua(object{"purpose_of_use": []string{"TREAT", "HRESCH"}})}))
	for _, test := range []struct {
		chosen []string
		want   string
	}{{[]string{"HRESCH"}, "HRESCH"}, {[]string{"TREAT"}, "TREAT"}, {[]string{"HPAYMT"}, ""}, {[]string{"TREAT", "HRESCH"}, ""}, {[]string{""}, ""},
		{[]string{"BTG"}, "BTG"}, {[]string{"ETREAT"}, ""}, {[]string{"BTG", "TREAT"}, ""}} {
		r := request(token)
		r.Header[auth.PurposeHeader] = test.chosen
		caller, err := a.Authenticate(r)
		if caller.Purpose != test.want {
			t.Errorf("chosen %q: purpose %q (%v), want %q", test.chosen, caller.Purpose, err, test.want)
		}
		if test.want == "" && kindOf(t, err) != fhir.Forbidden {
			t.Errorf("chosen %q: %v", test.chosen, err)
		}
	}
}
