package node

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

func jsonInto(body []byte, to any) error { return json.Unmarshal(body, to) }

// tokenLines are those of the token answer, of what it opens, and of its end.
func tokenLines() []smartLine {
	return slices.Concat(answerLines(), contextLines(), idTokenLines(), refreshLines(), accessLines(), purposeLines())
}

func answerLines() []smartLine {
	const at = "2.1 App Launch, Obtain access token: "
	answer := func(a *smartNode) response { return a.redeem(a.code(a.authorizationOf(standalone))).Want(200) }
	return []smartLine{
		{at + "access_token", func(t *testing.T, a *smartNode) {
			a.with(answer(a).JSON()["access_token"]).Get("/Patient/p1").Want(200)
		}},
		{at + "token_type is Bearer", func(t *testing.T, a *smartNode) {
			if got := word(answer(a).JSON(), "token_type"); got != "Bearer" {
				t.Error(got)
			}
		}},
		{at + "expires_in is an hour at most", func(t *testing.T, a *smartNode) {
			if got, _ := answer(a).JSON()["expires_in"].(float64); got <= 0 || got > 3600 {
				t.Error(got)
			}
		}},
		{at + "scope is what was granted", func(t *testing.T, a *smartNode) {
			if got := word(answer(a).JSON(), "scope"); got != standalone {
				t.Error(got)
			}
		}},
		{at + "no refresh_token without offline_access or online_access", func(t *testing.T, a *smartNode) {
			if got := answer(a).JSON(); got["refresh_token"] != nil {
				t.Error(got)
			}
		}},
		{at + "Cache-Control is no-store", func(t *testing.T, a *smartNode) {
			if got := answer(a).Header.Get("Cache-Control"); got != "no-store" {
				t.Error(got)
			}
		}},
		{at + "Pragma is no-cache", func(t *testing.T, a *smartNode) {
			if got := answer(a).Header.Get("Pragma"); got != "no-cache" {
				t.Error(got)
			}
		}},
		{at + "JSON", func(t *testing.T, a *smartNode) {
			if got := answer(a).Header.Get("Content-Type"); got != "application/json" {
				t.Error(got)
			}
		}},
		{at + "by POST only", func(t *testing.T, a *smartNode) {
			if got, _ := a.plain("GET", "/oauth/token?grant_type=authorization_code"); got.StatusCode != 405 {
				t.Error(got.StatusCode)
			}
		}},
		{at + "nothing stands in the URL", func(t *testing.T, a *smartNode) {
			a.form("/oauth/token?code="+a.code(a.authorizationOf(standalone)), map[string][]string{"grant_type": {"authorization_code"}, "client_id": {"app"}}).Want(400)
			whole := url.Values{"grant_type": {"authorization_code"}, "code": {a.code(a.authorizationOf(standalone))}, "redirect_uri": {appCallback}, "client_id": {"app"}, "code_verifier": {appVerifier}}
			a.form("/oauth/token?x=1", whole).Want(400)
			a.form("/oauth/token", whole).Want(200)
		}},
	}
}

func contextLines() (lines []smartLine) {
	const everything = launchedP2 + `,{"name":"encounter","valueReference":{"reference":"Encounter/e1"}},{"name":"intent","valueString":"review"},{"name":"tenant","valueString":"ward"},
		{"name":"needPatientBanner","valueBoolean":false},{"name":"fhirContext","valueReference":{"reference":"ImagingStudy/i1"}}`
	for _, one := range []struct{ name, want string }{
		{"patient", `"p2"`}, {"encounter", `"e1"`}, {"fhirContext", `[{"reference":"ImagingStudy/i1"}]`}, {"need_patient_banner", "false"}, {"intent", `"review"`}, {"tenant", `"ward"`},
	} {
		lines = append(lines, smartLine{"2.2 Scopes, Launch context arrives with your access_token: " + one.name, func(t *testing.T, a *smartNode) {
			got, err := json.Marshal(a.token("launch patient/*.rs", "launch", a.launch(everything))[one.name])
			if err != nil || string(got) != one.want {
				t.Errorf("%s %v", got, err)
			}
		}})
	}
	return append(lines,
		smartLine{"2.2 Scopes, Launch context arrives with your access_token: need_patient_banner of a standalone app is true", func(t *testing.T, a *smartNode) {
			if got := a.token(standalone); got["need_patient_banner"] != true {
				t.Error(got)
			}
		}},
		smartLine{"2.2 Scopes, Styling: smart_style_url is there without a token", func(t *testing.T, a *smartNode) {
			link := word(a.token(standalone), "smart_style_url")
			if path, ok := strings.CutPrefix(link, a.site); !ok || word(a.document(path), "color_background") == "" {
				t.Error(link)
			}
		}},
		smartLine{"2.2 Scopes, Apps that launch from the EHR: launch/encounter gives the visit that was chosen", func(t *testing.T, a *smartNode) {
			s := a.node.authorization.Server
			r, err := s.Request(t.Context(), &kept.Call{}, a.authorizationOf("launch/patient launch/encounter patient/*.rs"))
			if err != nil || !r.NeedsEncounter || !r.NeedsPatient {
				t.Fatalf("%+v %v", r, err)
			}
		}},
	)
}

func idTokenLines() []smartLine {
	const at = "2.2 Scopes, Scopes for requesting identity data: "
	claims := func(a *smartNode, text string) (c map[string]any) {
		a.T.Helper()
		signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			a.T.Fatal(err)
		}
		body, err := signed.Verify(a.keySetOf().Keys[0])
		if err != nil || jsonInto(body, &c) != nil {
			a.T.Fatalf("%s %v", body, err)
		}
		return c
	}
	return []smartLine{
		{at + "id_token is signed with RS256, by a key of jwks_uri", func(t *testing.T, a *smartNode) { claims(a, word(a.token(standalone), "id_token")) }},
		{at + "iss, sub, aud, exp, iat and nonce are there", func(t *testing.T, a *smartNode) {
			c := claims(a, word(a.token(standalone), "id_token"))
			if c["iss"] != a.site || c["aud"] != "app" || c["nonce"] != "no" || c["sub"] == "" || c["exp"] == nil || c["iat"] == nil {
				t.Error(c)
			}
		}},
		{at + "fhirUser is absolute, and can be read with this token", func(t *testing.T, a *smartNode) {
			a.as("system", "HOPERAT").Put("/Practitioner/practitioner", `{"resourceType":"Practitioner","id":"practitioner"}`)
			a.as("system", "HOPERAT").Put("/Practitioner/another", `{"resourceType":"Practitioner","id":"another"}`)
			for _, scope := range []string{standalone, "launch/patient openid fhirUser patient/Patient.rs", "openid fhirUser"} {
				got := a.token(scope)
				path, ok := strings.CutPrefix(word(claims(a, word(got, "id_token")), "fhirUser"), a.node.identity.BaseURL)
				if !ok {
					t.Fatal(got)
				}
				a.with(got["access_token"]).Get(path).Want(200)
				if a.with(got["access_token"]).Get("/Practitioner/another").Status == 200 && scope != standalone {
					t.Errorf("%s opens another", scope)
				}
			}
			a.app("launch/patient openid patient/Patient.rs").Get("/Practitioner/practitioner").Want(403)
		}},
		{at + "no id_token without openid", func(t *testing.T, a *smartNode) {
			if got := a.token("launch/patient fhirUser patient/*.rs"); got["id_token"] != nil {
				t.Error(got)
			}
		}},
		{at + "no fhirUser without the scope", func(t *testing.T, a *smartNode) {
			if c := claims(a, word(a.token("launch/patient openid patient/*.rs"), "id_token")); c["fhirUser"] != nil {
				t.Error(c)
			}
		}},
		{at + "an id_token is no access token", func(t *testing.T, a *smartNode) {
			a.with(a.token(standalone)["id_token"]).Get("/Patient/p1").Want(401)
		}},
	}
}

func refreshLines() []smartLine {
	const at, offline = "2.1 App Launch, Refresh access token: ", "launch/patient openid offline_access patient/*.rs"
	return []smartLine{
		{at + "it gives new tokens, and another refresh token", func(t *testing.T, a *smartNode) {
			first := a.token(offline)
			next := a.refresh(first).Want(200)
			if got := word(next.JSON(), "refresh_token"); got == "" || got == word(first, "refresh_token") || next.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s", next.Body)
			}
			a.with(next.JSON()["access_token"]).Get("/Patient/p1").Want(200)
		}},
		{at + "the second use of one ends the authorization", func(t *testing.T, a *smartNode) {
			first := a.token(offline)
			next := a.refresh(first).Want(200).JSON()
			a.refresh(first).Want(400)
			a.refresh(next).Want(400)
			a.with(first["access_token"]).Get("/Patient/p1").Want(401)
			a.with(next["access_token"]).Get("/Patient/p1").Want(401)
		}},
		{at + "scope may narrow", func(t *testing.T, a *smartNode) {
			less := a.refresh(a.token(offline), "scope", "patient/Patient.r").Want(200).JSON()
			if word(less, "scope") != "patient/Patient.r" {
				t.Error(less)
			}
			a.with(less["access_token"]).Get("/Patient/p1").Want(200)
			a.with(less["access_token"]).Get("/Observation/o-p1").Want(403)
		}},
		{at + "scope may not widen", func(t *testing.T, a *smartNode) {
			first := a.token(offline)
			if got := a.refresh(first, "scope", "patient/*.cruds").Want(400).JSON(); got["error"] != "invalid_scope" {
				t.Error(got)
			}
			a.refresh(first).Want(200)
		}},
		{at + "another client's is refused", func(t *testing.T, a *smartNode) {
			if r := a.refresh(a.token(offline), "client_id", "other"); r.Status != 400 && r.Status != 401 {
				t.Error(r.Status)
			}
		}},
		{"2.2 Scopes, offline_access: counts for three months at least", func(t *testing.T, a *smartNode) {
			a.token(offline)
			if last := a.ends("refresh"); last.Before(time.Now().Add(90 * 24 * time.Hour)) {
				t.Error(last)
			}
		}},
		{"2.2 Scopes, online_access: ends with the session", func(t *testing.T, a *smartNode) {
			v := a.visits("patient", "launch/patient patient/*.rs online_access")
			v.sends("/ui/consent", "do", "allow")
			got := v.token()
			a.refresh(got).Want(200)
			v.opens("/ui/apps").sees(200)
			v.sends("/ui/sign-out")
			a.refresh(got).Want(400)
			a.with(got["access_token"]).Get("/Patient/p1").Want(401)
		}},
	}
}

func accessLines() []smartLine {
	const at = "2.1 App Launch, Access FHIR API: "
	return []smartLine{
		{at + "no token is 401", func(t *testing.T, a *smartNode) { a.with("").Get("/Patient/p1").Want(401) }},
		{at + "a refused type is 403, never an empty 200", func(t *testing.T, a *smartNode) {
			app := a.app("launch/patient patient/Patient.rs")
			app.Get("/Observation/o-p1").Want(403)
			app.Get("/Observation?patient=p1").Want(403)
		}},
		{at + "a refresh token is no access token", func(t *testing.T, a *smartNode) {
			a.with(a.token("launch/patient offline_access patient/*.rs")["refresh_token"]).Get("/Patient/p1").Want(401)
		}},
		{at + "a token that was revoked is 401 with the next request", func(t *testing.T, a *smartNode) {
			token := a.token(standalone)["access_token"]
			a.with(token).Get("/Patient/p1").Want(200)
			a.form("/oauth/revoke", map[string][]string{"client_id": {"app"}, "token": {token.(string)}}).Want(200)
			a.with(token).Get("/Patient/p1").Want(401)
		}},
	}
}

func purposeLines() []smartLine {
	approve := func(a *smartNode, user oauth.User, purpose string) error {
		s := a.node.authorization.Server
		r, err := s.Request(a.T.Context(), &kept.Call{}, a.authorizationOf(standalone))
		if err != nil {
			a.T.Fatal(err)
		}
		_, err = s.Approve(a.T.Context(), &kept.Call{}, r, user, oauth.Choice{Scopes: r.Scopes, Purpose: purpose, Patient: "Patient/p1"})
		return err
	}
	return []smartLine{
		{"IUA ITI-71, purpose of use: one of the client and the user is chosen", func(t *testing.T, a *smartNode) {
			if err := approve(a, appDoctor, "TREAT"); err != nil {
				t.Error(err)
			}
		}},
		{"IUA ITI-71, purpose of use: no code for one that the client is not registered for", func(t *testing.T, a *smartNode) {
			user := appDoctor
			user.Purposes = []string{"HRESCH"}
			if err := approve(a, user, "HRESCH"); err == nil {
				t.Error("a code")
			}
		}},
		{"IUA ITI-71, purpose of use: no code for one that the user may not act for", func(t *testing.T, a *smartNode) {
			if err := approve(a, appDoctor, "PATRQT"); err == nil {
				t.Error("a code")
			}
		}},
		{"IUA ITI-71, purpose of use: no code without one", func(t *testing.T, a *smartNode) {
			if err := approve(a, appDoctor, ""); err == nil {
				t.Error("a code")
			}
		}},
	}
}
