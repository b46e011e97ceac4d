package jwks

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The bounds of what is fetched, and for how long it is kept: usual if nothing is said.
const (
	mostBytes = 256 << 10
	mostKeys  = 100

	largestRSA = 8192 // bits: each more makes a signature slower to verify

	usual   = 5 * time.Minute
	longest = 24 * time.Hour
)

// Parse reads the public signature keys of a key set. Keys for encryption, and kinds of
// keys that are not known here, are left out; private and symmetric keys are an error,
// because a set with such keys was not meant to be published.
func Parse(document []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("key set: not a JSON Web Key Set")
	}
	if len(set.Keys) > mostKeys {
		return nil, fmt.Errorf("key set: more than %d keys", mostKeys)
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		k, err := parseKey(text)
		if errors.Is(err, jose.ErrUnsupportedKeyType) || err == nil && k.Use == "enc" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("key set: %w", err)
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no signature keys")
	}
	return keys, nil
}

// parseKey reads one key. What may be secret in it is not read at all.
func parseKey(text []byte) (k jose.JSONWebKey, err error) {
	var secret struct {
		ID   string          `json:"kid"`
		D    json.RawMessage `json:"d"`
		K    json.RawMessage `json:"k"`
		P    json.RawMessage `json:"p"`
		Priv json.RawMessage `json:"priv"`
	}
	if err := json.Unmarshal(text, &secret); err != nil {
		return k, errors.New("a key is not an object")
	}
	if secret.D != nil || secret.K != nil || secret.P != nil || secret.Priv != nil {
		return k, fmt.Errorf("key %q is not a public key", secret.ID)
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return k, err
	}
	if p, is := k.Key.(*rsa.PublicKey); is && p.N.BitLen() > largestRSA {
		return k, fmt.Errorf("key %q has more than %d bits", k.KeyID, largestRSA)
	}
	if !k.IsPublic() || !k.Valid() {
		return k, fmt.Errorf("key %q is not a public key", k.KeyID)
	}
	return k, nil
}

// fetch reads the set, and says for how long it counts.
func (s Source) fetch(ctx context.Context, c *http.Client) ([]jose.JSONWebKey, time.Duration, error) {
	from := s.URL
	if from == "" {
		var err error
		if from, err = s.discover(ctx, c); err != nil {
			return nil, 0, err
		}
	}
	document, age, err := get(ctx, c, from)
	if err != nil {
		return nil, 0, err
	}
	keys, err := Parse(document)
	return keys, age, err
}

// discover asks the issuer where its keys are.
func (s Source) discover(ctx context.Context, c *http.Client) (string, error) {
	document, _, err := get(ctx, c, strings.TrimRight(s.Issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", err
	}
	var said struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(document, &said); err != nil {
		return "", errors.New("openid-configuration: not JSON")
	}
	if said.Issuer != s.Issuer {
		return "", errors.New("openid-configuration: it is of another issuer")
	}
	if err := s.reachable(said.Keys); err != nil {
		return "", fmt.Errorf("openid-configuration: jwks_uri: %w", err)
	}
	return said.Keys, nil
}

// get reads a small document.
func get(ctx context.Context, c *http.Client, from string) ([]byte, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Accept", "application/json")
	answer, err := c.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("the answer is %d, not 200; redirects are not followed", answer.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, mostBytes+1))
	if err == nil && len(document) > mostBytes {
		err = fmt.Errorf("the answer has more than %d KB", mostBytes>>10)
	}
	return document, counts(answer.Header), err
}

// counts is for how long an answer may be kept.
func counts(h http.Header) time.Duration {
	age := usual
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if err != nil || seconds < 0 {
				return 0
			}
			age = time.Duration(min(seconds, int(longest/time.Second))) * time.Second
		}
	}
	if old, err := strconv.Atoi(h.Get("Age")); err == nil && old > 0 {
		age -= time.Duration(min(old, int(longest/time.Second))) * time.Second
	}
	return max(age, 0)
}
