package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
)

// Each sentence with which docs/refusals.md says that tokens are refused.
func TestRefusalsOfTokens(t *testing.T) {
	coding := func(system, code string) object { return object{"system": system, "code": code} }
	of := func(change object) *http.Request { return request(good(claims(object{"extensions": iua(change)}))) }
	with := func(change object) *http.Request { return request(good(claims(change))) }
	from := func(change object) *http.Request {
		c := object{"subject_organization_id": "north"}
		for name, v := range change {
			c[name] = v
		}
		return request(fromOther(external(object{"extensions": iua(c)})))
	}
	choosing := func(r *http.Request, purposes ...string) *http.Request {
		r.Header[auth.PurposeHeader] = purposes
		return r
	}
	two := of(object{"purpose_of_use": []object{coding(auth.PurposeSystem, "TREAT"), coding(auth.PurposeSystem, "HOPERAT")}})
	header := func(values ...string) *http.Request {
		r := httptest.NewRequest("GET", "/fhir/Patient/1", nil)
		r.Header["Authorization"] = values
		return r
	}
	inURL := httptest.NewRequest("GET", "/fhir/Patient/1?access_token=x", nil)
	for sentence, sent := range map[string]struct {
		status int
		r      *http.Request
	}{
		"A token in the URL is refused because URLs are logged; send it in the Authorization header.": {401, inURL},
		"Send exactly one Authorization header.":                                                      {401, header("Bearer a", "Bearer b")},
		"The Authorization header must be the word Bearer and one token.":                             {401, header("Basic a")},
		"The token has expired; request a new one.":                                                   {401, with(object{"exp": noon.Add(-time.Hour).Unix()})},
		"The token is for another audience; request one for the base URL of this server.":             {401, with(object{"aud": "https://elsewhere.example"})},
		"The token is longer than 16 KB.":                                                             {401, header("Bearer " + strings.Repeat("a", 17<<10))},
		"The token is not a well-formed signed JSON Web Token.":                                       {401, header("Bearer a.b")},
		"The token is not valid yet; check the clocks of issuer and server.":                          {401, with(object{"nbf": noon.Add(time.Hour).Unix()})},
		"The token lacks a required claim (iss, sub, aud, exp).":                                      {401, with(object{"exp": nil})},
		"The token's header is not accepted.":                                                         {401, request(sign(object{"alg": "EdDSA", "kid": "own", "crit": []string{"x"}}, claims(), own))},
		"The token's issuer is not known to this server.":                                             {401, with(object{"iss": "https://nobody.example"})},
		"The token's signature does not verify.":                                                      {401, request(sign(object{"alg": "EdDSA", "kid": "own"}, claims(), other))},
		"This server needs a bearer token in the Authorization header.":                               {401, header()},
		"A token for the role patient must name the patient (claim patient).":                         {403, of(object{"subject_role": []object{coding(auth.RoleSystem, "patient")}})},
		"Send Aceso-Purpose once: a request has exactly one purpose of use.":                          {403, choosing(of(object{}), "TREAT", "TREAT")},
		"The purpose of use chosen with Aceso-Purpose is not in the token.":                           {403, choosing(of(object{}), "HRESCH")},
		"The token has a purpose of use that is no code of v3-ActReason.":                             {403, of(object{"purpose_of_use": []object{coding("urn:x", "TREAT")}})},
		"The token has a resource scope that is refused: ….":                                          {403, with(object{"scope": "user/Patient.rs?name=x"})},
		"The token has several purposes of use; choose one with the header Aceso-Purpose.":            {403, two},
		"The token names no organisation (subject_organization_id).":                                  {403, of(object{"subject_organization_id": ""})},
		"The token names no purpose of use (purpose_of_use).":                                         {403, of(object{"purpose_of_use": []object{}})},
		"The token names no role that this server knows (subject_role).":                              {403, of(object{"subject_role": []object{coding("urn:x", "nurse")}})},
		"The token names several roles (subject_role); request one for a single role.":                {403, of(object{"subject_role": []object{coding(auth.RoleSystem, "patient"), coding(auth.RoleSystem, "practitioner")}})},
		"The token's claim patient is neither a logical id nor Patient/id.":                           {403, with(object{"patient": "a/b"})},
		"The token's issuer may not assert this organisation.":                                        {403, from(object{"subject_organization_id": "south"})},
		"The token's issuer may not assert this purpose of use.":                                      {403, from(object{"purpose_of_use": []object{coding(auth.PurposeSystem, "HOPERAT")}})},
		"The token's issuer may not assert this role.":                                                {403, from(object{"subject_role": []object{coding(auth.RoleSystem, "system")}})},
	} {
		_, err := authenticator(t).Authenticate(sent.r)
		if !says(err, sent.status, sentence) {
			t.Errorf("%v; want %d %s", err, sent.status, sentence)
		}
	}
}

// Keys that cannot be read are no reason to call a token wrong.
func TestRefusalsOfIssuersThatDoNotAnswer(t *testing.T) {
	p := newProvider(t)
	a, err := auth.New(auth.Config{Audience: base, Issuers: []auth.Issuer{p.entry(t, `"discover":true`, "")}, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	_, err = a.Authenticate(request(p.token("x", own)))
	if !says(err, 503, "The keys of the token's issuer cannot be read now. Try again later.") {
		t.Error(err)
	}
}

// says tells whether an error is a refusal with a status and a sentence of docs/refusals.md.
func says(err error, status int, sentence string) bool {
	var refusal *fhir.Error
	if !errors.As(err, &refusal) || refusal.Kind.Status() != status {
		return false
	}
	before, after, _ := strings.Cut(sentence, "…")
	return strings.HasPrefix(refusal.Detail, before) && strings.HasSuffix(refusal.Detail, after)
}
