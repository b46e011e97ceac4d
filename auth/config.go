package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// issuerFile is one external issuer as operators write it.
type issuerFile struct {
	Issuer
	JWKS     json.RawMessage `json:"jwks"`
	JWKSFile string          `json:"jwks_file"`
}

// ReadIssuers reads external issuers from name in dir: {"issuers": [{"issuer",
// "jwks" or "jwks_file", "algorithms", "organizations", "roles", "purposes", ...}]}.
// Every list is mandatory: no external issuer is unlimited.
func ReadIssuers(dir fs.FS, name string) ([]Issuer, error) {
	data, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, fmt.Errorf("read issuers: %w", err)
	}
	var file struct {
		Issuers []issuerFile `json:"issuers"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("read issuers: %s: %w", name, err)
	}
	var list []Issuer
	for _, f := range file.Issuers {
		i, err := f.issuer(dir)
		if err != nil {
			return nil, fmt.Errorf("read issuers: %s: issuer %q: %w", name, f.Name, err)
		}
		list = append(list, i)
	}
	return list, nil
}

func (f issuerFile) issuer(dir fs.FS) (Issuer, error) {
	for what, list := range map[string][]string{"organizations": f.Organizations, "roles": f.Roles, "purposes": f.Purposes} {
		if len(list) == 0 || slices.Contains(list, unlimited) {
			return Issuer{}, fmt.Errorf("%s must be listed one by one", what)
		}
	}
	keys, err := f.keys(dir)
	if err != nil {
		return Issuer{}, err
	}
	i := f.Issuer
	i.Keys = keys
	return i, i.check()
}

func (f issuerFile) keys(dir fs.FS) ([]Key, error) {
	if (f.JWKSFile == "") == (f.JWKS == nil) {
		return nil, errors.New("give either jwks or jwks_file")
	}
	if f.JWKSFile == "" {
		return parseJWKS(f.JWKS)
	}
	data, err := fs.ReadFile(dir, f.JWKSFile)
	if err != nil {
		return nil, err
	}
	return parseJWKS(data)
}

// parseJWKS reads the public signature keys of a JSON Web Key Set. Keys for
// encryption are ignored; private and symmetric keys are an error, because a set
// with such keys was not meant to be published.
func parseJWKS(data []byte) ([]Key, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	var keys []Key
	for _, k := range set.Keys {
		if k.Use == "enc" {
			continue
		}
		if !k.IsPublic() {
			return nil, fmt.Errorf("key set: key %q is not a public key", k.KeyID)
		}
		keys = append(keys, Key{ID: k.KeyID, Algorithm: k.Algorithm, Public: k.Key})
	}
	if len(keys) == 0 {
		return nil, errors.New("key set: no signature keys")
	}
	return keys, nil
}
