package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/aceso-health/aceso/auth/jwks"
)

// issuerFile is one external issuer as operators write it.
type issuerFile struct {
	Issuer
	JWKS     json.RawMessage `json:"jwks"`
	JWKSFile string          `json:"jwks_file"`
	JWKSURI  string          `json:"jwks_uri"`
	Discover bool            `json:"discover"`
	Private  bool            `json:"allow_private"`
}

// ReadIssuers reads external issuers from name in dir: {"issuers": [{"issuer",
// "jwks", "jwks_file", "jwks_uri" or "discover", "algorithms", "organizations", "roles",
// "purposes", "defaults", ...}]}. Every list is mandatory, unless there is a default, which
// is all of it then: no external issuer is unlimited.
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
	i := f.Issuer
	for list, only := range map[*[]string]string{&i.Organizations: i.Defaults.Organization, &i.Roles: i.Defaults.Role, &i.Purposes: i.Defaults.Purpose} {
		if len(*list) == 0 && only != "" {
			*list = []string{only}
		}
	}
	for what, list := range map[string][]string{"organizations": i.Organizations, "roles": i.Roles, "purposes": i.Purposes} {
		if len(list) == 0 || slices.Contains(list, unlimited) {
			return Issuer{}, fmt.Errorf("%s must be listed one by one", what)
		}
	}
	var err error
	if i.Published, err = f.published(); err != nil {
		return Issuer{}, err
	}
	if i.Published == (jwks.Source{}) {
		if i.Keys, err = f.keys(dir); err != nil {
			return Issuer{}, err
		}
	}
	return i, i.check()
}

// published is where the issuer publishes its keys, if it says so. There must be one way to
// them.
func (f issuerFile) published() (at jwks.Source, err error) {
	ways := 0
	for _, given := range []bool{f.JWKS != nil, f.JWKSFile != "", f.JWKSURI != "", f.Discover} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return at, errors.New("give one of jwks, jwks_file, jwks_uri and discover")
	case f.JWKSURI != "":
		at = jwks.Source{URL: f.JWKSURI, Private: f.Private}
	case f.Discover:
		at = jwks.Source{Issuer: f.Name, Private: f.Private}
	case f.Private:
		return at, errors.New("allow_private is for keys that are fetched")
	}
	return at, nil
}

func (f issuerFile) keys(dir fs.FS) ([]Key, error) {
	if f.JWKSFile == "" {
		return parseJWKS(f.JWKS)
	}
	data, err := fs.ReadFile(dir, f.JWKSFile)
	if err != nil {
		return nil, err
	}
	return parseJWKS(data)
}

// parseJWKS reads the public signature keys of a JSON Web Key Set.
func parseJWKS(data []byte) ([]Key, error) {
	set, err := jwks.Parse(data)
	if err != nil {
		return nil, err
	}
	var keys []Key
	for _, k := range set {
		keys = append(keys, Key{ID: k.KeyID, Algorithm: k.Algorithm, Public: k.Key})
	}
	return keys, nil
}
