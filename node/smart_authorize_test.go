package node

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/kept"
)

const standalone = "launch/patient openid fhirUser patient/*.rs"

// authorizeLines are those of the way to a code.
func authorizeLines() []smartLine {
	return slices.Concat(requestLines(), wrongRequestLines(), codeLines(), consentLines(), launchLines())
}

func requestLines() []smartLine {
	return []smartLine{
		{"2.1 App Launch, Obtain authorization code: by GET", func(t *testing.T, a *smartNode) {
			if status, to, _ := a.asks(a.authorizationOf(standalone)); status != 303 || to.Path != "/ui/sign-in" || to.Query().Has("error") {
				t.Errorf("%d %s", status, to)
			}
		}},
		{"2.1 App Launch, Obtain authorization code: by POST", func(t *testing.T, a *smartNode) {
			r, err := http.NewRequestWithContext(t.Context(), "POST", a.Server.URL+"/ui/authorize", strings.NewReader(a.authorizationOf(standalone).Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			arrives(t, a.Server.URL).does(r, nil).sees(200, "Sign in", `name="login"`)
		}},
		{"2.1 App Launch, Obtain authorization code: state comes back as it came", func(t *testing.T, a *smartNode) {
			v := a.authorizationOf(standalone, "state", "a b&c=d+é%20", "aud", "https://elsewhere.example")
			a.sentBack("invalid_request", v)
			s := a.node.authorization.Server
			r, err := s.Request(t.Context(), &kept.Call{}, a.authorizationOf(standalone, "state", v.Get("state")))
			if err != nil {
				t.Fatal(err)
			}
			back, err := s.Approve(t.Context(), &kept.Call{}, r, appDoctor, oauth.Choice{Scopes: r.Scopes, Purpose: "TREAT", Patient: "Patient/p1"})
			u, parseErr := url.Parse(back)
			if err != nil || parseErr != nil || u.Query().Get("state") != v.Get("state") || u.Query().Get("code") == "" || u.Query().Get("iss") != a.site {
				t.Errorf("%s %v %v", back, err, parseErr)
			}
		}},
	}
}

func wrongRequestLines() (lines []smartLine) {
	for _, wrong := range []struct{ what, code, name, value string }{
		{"response_type is code", "unsupported_response_type", "response_type", "token"},
		{"response_type is needed", "unsupported_response_type", "response_type", ""},
		{"state is needed", "invalid_request", "state", ""},
		{"scope is needed", "invalid_scope", "scope", ""},
		{"aud is needed", "invalid_request", "aud", ""},
		{"a wrong aud gives no code", "invalid_request", "aud", "https://elsewhere.example/fhir"},
		{"the aud is the FHIR base, not the site", "invalid_request", "aud", "http://127.0.0.1"},
		{"code_challenge is needed", "invalid_request", "code_challenge", ""},
		{"code_challenge is a SHA-256", "invalid_request", "code_challenge", "short"},
		{"code_challenge_method is needed", "invalid_request", "code_challenge_method", ""},
		{"code_challenge_method is never plain", "invalid_request", "code_challenge_method", "plain"},
		{"launch belongs to the scope launch", "invalid_request", "launch", "x"},
		{"an unknown launch gives no code", "invalid_request", "scope", "launch patient/*.rs"},
	} {
		lines = append(lines, smartLine{"2.1 App Launch, Obtain authorization code: " + wrong.what, func(t *testing.T, a *smartNode) {
			v := a.authorizationOf(standalone, wrong.name, wrong.value)
			if v.Get("scope") == "launch patient/*.rs" {
				v.Set("launch", "unknown")
			}
			if wrong.value == "" {
				v.Del(wrong.name)
			}
			a.sentBack(wrong.code, v)
		}})
	}
	for what, change := range map[string][2]string{
		"a wrong client": {"client_id", "nobody"}, "no client": {"client_id", ""}, "a wrong redirect_uri": {"redirect_uri", "https://evil.example/"}, "no redirect_uri": {"redirect_uri", ""},
		"a redirect_uri with another case": {"redirect_uri", "https://APP.example/callback"}, "a redirect_uri with a port": {"redirect_uri", "https://app.example:443/callback"},
		"a redirect_uri with a slash more": {"redirect_uri", appCallback + "/"}, "a redirect_uri with a user": {"redirect_uri", "https://x@app.example/callback"},
		"a redirect_uri with a fragment": {"redirect_uri", appCallback + "#x"}, "a redirect_uri with a query": {"redirect_uri", appCallback + "?x=1"},
		"a redirect_uri with a dot at the host": {"redirect_uri", "https://app.example./callback"}, "a redirect_uri that is encoded otherwise": {"redirect_uri", "https://app.example/%63allback"},
	} {
		lines = append(lines, smartLine{"2.1 App Launch, Obtain authorization code: " + what + " is a page, 400", func(t *testing.T, a *smartNode) {
			if status, to, kind := a.asks(a.authorizationOf(standalone, change[0], change[1])); status != 400 || to.String() != "" || !strings.HasPrefix(kind, "text/html") {
				t.Errorf("%d %s %s", status, to, kind)
			}
		}})
	}
	return lines
}

func codeLines() (lines []smartLine) {
	lines = []smartLine{
		{"2.1 App Launch, Obtain authorization code: a code counts for a minute at most", func(t *testing.T, a *smartNode) {
			before := a.keeps("code")
			a.code(a.authorizationOf(standalone))
			now := time.Now()
			for _, row := range a.keeps("code") {
				known := slices.ContainsFunc(before, func(old kept.Row) bool { return old.Key == row.Key })
				if !known && (row.Expires.After(now.Add(time.Minute)) || row.Expires.Before(now)) {
					t.Errorf("ends at %s, now it is %s", row.Expires, now)
				}
			}
		}},
		{"RFC 6749 4.1.2: a code counts once, and its second use ends what the first gave", func(t *testing.T, a *smartNode) {
			code := a.code(a.authorizationOf(standalone))
			first := a.with(a.redeem(code).Want(200).JSON()["access_token"])
			first.Get("/Patient/p1").Want(200)
			a.redeem(code).Want(400)
			first.Get("/Patient/p1").Want(401)
		}},
	}
	for _, bound := range []struct {
		what    string
		status  int
		changes []string
	}{
		{"2.1 App Launch, Obtain access token: a wrong code", 400, []string{"code", "x"}},
		{"2.1 App Launch, Obtain access token: no code", 400, []string{"code", "-"}},
		{"2.1 App Launch, Obtain access token: an unknown client", 401, []string{"client_id", "nobody"}},
		{"2.1 App Launch, Obtain access token: no client", 401, []string{"client_id", "-"}},
		{"2.1 App Launch, Obtain access token: another client's code", 400, []string{"client_id", "other"}},
		{"2.1 App Launch, Obtain access token: another redirect_uri", 400, []string{"redirect_uri", "https://x.example/"}},
		{"2.1 App Launch, Obtain access token: no redirect_uri", 400, []string{"redirect_uri", "-"}},
		{"2.1 App Launch, PKCE: no code_verifier", 400, []string{"code_verifier", "-"}},
		{"2.1 App Launch, PKCE: a blank code_verifier", 400, []string{"code_verifier", ""}},
		{"2.1 App Launch, PKCE: a wrong code_verifier", 400, []string{"code_verifier", appVerifier + "x"}},
		{"2.1 App Launch, PKCE: the challenge as code_verifier", 400, []string{"code_verifier", "CHALLENGE"}},
		{"2.1 App Launch, Obtain access token: a wrong grant_type", 400, []string{"grant_type", "password"}},
		{"2.1 App Launch, Refresh access token: a wrong refresh token", 400, []string{"grant_type", "refresh_token", "refresh_token", "x"}},
	} {
		lines = append(lines, smartLine{bound.what + " is " + http.StatusText(bound.status), func(t *testing.T, a *smartNode) {
			a.addOther(t)
			if bound.changes[1] == "CHALLENGE" {
				bound.changes = []string{bound.changes[0], a.authorizationOf("").Get("code_challenge")}
			}
			code := a.code(a.authorizationOf(standalone))
			r := a.redeem(code, bound.changes...).Want(bound.status)
			if word(r.JSON(), "error") == "" || r.Header.Get("Cache-Control") != "no-store" || r.JSON()["access_token"] != nil {
				t.Errorf("%v %s", r.Header, r.Body)
			}
		}})
	}
	return lines
}

// addOther registers another public app, with the same redirect URI.
func (a *smartNode) addOther(t *testing.T) {
	t.Helper()
	if _, err := a.node.AddClient(t.Context(), oauth.Client{
		ID: "other", Kind: oauth.Public, Redirects: []string{appCallback}, Scopes: []string{"patient/*.rs", "launch"}, Purposes: []string{"TREAT"}, Grants: []string{"authorization_code"},
	}); err != nil {
		t.Fatal(err)
	}
}

func consentLines() []smartLine {
	const asked = "launch/patient openid fhirUser patient/Patient.rs patient/Observation.rs patient/Condition.rs offline_access"
	found := func(a *smartNode) *visit {
		v := a.visits("doctor", asked)
		v.sends("/ui/consent", "do", "find", "find", "familyp1 1970-01-01").sees(200, `value="Patient/p1"`)
		return v
	}
	return []smartLine{
		{"2.1 App Launch, Obtain authorization code: the page says who asks and where the answer goes", func(t *testing.T, a *smartNode) {
			a.visits("doctor", asked).sees(200, "An app", "app.example")
		}},
		{"2.1 App Launch, Obtain authorization code: the page says what for", func(t *testing.T, a *smartNode) {
			a.visits("doctor", asked).sees(200, "Treatment")
		}},
		{"2.1 App Launch, Obtain authorization code: the page says the scopes in words", func(t *testing.T, a *smartNode) {
			a.visits("doctor", asked).sees(200, "Observations", "Conditions")
		}},
		{"2.2 Scopes, Standalone apps: a patient is picked, whom the gate shows", func(t *testing.T, a *smartNode) {
			v := found(a)
			v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1")
			if got := v.token(); got["patient"] != "p1" {
				t.Error(got)
			}
		}},
		{"2.2 Scopes, Standalone apps: no code without a patient", func(t *testing.T, a *smartNode) {
			a.visits("doctor", asked).sends("/ui/consent", "do", "allow").sees(200, "Search the patient and choose one.")
		}},
		{"2.2 Scopes, Wildcard scopes: each type can be unticked", func(t *testing.T, a *smartNode) {
			v := found(a)
			v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1", "scope", "patient/Patient.rs", "scope", "patient/Observation.rs")
			if got := " " + word(v.token(), "scope") + " "; strings.Contains(got, "Condition") || !strings.Contains(got, " patient/Observation.rs ") {
				t.Error(got)
			}
		}},
		{"2.2 Scopes, Finer-grained constraints: a whole type can be narrowed to a category", func(t *testing.T, a *smartNode) {
			const narrow = "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
			v := a.visits("doctor", "launch/patient patient/Observation.rs")
			v.sends("/ui/consent", "do", "find", "find", "familyp1 1970-01-01", "only-0", narrow, "only-1", narrow)
			v.sends("/ui/consent", "do", "allow", "patient", "Patient/p1")
			if got := strings.Fields(word(v.token(), "scope")); !slices.Contains(got, narrow) || slices.Contains(got, "patient/Observation.rs") {
				t.Error(got)
			}
		}},
		{"2.2 Scopes, offline_access: the page says that access goes on", func(t *testing.T, a *smartNode) {
			a.visits("doctor", asked).sees(200, "when you are not there")
		}},
		{"2.1 App Launch, Obtain authorization code: the page has no script that it needs", func(t *testing.T, a *smartNode) {
			v := a.visits("doctor", asked)
			if strings.Contains(v.page, "<script") || strings.Contains(v.page, "onclick") || !strings.Contains(v.page, "width=device-width") {
				t.Errorf("%s", v.page)
			}
		}},
		{"RFC 6749 4.1.2.1: who says no sends the app away", func(t *testing.T, a *smartNode) {
			v := a.visits("doctor", asked)
			v.sends("/ui/consent", "do", "deny")
			if got := v.decided(); got.Get("error") != "access_denied" || got.Has("code") {
				t.Error(got)
			}
		}},
	}
}

const launchedP2 = `{"name":"patient","valueReference":{"reference":"Patient/p2"}}`

func launchLines() []smartLine {
	scope := "launch patient/*.rs"
	return []smartLine{
		{"2.1 App Launch, EHR Launch: $launch-context gives an opaque launch", func(t *testing.T, a *smartNode) {
			one, two := a.launch(launchedP2), a.launch(launchedP2)
			if len(one) < 32 || one == two || strings.Contains(one, "p2") {
				t.Errorf("%q %q", one, two)
			}
		}},
		{"2.1 App Launch, EHR Launch: no launch without a token", func(t *testing.T, a *smartNode) {
			a.with("").Post("/$launch-context", `{"resourceType":"Parameters"}`).Want(401)
		}},
		{"2.1 App Launch, EHR Launch: a launch about something else is refused", func(t *testing.T, a *smartNode) {
			a.as("practitioner", "TREAT").Post("/$launch-context", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Group/1"}}]}`).Want(422)
		}},
		{"2.1 App Launch, EHR Launch: the token is about the patient of the launch", func(t *testing.T, a *smartNode) {
			got := a.token(scope, "launch", a.launch(launchedP2))
			if word(got, "patient") != "p2" {
				t.Error(got)
			}
			a.with(got["access_token"]).Get("/Patient/p2").Want(200)
			a.with(got["access_token"]).Get("/Patient/p1").Want(404)
		}},
		{"2.1 App Launch, EHR Launch: a launch counts once", func(t *testing.T, a *smartNode) {
			v := a.authorizationOf(scope, "launch", a.launch(launchedP2))
			a.code(v)
			a.sentBack("invalid_request", v)
		}},
		{"2.1 App Launch, EHR Launch: a launch is of its user", func(t *testing.T, a *smartNode) {
			launch := a.launchBy(a.as("system", "HOPERAT"), launchedP2+`,{"name":"user","valueReference":{"reference":"Practitioner/somebody"}}`)
			v := a.visits("doctor", scope, "launch", launch)
			v.sends("/ui/consent", "do", "allow")
			if got := v.decided(); got.Get("error") != "access_denied" || got.Has("code") {
				t.Error(got)
			}
		}},
		{"2.1 App Launch, EHR Launch: a launch is of its app", func(t *testing.T, a *smartNode) {
			a.addOther(t)
			launch := a.launch(launchedP2 + `,{"name":"client","valueString":"app"}`)
			a.sentBack("invalid_request", a.authorizationOf(scope, "launch", launch, "client_id", "other"))
		}},
		{"2.1 App Launch, EHR Launch: a launch counts for five minutes", func(t *testing.T, a *smartNode) {
			a.launch(launchedP2)
			if last := a.ends("launch"); last.After(time.Now().Add(5*time.Minute)) || last.Before(time.Now().Add(4*time.Minute)) {
				t.Error(last)
			}
		}},
	}
}
