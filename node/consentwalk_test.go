package node

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// visits are a node with an app, and somebody with a browser who has been sent there by it.
type visit struct {
	*appNode
	*person
}

func visiting(t *testing.T, login, scope string) *visit {
	t.Helper()
	a := &appNode{testNode: atNode(t)}
	a.register()
	v := &visit{a, arrives(t, a.Server.URL)}
	v.opens("/ui/authorize?"+a.authorizationOf(scope).Encode()).sees(200, "Sign in", `name="login"`)
	v.sends("/ui/sign-in", "login", login, "password", goodPassword).sees(200, "An app", "asks for data")
	return v
}

// decided is what the browser brings the app.
func (v *visit) decided() url.Values {
	v.person.Helper()
	u, err := url.Parse(v.outside)
	if err != nil || !strings.HasPrefix(v.outside, appCallback+"?") || u.Query().Get("state") != "st" || u.Query().Get("iss") == "" {
		v.person.Fatalf("the browser is at %s (%d), sent to %q:\n%s", v.at, v.status, v.outside, v.page)
	}
	return u.Query()
}

// token is what the app gets for the code.
func (v *visit) token() map[string]any {
	v.person.Helper()
	answer := v.form("/oauth/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {v.decided().Get("code")}, "redirect_uri": {appCallback}, "client_id": {"app"}, "code_verifier": {appVerifier},
	}).Want(200)
	var got map[string]any
	if err := json.Unmarshal(answer.Body, &got); err != nil {
		v.person.Fatal(err)
	}
	return got
}

// A doctor is sent by an app, signs in, looks for the patient, narrows what the app asks for,
// and allows it; the app gets exactly that, and she ends it.
func TestDoctorLetsAnAppIn(t *testing.T) {
	v := visiting(t, "doctor", "openid fhirUser launch/patient patient/Observation.rs patient/Patient.rs patient/Condition.rs offline_access")
	v.sees(200, "Find a patient", "Treatment", "Observations", "Conditions", "when you are not there", "Vital signs")
	v.sends("/ui/consent", "do", "allow").sees(200, "Search the patient and choose one.")
	v.sends("/ui/consent", "do", "find", "find", "nobody").sees(200, "Nobody whom you may see")
	v.sends("/ui/consent", "do", "find", "find", "familyp1 1970-01-01").sees(200, `value="Patient/p1"`)
	v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1", "purpose", "TREAT", "scope", "patient/Patient.rs", "scope", "patient/Observation.rs")
	got := v.token()
	if got["patient"] != "p1" || !strings.Contains(got["scope"].(string), "patient/Observation.rs") || strings.Contains(got["scope"].(string), "Condition") || got["refresh_token"] != nil {
		t.Errorf("%v", got)
	}
	app := user{Node: &v.testNode.Node, Token: got["access_token"].(string)}
	app.Get("/Patient/p1").Want(200)
	app.Get("/Condition?patient=p1").Want(403)
	app.Get("/Patient/p2").Want(404)
	v.opens("/ui/apps").sees(200, "Patient/p1", "Treatment", "Observations")
	v.sends("/ui/apps").sees(200, "Its access has ended.")
	app.Get("/Patient/p1").Want(401)
}

func TestDoctorNarrowsToACategory(t *testing.T) {
	v := visiting(t, "doctor", "launch/patient patient/Observation.rs")
	v.sends("/ui/consent", "do", "find", "find", "familyp1 1970-01-01", "only-1", "patient/Observation.rs?category="+"http://terminology.hl7.org/CodeSystem/observation-category|vital-signs")
	v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1")
	if got := v.token()["scope"].(string); !strings.Contains(got, "category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs") || slices.Contains(strings.Fields(got), "patient/Observation.rs") {
		t.Errorf("scope %s", got)
	}
}

// An app that asks for a visit gets one of the patient, which the doctor chooses.
func TestDoctorChoosesAVisit(t *testing.T) {
	v := visiting(t, "doctor", "launch/patient launch/encounter patient/*.rs")
	system := v.as("system", "HOPERAT")
	for id, patient := range map[string]string{"e1": "p1", "e2": "p2"} {
		system.Put("/Encounter/"+id, `{"resourceType":"Encounter","id":"`+id+`","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/`+patient+`"},"period":{"start":"2026-01-02T08:00:00Z"}}`).Want(201)
	}
	v.sends("/ui/consent", "do", "find", "find", "familyp1")
	v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1").sees(200, "Choose the visit", `value="Encounter/e1"`, "2026-01-02", "None")
	if strings.Contains(v.page, "Encounter/e2") {
		t.Error("visits of others are offered")
	}
	page := v.page
	v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1", "encounter", "Encounter/e2").sees(404, "no such visit")
	v.page = page
	v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1", "encounter", "Encounter/e1")
	if got := v.token(); got["encounter"] != "e1" || got["patient"] != "p1" {
		t.Errorf("%v", got)
	}
}

func TestDoctorSaysNo(t *testing.T) {
	v := visiting(t, "doctor", "launch/patient patient/*.rs")
	v.sends("/ui/consent", "do", "deny")
	if got := v.decided(); got.Get("error") != "access_denied" || got.Get("code") != "" {
		t.Errorf("%v", got)
	}
}

// A patient has her own data to give, and nobody else's.
func TestPatientLetsAnAppIn(t *testing.T) {
	v := visiting(t, "patient", "launch/patient patient/*.rs")
	v.sees(200, "Patient/p1", "At the patient&#39;s request")
	if strings.Contains(v.page, "Find a patient") {
		t.Error("a patient may look for others")
	}
	v.sends("/ui/consent", "do", "allow", "patient", "Patient/p2")
	if got := v.token(); got["patient"] != "p1" {
		t.Errorf("%v", got)
	}
}

// What somebody who is signed in online lets an app do ends when she signs out.
func TestOnlineAccessEndsWithTheSession(t *testing.T) {
	v := visiting(t, "patient", "launch/patient patient/*.rs online_access")
	v.sends("/ui/consent", "do", "allow")
	got := v.token()
	v.opens("/ui/apps").sees(200)
	v.sends("/ui/sign-out")
	v.form("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got["refresh_token"].(string)}, "client_id": {"app"}}).Want(400)
	user{Node: &v.testNode.Node, Token: got["access_token"].(string)}.Get("/Patient/p1").Want(401)
}

// What an app asks for wrongly is said on a page, without a way to where it wants to go.
func TestWrongRequestsOfAppsLeadNowhere(t *testing.T) {
	a := startAppNode(t)
	p := arrives(t, a.Server.URL)
	for _, change := range [][]string{
		{"client_id", "nobody"}, {"redirect_uri", "https://evil.example/"}, {"redirect_uri", appCallback + "/"}, {"redirect_uri", "https://app.example:443/callback"},
		{"redirect_uri", "https://APP.example/callback"}, {"redirect_uri", "https://app.example@evil.example/callback"}, {"redirect_uri", appCallback + "#x"}, {"redirect_uri", ""},
	} {
		p.opens("/ui/authorize?"+a.authorizationOf("openid", change...).Encode()).sees(400, "<h1>Bad Request</h1>")
		if p.outside != "" || strings.Contains(p.page, "evil") || strings.Contains(p.page, "app.example") {
			t.Errorf("%v: %s %s", change, p.outside, p.page)
		}
	}
	p.opens("/ui/authorize?" + a.authorizationOf("openid", "aud", "https://elsewhere.example/fhir").Encode())
	if !strings.HasPrefix(p.outside, appCallback+"?") || strings.Contains(p.outside, "code=") {
		t.Errorf("a wrong aud: %s", p.outside)
	}
}

// An app that posts its request gets the same page.
func TestAppsMayPostTheirRequest(t *testing.T) {
	a := startAppNode(t)
	p := arrives(t, a.Server.URL)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.Server.URL+"/ui/authorize", strings.NewReader(a.authorizationOf("openid").Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	p.does(r, err).sees(200, "Sign in")
}
