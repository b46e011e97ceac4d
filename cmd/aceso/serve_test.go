package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/node"
)

// certificate makes a self-signed one for 127.0.0.1.
func certificate(t *testing.T, dir string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool.AppendCertsFromPEM(certPEM)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, data := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, pool
}

// serving runs serve until the test ends; it returns the origin that was printed.
func serving(t *testing.T, o serveOptions) (origin string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	out, printed := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := serve(ctx, o, printed, slog.New(slog.DiscardHandler))
		printed.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatalf("serve ended: %v", <-ended)
	}
	origin, found := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "listening on ")
	if !found {
		t.Fatalf("first line: %s", line[:n])
	}
	return origin
}

func TestServeWithTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, pool := certificate(t, dir)
	data := filepath.Join(dir, "data")
	origin := serving(t, serveOptions{data: data, listen: "127.0.0.1:0", tls: tlsOptions{cert: cert, key: key}})
	if !strings.HasPrefix(origin, "https://127.0.0.1:") {
		t.Fatalf("origin %s", origin)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for _, path := range []string{"/readyz", "/fhir/metadata"} {
		answer, err := client.Get(origin + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	if n, err := node.Folder(data).Identity(); err != nil || n.BaseURL != origin+"/fhir" {
		t.Errorf("node %+v, %v", n, err)
	}
	for _, name := range []string{data, filepath.Join(data, "node.json"), filepath.Join(data, "keyring.json")} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v, %v", name, info.Mode(), err)
		}
	}
}

// An external issuer vouches for a practitioner of its own organisation, who is a
// guest here; and it cannot vouch for anybody of this one.
func TestServeWithExternalIssuer(t *testing.T) {
	dir := t.TempDir()
	ring, err := keyring.Open(filepath.Join(dir, "idp.json"))
	if err != nil {
		t.Fatal(err)
	}
	id, private, err := ring.Signer(keyring.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	x := base64.RawURLEncoding.EncodeToString(private[32:])
	file := filepath.Join(dir, "issuers.json")
	config := `{"issuers":[{"issuer":"https://idp.example","algorithms":["EdDSA"],"organizations":["south"],"roles":["practitioner"],"purposes":["TREAT"],
		"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"` + id + `","x":"` + x + `"}]}}]}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	origin := serving(t, serveOptions{data: filepath.Join(dir, "data"), listen: "127.0.0.1:0", Options: node.Options{Organization: "north", Issuers: file}})
	for organization, want := range map[string]string{
		"south": "",                                                    // accepted: the policy decides about a guest
		"north": "The token's issuer may not assert this organisation", // refused before any policy
	} {
		token, err := auth.Mint(auth.Claims{
			Issuer: "https://idp.example", Subject: "Practitioner/1", Audience: []string{origin + "/fhir"}, Expires: time.Now().Add(time.Hour),
			Scope: "user/*.rs", Organization: organization, Roles: []fhir.Coding{{System: auth.RoleSystem, Code: "practitioner"}},
			Purposes: []fhir.Coding{{Code: "TREAT"}},
		}, auth.SigningKey{ID: id, Private: private})
		if err != nil {
			t.Fatal(err)
		}
		status, detail := ask(t, origin+"/fhir/Patient?family=x", token)
		if accepted := want == ""; accepted != (status == http.StatusOK) || !strings.Contains(detail, want) {
			t.Errorf("%s: %d %s", organization, status, detail)
		}
	}
}

func ask(t *testing.T, url, token string) (status int, detail string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body json.RawMessage
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "issuers.json")
	if err := os.WriteFile(file, []byte(`{"issuers":[{"issuer":"x"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]serveOptions{
		"issuers without power": {data: filepath.Join(dir, "a"), listen: "127.0.0.1:0", Options: node.Options{Issuers: file}},
		"no issuers file":       {data: filepath.Join(dir, "b"), listen: "127.0.0.1:0", Options: node.Options{Issuers: filepath.Join(dir, "none")}},
		"no policies":           {data: filepath.Join(dir, "c"), listen: "127.0.0.1:0", Options: node.Options{Policies: filepath.Join(dir, "none")}},
		"no certificate":        {data: filepath.Join(dir, "d"), listen: "127.0.0.1:0", tls: tlsOptions{cert: "none", key: "none"}},
		"a slash in the name":   {data: filepath.Join(dir, "e"), listen: "127.0.0.1:0", Options: node.Options{Name: "a/b"}},
	} {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		if err := serve(ctx, o, io.Discard, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", name)
		}
		stop()
	}
	// Keys are never made anew next to existing data.
	data := filepath.Join(dir, "f")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := serve(ctx, serveOptions{data: data, listen: "127.0.0.1:0"}, io.Discard, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("start and stop: %v", err)
	}
	if err := os.Remove(filepath.Join(data, "keyring.json")); err != nil {
		t.Fatal(err)
	}
	if err := serve(ctx, serveOptions{data: data, listen: "127.0.0.1:0"}, io.Discard, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a folder without its keyring is served with fresh keys")
	}
}
