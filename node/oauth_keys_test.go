package node

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Keys of a client are fetched from a private address only where an administrator allowed it.
func TestKeysOfClientsInside(t *testing.T) {
	a := &smartNode{appNode: startAppNode(t)}
	var fetched atomic.Int64
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.key.Public(), KeyID: "k1", Algorithm: "ES384"}}})
	}))
	defer keys.Close()
	add := func(id, more string) int {
		status, _ := a.administers("POST", "/admin/clients", `{"id":"`+id+`","kind":"asymmetric",`+more+`"scopes":["system/*.rs"],"purposes":["HOPERAT"],"grants":["client_credentials"],"role":"system","organization":"hospital"}`, a.as("administrator", "HOPERAT").Token)
		return status
	}
	if status := add("outside", `"jwks_uri":"`+keys.URL+`",`); status != 201 {
		t.Fatal(status)
	}
	if r := a.form("/oauth/token", a.backendForm(a.assertion("outside"))); r.Status == 200 || fetched.Load() != 0 {
		t.Errorf("%d %s, fetched %d times", r.Status, r.Body, fetched.Load())
	}
	if status := add("inside", `"jwks_uri":"`+keys.URL+`","allow_private":true,`); status != 201 {
		t.Fatal(status)
	}
	a.form("/oauth/token", a.backendForm(a.assertion("inside"))).Want(200)
	inline, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: a.key.Public(), KeyID: "k1", Algorithm: "ES384"}}})
	if err != nil {
		t.Fatal(err)
	}
	if status := add("neither", `"jwks":`+string(inline)+`,"allow_private":true,`); status != 422 {
		t.Errorf("allow_private without jwks_uri: %d", status)
	}
	if r := a.form("/oauth/token", a.backendForm(a.assertion("outside"))); r.Status == 200 {
		t.Error("what one client may fetch is fetched for another")
	}
}
