package node

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
	"github.com/aceso-health/aceso/kept"
)

// Anybody may name a public client: what it revokes without having a token is paid for like
// a refusal, so that strangers do not fill the log.
func TestStrangersPayForWhatIsRecorded(t *testing.T) {
	a := &appNode{testNode: startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Rate = 1 })} // and 10 at once
	a.register()
	statuses := map[int]int{}
	for range 20 {
		statuses[a.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {"x"}}).Status]++
	}
	if statuses[429] < 8 || statuses[200] < 9 {
		t.Errorf("%v, want about ten and then 429", statuses)
	}
}

// What an app was given for later ends with the user who gave it, and with her password.
func TestAppsEndWithTheUser(t *testing.T) {
	v := visiting(t, "patient", "launch/patient patient/*.rs offline_access")
	v.sends("/ui/consent", "do", "allow")
	got := v.token()
	app := user{Node: &v.testNode.Node, Token: got["access_token"].(string)}
	app.Get("/Patient/p1").Want(200)
	users := session.NewUsers(operatorRows{keptRows{v.node.store}, &v.node.records}, v.node.authorization.Now)
	users.By = operatorOf("aceso user")
	if err := users.SetPassword(t.Context(), new(kept.Call), "patient", "another password"); err != nil {
		t.Fatal(err)
	}
	app.Get("/Patient/p1").Want(401)
	v.form("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got["refresh_token"].(string)}, "client_id": {"app"}}).Want(400)
}

// Who begins a launch may see more than who takes it: the app learns of no patient whom its
// user may not see.
func TestLaunchedPatientsAreSeenThroughTheGate(t *testing.T) {
	v := visiting(t, "doctor", "launch/patient patient/*.rs")
	text := v.launch(t, "Patient/nobody", "")
	v.opens("/ui/authorize?"+v.authorizationOf("launch patient/*.rs", "launch", text).Encode()).sees(200, "Patient/nobody")
	v.sends("/ui/consent", "do", "allow").sees(404)
	if v.outside != "" {
		t.Errorf("the browser is sent to %s", v.outside)
	}
}

// That an app and a user have no purpose of use in common is recorded with both of them.
func TestNothingInCommonIsRecorded(t *testing.T) {
	v := visiting(t, "patient", "launch/patient patient/*.rs")
	_, from := v.entries(0)
	v.opens("/ui/authorize?"+v.authorizationOf("launch/patient patient/*.rs", "client_id", "confidential").Encode()).sees(403, "no purpose of use")
	if got, _ := v.entries(from); !slices.Contains(got, "authorize deny 303") && !slices.Contains(got, "authorize deny 302") {
		t.Errorf("entries %q", got)
	}
	found := v.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype=authorize&_sort=-date&_count=1").Want(200)
	if !found.Has("Patient/p1") || !found.Has("confidential") {
		t.Errorf("%s", found.Body)
	}
}

// What an operator ends is recorded with the patient whose data it opened.
func TestWhatOperatorsEndNamesThePatient(t *testing.T) {
	a := startAppNode(t)
	a.redeem(a.code(a.authorizationOf("launch/patient offline_access patient/*.rs"))).Want(200)
	s := oauth.New(oauth.Config{Keeper: operatorRows{keptRows{a.node.store}, &a.node.records}, Base: a.node.identity.BaseURL, Organization: "hospital", Now: a.node.authorization.Now})
	if err := s.DisableClient(t.Context(), new(kept.Call), operatorOf("aceso client"), "app", true); err != nil {
		t.Fatal(err)
	}
	found := a.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype=revoke&patient=p1").Want(200)
	if total := fmt.Sprint(found.JSON()["total"]); total != "1" && strings.Count(string(found.Body), `"fullUrl"`) != 1 {
		t.Errorf("%s", found.Body)
	}
}

// Tokens in a URL are refused, and that they were there is recorded, without them.
func TestParametersInTheURLAreRecorded(t *testing.T) {
	a := startAppNode(t)
	for path, want := range map[string]string{"/oauth/token": "token deny 400", "/oauth/introspect": "introspect deny 400", "/oauth/revoke": "revoke deny 400"} {
		_, from := a.entries(0)
		a.form(path+"?token=secret-of-somebody", url.Values{"client_id": {"app"}, "grant_type": {"authorization_code"}}).Want(400)
		if got, _ := a.entries(from); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: entries %q", path, got)
		}
	}
	found := a.as("privacy-officer", "HOPERAT").Get("/AuditEvent?subtype=revoke").Want(200)
	_, query, _ := strings.Cut(string(found.Body), `"query":"`)
	query, _, _ = strings.Cut(query, `"`)
	said, err := base64.StdEncoding.DecodeString(query)
	if err != nil || !strings.Contains(string(said), "none+in+the+URL") || strings.Contains(string(said), "secret-of-somebody") {
		t.Errorf("recorded %s, %v", said, err)
	}
}
