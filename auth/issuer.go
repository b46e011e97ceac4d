package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
)

// unlimited in a list of an Issuer means no limit. Only the built-in issuer may use it.
const unlimited = "*"

// Issuer is a trusted issuer of tokens, and what it may assert.
type Issuer struct {
	Name            string            `json:"issuer"`           // iss
	Audience        string            `json:"audience"`         // aud; "" is the base URL of this server
	Keys            []Key             `json:"-"`                // in files jwks
	Algorithms      []string          `json:"algorithms"`       // asymmetric ones only
	Organizations   []string          `json:"organizations"`    // organisations it may assert
	Roles           []string          `json:"roles"`            // roles it may assert
	Purposes        []string          `json:"purposes"`         // purposes of use it may assert
	OrganizationMap map[string]string `json:"organization_map"` // subject_organization_id -> organisation, for issuers that use URIs
	RoleMap         map[string]string `json:"role_map"`         // "system|code" of subject_role -> role

	Own       bool              `json:"-"`          // its names (sub, fhirUser, client_id) are this server's
	UserMap   map[string]string `json:"user_map"`   // of another issuer: sub or fhirUser -> reference here; "Practitioner/*" maps what begins so
	ClientMap map[string]string `json:"client_map"` // client_id -> client here
}

// Key is a public key of an issuer.
type Key struct {
	ID        string
	Algorithm string // "" for any algorithm of the issuer
	Public    crypto.PublicKey
}

// BuiltIn is the issuer with the keys in the node's keyring.
func BuiltIn(name string, keys ...Key) Issuer {
	all := []string{unlimited}
	return Issuer{Name: name, Keys: keys, Algorithms: []string{"EdDSA"}, Organizations: all, Roles: all, Purposes: all, Own: true}
}

var asymmetric = []string{"EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}

func (i Issuer) check() error {
	if i.Name == "" {
		return errors.New("auth: an issuer has no name")
	}
	if len(i.Keys) == 0 || len(i.Algorithms) == 0 {
		return fmt.Errorf("auth: issuer %s needs keys and algorithms", i.Name)
	}
	for _, a := range i.Algorithms {
		if !slices.Contains(asymmetric, a) {
			return fmt.Errorf("auth: issuer %s: algorithm %q is not one of %s", i.Name, a, strings.Join(asymmetric, ", "))
		}
	}
	for coding, role := range i.RoleMap {
		if !slices.Contains(agent.Roles(), role) {
			return fmt.Errorf("auth: issuer %s: role_map: %q means %q, which is no role", i.Name, coding, role)
		}
	}
	for name, ref := range i.UserMap {
		if !person(strings.Replace(ref, "*", "x", 1), agent.System) {
			return fmt.Errorf("auth: issuer %s: user_map: %q means %q, which is no person", i.Name, name, ref)
		}
	}
	return i.checkKeys()
}

func (i Issuer) checkKeys() error {
	ids := map[string]bool{}
	for _, k := range i.Keys {
		if ids[k.ID] {
			return fmt.Errorf("auth: issuer %s has two keys with id %q", i.Name, k.ID)
		}
		ids[k.ID] = true
		if err := k.check(); err != nil {
			return fmt.Errorf("auth: issuer %s, key %q: %w", i.Name, k.ID, err)
		}
	}
	return nil
}

func (k Key) check() error {
	switch p := k.Public.(type) {
	case ed25519.PublicKey:
		if len(p) == ed25519.PublicKeySize {
			return nil
		}
	case *ecdsa.PublicKey:
		return nil
	case *rsa.PublicKey:
		if p.N.BitLen() >= 2048 {
			return nil
		}
	}
	return errors.New("not a public Ed25519, ECDSA or RSA key (2048 bits or more)")
}

// key finds the key that a token names. Without a name there must be only one.
func (i Issuer) key(h header) (crypto.PublicKey, error) {
	if h.Key == "" && len(i.Keys) > 1 {
		return nil, errors.New("no kid, and the issuer has several keys")
	}
	for _, k := range i.Keys {
		if h.Key != "" && h.Key != k.ID {
			continue
		}
		if k.Algorithm != "" && k.Algorithm != h.Algorithm {
			return nil, errors.New("the key is for another algorithm")
		}
		return k.Public, nil
	}
	return nil, errors.New("no such key")
}

func allowed(list []string, value string) bool {
	return slices.Contains(list, value) || slices.Contains(list, unlimited)
}
