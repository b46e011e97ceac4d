package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir/balptest"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// entries are those of the change log since a position: interaction, decision and status.
func (a *appNode) entries(from int64) (all []string, next int64) {
	a.T.Helper()
	changes, _ := a.node.store.Logs()
	next, err := changes.Size(a.T.Context())
	if err == nil {
		err = changes.Rows(a.T.Context(), from, next, func(row ledgerbridge.Row) error {
			e, err := ledgerbridge.ParseEntry(row.Entry)
			all = append(all, fmt.Sprintf("%s %s %d", e.Interaction, e.Decision, e.Outcome))
			return err
		})
	}
	if err != nil {
		a.T.Fatal(err)
	}
	return all, next
}

// askSite asks for what is not below the FHIR base, with a token.
func (a *appNode) askSite(token, method, path, body string) response {
	a.T.Helper()
	r, err := http.NewRequest(method, a.Server.URL+path, strings.NewReader(body))
	if err != nil {
		a.T.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := a.Exchange(method+" "+path, r)
	if err != nil {
		a.T.Fatal(err)
	}
	return answer
}

// Each request to the authorization server leaves one entry in the change log, whether it
// is granted or refused; the privacy office reads each as an AuditEvent. No secret stands in
// any of them.
func TestEveryAuthorizationLeavesAnEntry(t *testing.T) {
	a := startAppNode(t)
	admin, doctor, officer := a.as("administrator", "HOPERAT"), a.as("practitioner", "TREAT"), a.as("privacy-officer", "HOPERAT")
	var code, token, refresh, initial string
	var last response
	confidential := func(token string) url.Values {
		return url.Values{"client_id": {"confidential"}, "client_secret": {a.secret}, "token": {token}}
	}
	_, from := a.entries(0)
	outside := func(method, path, body string) response { return a.askSite(admin.Token, method, path, body) }
	for _, c := range []struct {
		what string
		do   func()
		want []string
	}{
		{"a refused request", func() {
			_, _ = a.node.authorization.Request(t.Context(), &kept.Call{}, a.authorizationOf("openid", "client_id", "nobody"))
		}, []string{"authorize deny 400"}},
		{"an approval", func() { code = a.code(a.authorizationOf("launch/patient openid offline_access patient/*.rs")) }, []string{"authorize permit 200"}},
		{"a token", func() {
			j := a.redeem(code).Want(200).JSON()
			token, refresh = fmt.Sprint(j["access_token"]), fmt.Sprint(j["refresh_token"])
		}, []string{"token permit 200"}},
		{"a refresh", func() {
			j := a.form("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"app"}}).Want(200).JSON()
			token = fmt.Sprint(j["access_token"])
		}, []string{"refresh permit 200"}},
		{"an introspection", func() { a.form("/oauth/introspect", confidential(token)).Want(200) }, []string{"introspect permit 200"}},
		{"a refused introspection", func() { a.form("/oauth/introspect", url.Values{"client_id": {"app"}, "token": {token}}).Want(401) }, []string{"introspect deny 401"}},
		{"a launch", func() { doctor.Post("/$launch-context", `{"resourceType":"Parameters"}`).Want(200) }, []string{"launch permit 200"}},
		{"a revocation", func() { a.form("/oauth/revoke", url.Values{"client_id": {"app"}, "token": {token}}).Want(200) }, []string{"revoke permit 200"}},
		{"a code again", func() { a.redeem(code).Want(400) }, []string{"token deny 400"}},
		{"an unknown client", func() { a.redeem(code, "client_id", "nobody").Want(401) }, []string{"token deny 401"}},
		{"a backend's token", func() { a.form("/oauth/token", a.backendForm(a.assertion("backend"))).Want(200) }, []string{"token permit 200"}},
		{"the list of clients", func() { last = outside("GET", "/admin/clients", "").Want(200) }, []string{"client-read permit 200"}},
		{"a new client", func() {
			outside("POST", "/admin/clients", `{"id":"new","kind":"public","redirects":["https://new.example/cb"],"scopes":["openid"],"purposes":["TREAT"],"grants":["authorization_code"]}`).Want(201)
		}, []string{"client-write permit 200"}},
		{"a client disabled", func() { outside("POST", "/admin/clients/new/disable", "").Want(204) }, []string{"client-write permit 200"}},
		{"a client removed", func() { outside("DELETE", "/admin/clients/new", "").Want(204) }, []string{"client-write permit 200"}},
		{"an initial token", func() {
			initial = fmt.Sprint(outside("POST", "/admin/registrations", `{"scopes":["openid"],"purposes":["TREAT"]}`).Want(201).JSON()["initial_access_token"])
		}, []string{"client-write permit 200"}},
		{"a registration", func() {
			a.askSite(initial, "POST", "/oauth/register", `{"redirect_uris":["https://r.example/cb"],"token_endpoint_auth_method":"none"}`).Want(201)
		}, []string{"register permit 200"}},
	} {
		c.do()
		var got []string
		if got, from = a.entries(from); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: entries %q, want %q", c.what, got, c.want)
		}
	}
	if strings.Contains(string(last.Body), `"secret"`) || !last.Has(`"confidential"`) {
		t.Errorf("clients: %s", last.Body)
	}
	for seq := range from {
		event := officer.Get(fmt.Sprintf("/AuditEvent/n1.changes.0.%d", seq)).Want(200)
		if _, faults := balptest.Check(event.Body); len(faults) > 0 {
			t.Errorf("%q\n%s", faults, event.Body)
		}
		for _, secret := range []string{code, token, refresh, initial, a.secret} {
			if strings.Contains(string(event.Body), secret) {
				t.Errorf("a secret stands in %s", event.Body)
			}
		}
		if !json.Valid(event.Body) {
			t.Error("no JSON")
		}
	}
	wantWhole(t, a.data, a.database)
}

// Only administrators change clients.
func TestClientsAreForAdministrators(t *testing.T) {
	a := startAppNode(t)
	for _, role := range []string{"practitioner", "system", "privacy-officer"} {
		u := a.as(role, "HOPERAT")
		for _, what := range [][2]string{{"POST", "/admin/clients"}, {"DELETE", "/admin/clients/app"}, {"POST", "/admin/clients/app/disable"}} {
			body := ""
			if what[1] == "/admin/clients" {
				body = `{"id":"x","kind":"public","redirects":["https://x.example/"],"scopes":["openid"],"purposes":["TREAT"],"grants":["authorization_code"]}`
			}
			a.askSite(u.Token, what[0], what[1], body).Want(403)
		}
	}
}
