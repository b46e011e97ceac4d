package jwks_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/auth/jwks"
)

// publisher publishes a key set.
type publisher struct {
	*httptest.Server
	asked  atomic.Int32
	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
}

func publish(t *testing.T) *publisher {
	p := &publisher{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) does(answer func(http.ResponseWriter, *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *publisher) gives(t *testing.T, control string, ids ...string) {
	set := keySet(t, ids...)
	p.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", control)
		_, _ = w.Write(set)
	})
}

func keySet(t *testing.T, ids ...string) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, id := range ids {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.PublicKey, KeyID: id, Algorithm: "ES256", Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// clock is moved by hand.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(time time.Duration) { c.at.Add(int64(time)) }

func fetching(t *testing.T, p *publisher) (*jwks.Set, *clock) {
	t.Helper()
	c := &clock{}
	c.pass(time.Hour)
	set, err := jwks.New(jwks.Options{Now: c.now}).From(jwks.Source{URL: p.URL + "/keys", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	return set, c
}

func has(t *testing.T, s *jwks.Set, id string) bool {
	t.Helper()
	keys, err := s.Keys(t.Context(), id)
	if err != nil {
		t.Fatal(id, err)
	}
	return len(keys) == 1 && keys[0].KeyID == id
}

func TestUnknownKeysAreFetchedNotTooOften(t *testing.T) {
	p := publish(t)
	p.gives(t, "max-age=3600", "a")
	set, c := fetching(t, p)
	for range 2 {
		if !has(t, set, "a") || p.asked.Load() != 1 {
			t.Fatal("the first key is not there, or was fetched twice")
		}
	}
	p.gives(t, "max-age=3600", "b")
	for range 100 {
		if has(t, set, "b") {
			t.Fatal("fetched again at once")
		}
	}
	if p.asked.Load() != 1 {
		t.Error("asked", p.asked.Load())
	}
	c.pass(10 * time.Second)
	before, _ := set.Edition()
	if !has(t, set, "b") || has(t, set, "a") {
		t.Error("a rotated key is not found")
	}
	if after, counts := set.Edition(); after == before || !counts {
		t.Error("the edition is the same after a rotation")
	}
}

func TestKeysAreKeptNoLongerThanTheirPublisherSays(t *testing.T) {
	for control, lifetime := range map[string]time.Duration{
		"max-age=60": time.Minute, "public, max-age=600": 10 * time.Minute, "": 5 * time.Minute, "no-store": 10 * time.Second,
		"max-age=0": 10 * time.Second, "max-age=99999999": 24 * time.Hour, "max-age=x": 10 * time.Second,
	} {
		p := publish(t)
		p.gives(t, control, "a")
		set, c := fetching(t, p)
		if !has(t, set, "a") {
			t.Fatal(control)
		}
		p.does(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		c.pass(lifetime - time.Millisecond)
		if !has(t, set, "a") {
			t.Errorf("%q: gone too early", control)
		}
		c.pass(time.Millisecond)
		if _, counts := set.Edition(); counts {
			t.Errorf("%q: an edition that is too old counts", control)
		}
		if _, err := set.Keys(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) {
			t.Errorf("%q: kept too long: %v", control, err)
		}
	}
}

func TestWhoAsksForAKnownKeyNeverWaits(t *testing.T) {
	p := publish(t)
	p.gives(t, "max-age=100", "a")
	set, c := fetching(t, p)
	if !has(t, set, "a") {
		t.Fatal("no key")
	}
	hold := make(chan struct{})
	p.does(func(w http.ResponseWriter, _ *http.Request) { <-hold; w.WriteHeader(500) })
	c.pass(80 * time.Second) // it is time to renew, and the publisher hangs
	for range 10 {
		begun := time.Now()
		if !has(t, set, "a") || time.Since(begun) > time.Second {
			t.Fatal("waited")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := set.Keys(ctx, "unknown"); !errors.Is(err, jwks.ErrUnavailable) {
		t.Error("an unknown key:", err)
	}
	close(hold)
	if n := p.asked.Load(); n != 2 {
		t.Error("asked", n)
	}
}

func TestKeysAreRenewedBeforeTheyEnd(t *testing.T) {
	p := publish(t)
	p.gives(t, "max-age=100", "a")
	set, c := fetching(t, p)
	if !has(t, set, "a") {
		t.Fatal("no key")
	}
	p.gives(t, "max-age=100", "b")
	c.pass(80 * time.Second)
	if !has(t, set, "a") {
		t.Error("waits for what it need not")
	}
	for range 500 {
		if has(t, set, "b") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("not renewed")
}

func TestWhatIsNoKeySetIsRefused(t *testing.T) {
	private := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`
	good := string(keySet(t, "a"))
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"a redirect":    func(w http.ResponseWriter, r *http.Request) { redirected(w, r, good) },
		"an error":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); _, _ = w.Write([]byte(good)) },
		"no JSON":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"a private key": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(private)) },
		"a symmetric key": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
		},
		"a private key of an unknown kind": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Replace(good, `{"keys":[`, `{"keys":[{"kty":"AKP","alg":"ML-DSA-44","kid":"s","priv":"YQ"},`, 1)))
		},
		"no keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(good + strings.Repeat(" ", 256<<10)))
		},
		"too many": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keySet(t, make([]string, 101)...)) },
	} {
		p := publish(t)
		p.does(answer)
		set, _ := fetching(t, p)
		if keys, err := set.Keys(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
	p := publish(t)
	p.does(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Replace(good, `{"keys":[`, `{"keys":[{"kty":"new"},{"kty":"OKP","crv":"X25519","x":"YQ"},`, 1)))
	})
	if set, _ := fetching(t, p); !has(t, set, "a") {
		t.Error("keys of unknown kinds spoil the others")
	}
}

func redirected(w http.ResponseWriter, r *http.Request, set string) {
	if r.URL.Path == "/keys" {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
		return
	}
	_, _ = w.Write([]byte(set))
}

func TestSourcesThatAreRefused(t *testing.T) {
	f := jwks.New(jwks.Options{})
	for name, s := range map[string]jwks.Source{
		"nothing": {}, "both": {URL: "https://a.example/keys", Issuer: "https://a.example"},
		"http": {URL: "http://a.example/keys"}, "http, private": {URL: "http://a.example/keys", Private: true},
		"http here": {URL: "http://127.0.0.1/keys"}, "a file": {URL: "file:///etc/passwd", Private: true},
		"a user": {URL: "https://u:p@a.example/keys"}, "a fragment": {URL: "https://a.example/keys#x"}, "no host": {URL: "https:///keys"},
	} {
		if _, err := f.From(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	set, err := f.From(jwks.Source{URL: "https://a.example/keys"})
	again, _ := f.From(jwks.Source{URL: "https://a.example/keys"})
	if err != nil || set != again {
		t.Error("two sets of one source", err)
	}
}

func TestPrivateAddressesAreNotReached(t *testing.T) {
	p := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keySet(t, "a")) }))
	defer p.Close()
	failed := make(chan error, 1)
	f := jwks.New(jwks.Options{Failed: func(_ string, err error) { failed <- err }})
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		set, err := f.From(jwks.Source{URL: strings.Replace(p.URL, "127.0.0.1", host, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Keys(t.Context(), "a"); !errors.Is(err, jwks.ErrUnavailable) {
			t.Error(host, err)
		}
		if err := <-failed; !strings.Contains(err.Error(), "not a public address") {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestDiscovery(t *testing.T) {
	p := publish(t)
	keys := keySet(t, "a")
	for name, test := range map[string]struct {
		says  string
		holds bool
	}{
		"its own":      {`{"issuer":"` + p.URL + `","jwks_uri":"` + p.URL + `/keys"}`, true},
		"another's":    {`{"issuer":"https://other.example","jwks_uri":"` + p.URL + `/keys"}`, false},
		"no key set":   {`{"issuer":"` + p.URL + `"}`, false},
		"keys by http": {`{"issuer":"` + p.URL + `","jwks_uri":"http://a.example/keys"}`, false},
		"a fragment":   {`{"issuer":"` + p.URL + `","jwks_uri":"` + p.URL + `/keys#x"}`, false},
	} {
		p.does(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/.well-known/openid-configuration" {
				_, _ = w.Write([]byte(test.says))
				return
			}
			_, _ = w.Write(keys)
		})
		set, err := jwks.New(jwks.Options{}).From(jwks.Source{Issuer: p.URL, Private: true})
		if err != nil {
			t.Fatal(err)
		}
		if found, err := set.Keys(t.Context(), "a"); (err == nil && len(found) == 1) != test.holds {
			t.Errorf("%s: %v", name, err)
		}
	}
}
