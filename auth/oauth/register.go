package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
)

// Registration is what a client says of itself (RFC 7591), and is told.
type Registration struct {
	ID        string          `json:"client_id,omitempty"`
	Secret    string          `json:"client_secret,omitempty"`
	IssuedAt  int64           `json:"client_id_issued_at,omitempty"`
	Ends      *int64          `json:"client_secret_expires_at,omitempty"`
	Name      string          `json:"client_name,omitempty"`
	Redirects []string        `json:"redirect_uris,omitempty"`
	Grants    []string        `json:"grant_types,omitempty"`
	Responses []string        `json:"response_types,omitempty"`
	Method    string          `json:"token_endpoint_auth_method,omitempty"`
	Scope     string          `json:"scope,omitempty"`
	Contacts  []string        `json:"contacts,omitempty"`
	Logo      string          `json:"logo_uri,omitempty"`
	Launch    string          `json:"initiate_login_uri,omitempty"`
	JWKSURI   string          `json:"jwks_uri,omitempty"`
	JWKS      json.RawMessage `json:"jwks,omitempty"`
}

// Initial is what an initial token allows: one registration within its bounds.
type Initial struct {
	Scopes   []string `json:"scopes"`   // that the client may ask for, at most
	Purposes []string `json:"purposes"` // that it is registered for
}

// InitialToken makes a token for one registration.
func (s *Server) InitialToken(ctx context.Context, call *kept.Call, who agent.Agent, i Initial, life time.Duration) (string, error) {
	if _, err := s.parseScopes(strings.Join(i.Scopes, " ")); err != nil {
		return "", err
	}
	if len(i.Purposes) == 0 {
		return "", errors.New("a registration needs purposes of use")
	}
	text, key := secret()
	r, err := row(spaceRegistration, key, i, 0, s.Now().Add(life))
	if err != nil {
		return "", err
	}
	e := kept.Event{Interaction: "client-write", Agent: who, Detail: detail("change", "initial token", "scope", strings.Join(i.Scopes, " "), "purpose", strings.Join(i.Purposes, " "))}
	return text, s.Keeper.Commit(ctx, call, e, r)
}

// methods are the ways to prove who a client is, by kind.
var methods = map[string]Kind{"none": Public, "client_secret_basic": Symmetric, "client_secret_post": Symmetric, "private_key_jwt": Asymmetric, "": Symmetric}

// Register registers a client that has an initial token. A refusal is an *Error.
func (s *Server) Register(ctx context.Context, call *kept.Call, initial string, asked Registration) (*Registration, error) {
	a := &asking{form: Form{}, call: call, event: "register"}
	answer, err := s.register(ctx, a, initial, asked)
	return answer, s.told(ctx, a, err)
}

func (s *Server) register(ctx context.Context, a *asking, initial string, asked Registration) (*Registration, error) {
	var i Initial
	key := hashed(initial)
	version, err := read(ctx, s, spaceRegistration, key, &i)
	unknown := &Error{Code: "invalid_token", Description: "Registration needs an initial token, which an administrator makes. Each counts once.", Status: http.StatusUnauthorized}
	if errors.Is(err, kept.ErrNotFound) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	c, err := asked.client(i)
	if err != nil {
		return nil, err
	}
	text, r, err := s.newClient(&c)
	if err != nil {
		return nil, refusal("invalid_client_metadata", err.Error())
	}
	who := agent.Agent{Subject: "registration", Role: agent.System, Organization: s.Organization, Client: c.ID, Purpose: "HOPERAT"}
	e := kept.Event{Interaction: "register", Agent: who, Detail: detail("client", c.ID, "name", c.Name, "scope", strings.Join(c.Scopes, " "))}
	err = s.commit(ctx, a, e, r, gone(spaceRegistration, key, version))
	if errors.Is(err, kept.ErrChanged) {
		return nil, unknown
	}
	s.origins.forget()
	asked.ID, asked.Secret, asked.IssuedAt = c.ID, text, c.Created.Unix()
	asked.Scope, asked.Grants, asked.Responses = strings.Join(c.Scopes, " "), c.Grants, []string{"code"}
	if text != "" {
		asked.Ends = new(int64)
	}
	return &asked, err
}

// client reads what is asked for, within the bounds of the initial token.
func (r *Registration) client(i Initial) (c Client, err error) {
	kind, known := methods[r.Method]
	if !known {
		return c, refusal("invalid_client_metadata", "The token_endpoint_auth_method is none, client_secret_basic, client_secret_post or private_key_jwt.")
	}
	if r.Method == "" {
		r.Method = "client_secret_basic"
	}
	for _, uri := range r.Redirects {
		if err := checkRedirect(uri); err != nil {
			return c, refusal("invalid_redirect_uri", err.Error())
		}
	}
	scopes := i.Scopes
	if r.Scope != "" {
		scopes = strings.Fields(r.Scope)
	}
	if beyond, ok := within(scopes, i.Scopes); !ok {
		return c, refusal("invalid_client_metadata", "The initial token does not allow the scope "+beyond+".")
	}
	c = Client{
		ID: uuid.NewString(), Name: r.Name, Kind: kind, Redirects: r.Redirects, Launch: r.Launch, JWKS: r.JWKS, JWKSURI: r.JWKSURI,
		Scopes: scopes, Purposes: i.Purposes, Grants: r.Grants, Logo: r.Logo, Contact: strings.Join(r.Contacts, ", "),
	}
	if len(c.Grants) == 0 {
		c.Grants = []string{grantCode}
	}
	if slices.Contains(c.Grants, grantBackend) {
		return c, refusal("invalid_client_metadata", "An administrator registers clients of client_credentials: they need a role and an organisation.")
	}
	return c, nil
}
