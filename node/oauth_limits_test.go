package node

import (
	"net/url"
	"strings"
	"testing"
)

// Who is refused pays from the allowance of the address; who proves who it is does not.
func TestRefusedClientsPay(t *testing.T) {
	a := &appNode{testNode: startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Rate = 1 })} // and 10 at once
	a.register()
	for range 25 {
		a.form("/oauth/token", a.backendForm(a.assertion("backend"))).Want(200)
	}
	wrong := url.Values{"grant_type": {"authorization_code"}, "client_id": {"app"}, "code": {"x"}}
	statuses := map[int]int{}
	for range 15 {
		r := a.form("/oauth/token", wrong)
		if statuses[r.Status]++; r.Status == 429 && r.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if statuses[429] < 3 || statuses[400] < 9 {
		t.Errorf("refusals %v, want about ten and then 429", statuses)
	}
}

// What a client sends is bounded, and has its media type.
func TestFormsOfClientsAreBounded(t *testing.T) {
	a := startAppNode(t)
	a.form("/oauth/token", url.Values{"code": {strings.Repeat("x", 65<<10)}}).Want(413)
	a.askSite("", "POST", "/oauth/token", `{"grant_type":"authorization_code"}`).Want(415)
	a.askSite("", "POST", "/oauth/register", `{`).Want(400)
	a.askSite("", "POST", "/oauth/register", `{}`).Want(401)
	a.askSite(a.as("administrator", "HOPERAT").Token, "POST", "/admin/clients", `{"id":"x","secret":"y","colour":"red"}`).Want(400)
	a.askSite(a.as("administrator", "HOPERAT").Token, "POST", "/admin/clients", `{"id":"x y"}`).Want(422)
	a.askSite("", "GET", "/admin/clients", "").Want(401)
}
