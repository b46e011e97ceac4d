package oauth

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/aceso-health/aceso/kept"
)

// backend gives a token to a system that calls for itself. It has a signed assertion:
// registration holds that.
func (s *Server) backend(ctx context.Context, a *asking) (*Answer, error) {
	scopes, err := s.parseScopes(a.form.Get("scope"))
	if err != nil {
		return nil, refusal("invalid_scope", err.Error())
	}
	if beyond, ok := within(scopes, a.client.Scopes); !ok {
		return nil, refusal("invalid_scope", "This client is not registered for the scope "+beyond+".")
	}
	for _, scope := range scopes {
		if !strings.HasPrefix(scope, "system/") {
			return nil, refusal("invalid_scope", "The scopes of client_credentials are of the context system.")
		}
	}
	now := s.Now()
	g := Grant{
		Key: uuid.NewString(), Client: a.client.ID, Scopes: scopes, Purpose: a.client.Purposes[0], Began: now.UTC(), Expires: now.Add(backendLife), version: 1,
		User: User{Subject: a.client.ID, Name: a.client.Name, Role: a.client.Role, Organization: a.client.Organization},
	}
	one, err := row(SpaceGrant, g.Key, g, 0, g.Expires)
	if err != nil {
		return nil, err
	}
	if err := s.commit(ctx, a, kept.Event{Interaction: "token", Agent: g.agent(), Detail: g.detail()}, one); err != nil {
		return nil, err
	}
	if err := s.stillRegistered(ctx, a, &g); err != nil {
		return nil, err
	}
	return s.answerFor(&g, scopes, "", "")
}
