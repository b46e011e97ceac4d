package node

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/kept"
)

// smartLine is one requirement: its name begins with the page of SMART App Launch 2.2.0, by
// its number in the table of contents, and the heading there; or with another specification.
type smartLine struct {
	name  string
	holds func(t *testing.T, a *smartNode)
}

// smartNode is a node on which people can sign in, with clients.
type smartNode struct {
	*appNode
	site string
}

// TestSMARTAppLaunch has a test for each line, over HTTP, with exact statuses.
func TestSMARTAppLaunch(t *testing.T) {
	a := &smartNode{appNode: &appNode{testNode: atNode(t)}}
	a.register()
	a.site = strings.TrimSuffix(a.node.identity.BaseURL, "/fhir")
	seen := map[string]bool{}
	for _, line := range slices.Concat(discoveryLines(), authorizeLines(), tokenLines(), clientLines(), scopeLines()) {
		if seen[line.name] {
			t.Errorf("two lines are named %q", line.name)
		}
		seen[line.name] = true
		t.Run(line.name, func(t *testing.T) {
			whole := a.T
			defer func() { a.T = whole }()
			a.T = t
			line.holds(t, a)
		})
	}
}

// document is a JSON object that is there without a token.
func (a *smartNode) document(path string) map[string]any {
	a.T.Helper()
	answer, body := a.plain("GET", path)
	var j map[string]any
	if err := json.Unmarshal(body, &j); err != nil || answer.StatusCode != 200 {
		a.T.Fatalf("%s: %d %s %v", path, answer.StatusCode, body, err)
	}
	return j
}

// list is a member that is a list of words.
func list(j map[string]any, name string) (words []string) {
	all, _ := j[name].([]any)
	for _, one := range all {
		word, _ := one.(string)
		words = append(words, word)
	}
	return words
}

func word(j map[string]any, name string) string { s, _ := j[name].(string); return s }

// asks sends an authorization request as a browser does, and does not follow the answer.
func (a *smartNode) asks(v url.Values) (status int, to *url.URL, kind string) {
	a.T.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(a.Server.URL + "/ui/authorize?" + v.Encode())
	if err != nil {
		a.T.Fatal(err)
	}
	defer answer.Body.Close()
	to, err = url.Parse(answer.Header.Get("Location"))
	if err != nil {
		a.T.Fatal(err)
	}
	return answer.StatusCode, to, answer.Header.Get("Content-Type")
}

// sentBack wants the app to learn why it gets no code.
func (a *smartNode) sentBack(code string, v url.Values) {
	a.T.Helper()
	status, to, _ := a.asks(v)
	q := to.Query()
	if status != 303 || !strings.HasPrefix(to.String(), appCallback+"?") || q.Get("error") != code || q.Get("state") != v.Get("state") || q.Get("iss") != a.site || q.Has("code") {
		a.T.Errorf("%v: %d to %s, want %s", v, status, to, code)
	}
}

// token is the answer to a code for a scope.
func (a *smartNode) token(scope string, changes ...string) map[string]any {
	a.T.Helper()
	return a.redeem(a.code(a.authorizationOf(scope, changes...))).Want(200).JSON()
}

// app is a caller with a token for a scope.
func (a *smartNode) app(scope string) user {
	a.T.Helper()
	return a.with(a.token(scope)["access_token"])
}

// backend is a system with a token for a scope.
func (a *smartNode) backend(scope string) user {
	a.T.Helper()
	form := a.backendForm(a.assertion("backend"))
	form.Set("scope", scope)
	return a.with(a.form("/oauth/token", form).Want(200).JSON()["access_token"])
}

// refresh asks for new tokens.
func (a *smartNode) refresh(answer map[string]any, changes ...string) response {
	a.T.Helper()
	v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {word(answer, "refresh_token")}, "client_id": {"app"}}
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	return a.form("/oauth/token", v)
}

// launch begins an EHR launch, as the doctor does.
func (a *smartNode) launch(parameters string) string {
	a.T.Helper()
	return a.launchBy(a.as("practitioner", "TREAT"), parameters)
}

func (a *smartNode) launchBy(who user, parameters string) string {
	a.T.Helper()
	r := who.Post("/$launch-context", `{"resourceType":"Parameters","parameter":[`+parameters+`]}`).Want(200)
	return word(r.JSON()["parameter"].([]any)[0].(map[string]any), "valueString")
}

// ends is when what is kept in a space ends, at the latest.
func (a *smartNode) ends(space string) (last time.Time) {
	a.T.Helper()
	for _, row := range a.keeps(space) {
		if row.Expires.After(last) {
			last = row.Expires
		}
	}
	return last
}

func (a *smartNode) keeps(space string) []kept.Row {
	a.T.Helper()
	rows, err := a.node.authorization.Keeper.EachKept(a.T.Context(), space, "", 10_000)
	if err != nil {
		a.T.Fatal(err)
	}
	return rows
}

// visits is somebody whom the app sent to the consent page.
func (a *smartNode) visits(login, scope string, changes ...string) *visit {
	a.T.Helper()
	t, ok := a.T.(*testing.T)
	if !ok {
		a.T.Fatal("no test")
	}
	v := &visit{a.appNode, arrives(t, a.Server.URL)}
	v.opens("/ui/authorize?"+a.authorizationOf(scope, changes...).Encode()).sees(200, "Sign in", `name="login"`)
	v.sends("/ui/sign-in", "login", login, "password", goodPassword).sees(200, "asks for data")
	return v
}
