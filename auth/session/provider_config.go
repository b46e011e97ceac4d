package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
)

// ProviderConfig is the file of `serve --sign-in`: where people sign in, and what of that
// provider's claims counts here.
type ProviderConfig struct {
	Name         string   `json:"name"`           // on the button; the issuer if empty
	Issuer       string   `json:"issuer"`         // whose discovery document is read
	ClientID     string   `json:"client_id"`      // what the provider knows this server by
	SecretFile   string   `json:"secret_file"`    // next to this file; or
	SecretEnv    string   `json:"secret_env"`     // a variable of the environment
	Scopes       []string `json:"scopes"`         // beside openid; profile if empty
	Claims       Claims   `json:"claims"`         // which claim says what
	Roles        []Role   `json:"roles"`          // the first that fits is the role
	Organization string   `json:"organization"`   // of who has no claim of one; that of the node if empty
	Purposes     []string `json:"purposes"`       // the most that anybody may have; those of the role if empty
	SignOut      bool     `json:"sign_out_there"` // sign out at the provider, too

	secret string
}

// Claims names the claims of an id_token.
type Claims struct {
	Login        string `json:"login"`        // sub if empty
	Name         string `json:"name"`         // name if empty
	FHIRUser     string `json:"fhir_user"`    // fhirUser if empty
	Role         string `json:"role"`         // a text or a list of texts
	Organization string `json:"organization"` // a text
	Purposes     string `json:"purposes"`     // a list of texts
}

// Role gives those whose role claim has a value a role here.
type Role struct {
	Value    string   `json:"value"` // "*" fits everybody
	Role     string   `json:"role"`
	Purposes []string `json:"purposes"`
}

// ReadProvider reads a ProviderConfig from name in dir.
func ReadProvider(dir fs.FS, name string) (*ProviderConfig, error) {
	data, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, fmt.Errorf("read sign-in: %w", err)
	}
	c := new(ProviderConfig)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("read sign-in: %s: %w", name, err)
	}
	if err := errors.Join(c.check(), c.readSecret(dir)); err != nil {
		return nil, fmt.Errorf("read sign-in: %s: %w", name, err)
	}
	c.complete()
	return c, nil
}

func (c *ProviderConfig) check() error {
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return errors.New("issuer must be the URL of an OpenID provider")
	case u.Scheme != "https" && !loopback(u.Hostname()):
		return errors.New("issuer must be https, except on this machine")
	case c.ClientID == "":
		return errors.New("client_id is missing")
	case len(c.Roles) == 0:
		return errors.New("roles must be listed: nobody has a role by default")
	}
	for _, r := range c.Roles {
		if !slices.Contains(agent.Roles(), r.Role) || r.Role == agent.System || r.Value == "" || len(r.Purposes) == 0 {
			return fmt.Errorf("roles: %q needs a value, a role of people and purposes", r.Role)
		}
		for _, p := range r.Purposes {
			if agent.PurposeFamily(p) == "" {
				return fmt.Errorf("roles: %q is no purpose of use", p)
			}
		}
	}
	return nil
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func (c *ProviderConfig) readSecret(dir fs.FS) error {
	switch {
	case c.SecretFile != "" && c.SecretEnv != "":
		return errors.New("give secret_file or secret_env, not both")
	case c.SecretFile != "":
		data, err := fs.ReadFile(dir, c.SecretFile)
		if err != nil {
			return err
		}
		c.secret = strings.TrimSpace(string(data))
	case c.SecretEnv != "":
		c.secret = os.Getenv(c.SecretEnv)
	}
	if c.secret == "" {
		return errors.New("the client secret is missing: give secret_file or secret_env")
	}
	return nil
}

func (c *ProviderConfig) complete() {
	for field, usual := range map[*string]string{&c.Name: c.Issuer, &c.Claims.Login: "sub", &c.Claims.Name: "name", &c.Claims.FHIRUser: "fhirUser"} {
		if *field == "" {
			*field = usual
		}
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile"}
	}
}
