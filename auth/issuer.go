package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/jwks"
)

// unlimited in a list of an Issuer means no limit. Only the built-in issuer may use it.
const unlimited = "*"

// Issuer is a trusted issuer of tokens, and what it may assert.
type Issuer struct {
	Name            string            `json:"issuer"`           // iss
	Audience        string            `json:"audience"`         // aud; "" is the base URL of this server
	Keys            []Key             `json:"-"`                // in files jwks
	Published       jwks.Source       `json:"-"`                // where it publishes its keys, instead of Keys; in files jwks_uri or discover
	Algorithms      []string          `json:"algorithms"`       // asymmetric ones only
	Organizations   []string          `json:"organizations"`    // organisations it may assert
	Roles           []string          `json:"roles"`            // roles it may assert
	Purposes        []string          `json:"purposes"`         // purposes of use it may assert
	OrganizationMap map[string]string `json:"organization_map"` // subject_organization_id -> organisation, for issuers that use URIs
	RoleMap         map[string]string `json:"role_map"`         // "system|code" of subject_role -> role

	Defaults Defaults `json:"defaults"` // of what its tokens do not say

	Own       bool              `json:"-"`          // its names (sub, fhirUser, client_id) are this server's
	UserMap   map[string]string `json:"user_map"`   // of another issuer: sub or fhirUser -> reference here; "Practitioner/*" maps what begins so
	ClientMap map[string]string `json:"client_map"` // client_id -> client here
}

// Defaults are what counts if a token does not say it. They must be among what the issuer
// may assert.
type Defaults struct {
	Organization string `json:"organization"`
	Role         string `json:"role"` // but of a patient, as fhirUser says, patient
	Purpose      string `json:"purpose"`
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
	if (len(i.Keys) == 0) == (i.Published == jwks.Source{}) || len(i.Algorithms) == 0 {
		return fmt.Errorf("auth: issuer %s needs algorithms, and either keys or a place where it publishes them", i.Name)
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
	if d := i.Defaults; d.Organization != "" && !allowed(i.Organizations, d.Organization) || d.Role != "" && !allowed(i.Roles, d.Role) || d.Purpose != "" && !allowed(i.Purposes, d.Purpose) {
		return fmt.Errorf("auth: issuer %s: defaults are not among what it may assert", i.Name)
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
func (i *trusted) key(ctx context.Context, h header) (crypto.PublicKey, error) {
	keys, err := i.keys(ctx, h.Key)
	if err != nil {
		return nil, err
	}
	if h.Key == "" && len(keys) > 1 {
		return nil, errors.New("no kid, and the issuer has several keys")
	}
	for _, k := range keys {
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

// keys are those of the issuer, or, if it publishes them, at least those with an id.
func (i *trusted) keys(ctx context.Context, id string) ([]Key, error) {
	if i.set == nil {
		return i.Keys, nil
	}
	found, err := i.set.Keys(ctx, id)
	if err != nil {
		return nil, err
	}
	if id != "" && len(found) > 1 {
		return nil, errors.New("the issuer publishes several keys with this id")
	}
	var keys []Key
	for _, f := range found {
		k := Key{ID: f.KeyID, Algorithm: f.Algorithm, Public: f.Key}
		if err := k.check(); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// edition names the keys as they are, see jwks.Set.Edition.
func (i *trusted) edition() (edition uint64, counts bool) {
	if i.set == nil {
		return 0, true
	}
	return i.set.Edition()
}

func allowed(list []string, value string) bool {
	return slices.Contains(list, value) || slices.Contains(list, unlimited)
}
