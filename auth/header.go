package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// header is the JOSE header of a token.
type header struct {
	Algorithm, Key, Type string
	other                members
}

// refusedHeaders would let a token bring or fetch its own key, change the signed
// text, or require semantics that this package does not implement.
var refusedHeaders = []string{"crit", "jku", "jwk", "x5u", "b64", "zip", "enc"}

// acceptedTypes keeps tokens made for something else (logout, events, proofs) out.
var acceptedTypes = map[string]bool{"": true, "jwt": true, "at+jwt": true, "application/at+jwt": true, "iua-jwt": true}

// inspect reads header and claims without trusting them.
func inspect(token string) (header, *Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] == "" {
		return header{}, nil, errors.New("not three parts")
	}
	head, err := segment(parts[0])
	if err != nil {
		return header{}, nil, fmt.Errorf("header: %w", err)
	}
	h, err := parseHeader(head)
	if err != nil {
		return header{}, nil, fmt.Errorf("header: %w", err)
	}
	body, err := segment(parts[1])
	if err != nil {
		return header{}, nil, fmt.Errorf("claims: %w", err)
	}
	claims := new(Claims)
	if err := json.Unmarshal(body, claims); err != nil {
		return header{}, nil, fmt.Errorf("claims: %w", err)
	}
	return h, claims, nil
}

func segment(s string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(s) }

func parseHeader(data []byte) (header, error) {
	m, err := parseMembers(data)
	if err != nil {
		return header{}, err
	}
	h := header{other: m}
	err = errors.Join(m.decode("alg", &h.Algorithm), m.decode("kid", &h.Key), m.decode("typ", &h.Type))
	return h, err
}

func (h header) check() error {
	for _, name := range refusedHeaders {
		if _, given := h.other[name]; given {
			return fmt.Errorf("header %s is refused", name)
		}
	}
	if !acceptedTypes[strings.ToLower(h.Type)] {
		return errors.New("not an access token by its typ")
	}
	return nil
}
