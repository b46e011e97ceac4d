package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/aceso-health/aceso/node"
)

// A token that has sub, aud, scope and fhirUser of an ordinary provider works after one entry
// in --issuers, and the provider's key rotates while the server runs.
func TestServeWithAPlainProvider(t *testing.T) {
	var set atomic.Pointer[string]
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
			_, _ = w.Write([]byte(`{"issuer":"http://` + r.Host + `","jwks_uri":"http://` + r.Host + `/keys"}`))
			return
		}
		_, _ = w.Write([]byte(*set.Load()))
	}))
	defer provider.Close()
	rotate := func(id string) ed25519.PrivateKey {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		text := `{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"` + id + `","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`
		set.Store(&text)
		return private
	}
	first, dir := rotate("1"), t.TempDir()
	file := filepath.Join(dir, "issuers.json")
	config := `{"issuers":[{"issuer":"` + provider.URL + `","discover":true,"allow_private":true,"algorithms":["EdDSA"],"defaults":{"organization":"north","role":"practitioner","purpose":"TREAT"}}]}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	origin := serving(t, serveOptions{data: filepath.Join(dir, "data"), listen: "127.0.0.1:0", Options: node.Options{Organization: "north", Issuers: file}})
	token := func(id string, key ed25519.PrivateKey) string {
		j := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"iss": provider.URL, "sub": "2f0c", "aud": origin + "/fhir", "exp": time.Now().Add(time.Hour).Unix(),
			"scope": "openid user/Patient.rs user/Observation.rs?status=final", "fhirUser": origin + "/fhir/Practitioner/12",
		})
		j.Header["kid"] = id
		text, err := j.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for path, want := range map[string]int{"/fhir/Patient?family=x": 200, "/fhir/Observation": 200, "/fhir/Condition": 403} {
		if status, detail := ask(t, origin+path, token("1", first)); status != want {
			t.Errorf("%s: %d %s", path, status, detail)
		}
	}
	second := rotate("2")
	if status, detail := ask(t, origin+"/fhir/Patient?family=x", token("2", first)); status != 401 {
		t.Errorf("a token that the key has not signed: %d %s", status, detail)
	}
	if testing.Short() {
		return // a key that is not known is looked for ten seconds after the last time
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		status, detail := ask(t, origin+"/fhir/Patient?family=x", token("2", second))
		if status == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the new key: %d %s", status, detail)
		}
	}
	if status, detail := ask(t, origin+"/fhir/Patient?family=x", token("1", first)); status != 401 {
		t.Errorf("a token of the key that is gone: %d %s", status, detail)
	}
}
