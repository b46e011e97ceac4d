package oauth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/kept"
)

// Introspection is the answer of RFC 7662. One that is not active says nothing else.
type Introspection struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	Client    string `json:"client_id,omitempty"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp,omitempty"`
	IssuedAt  int64  `json:"iat,omitempty"`
	Issuer    string `json:"iss,omitempty"`
	Subject   string `json:"sub,omitempty"`
	ID        string `json:"jti,omitempty"`
	User      string `json:"fhirUser,omitempty"`
	Patient   string `json:"patient,omitempty"`
	Encounter string `json:"encounter,omitempty"`
}

// Introspect says what a token is worth now, to the client that has it and to clients that
// are registered to ask about others'.
func (s *Server) Introspect(ctx context.Context, call *kept.Call, f Form) (*Introspection, error) {
	a := &asking{form: f, call: call, event: "introspect"}
	answer, err := s.introspect(ctx, a)
	return answer, s.told(ctx, a, err)
}

func (s *Server) introspect(ctx context.Context, a *asking) (*Introspection, error) {
	if err := s.confidential(ctx, a); err != nil {
		return nil, err
	}
	found, err := s.look(ctx, a)
	if err != nil {
		return nil, err
	}
	e := kept.Event{Interaction: "introspect", Agent: a.agent(s.Organization), Detail: detail("client", found.Client, "subject", found.Subject)}
	if found.Patient != "" {
		e.Patient = "Patient/" + found.Patient
	}
	return found, s.commit(ctx, a, e)
}

// confidential lets in clients that prove who they are.
func (s *Server) confidential(ctx context.Context, a *asking) error {
	if err := a.wellFormed(); err != nil {
		return err
	}
	if err := s.authenticate(ctx, a); err != nil {
		return err
	}
	if a.client.Kind == Public {
		return &Error{Code: "invalid_client", Description: "A public client cannot prove who it is.", Status: http.StatusUnauthorized}
	}
	if a.form.Get("token") == "" {
		return refusal("invalid_request", "A token is needed.")
	}
	return nil
}

// agent is the client itself, about its house's business.
func (a *asking) agent(organization string) agent.Agent {
	if a.client.Organization != "" {
		organization = a.client.Organization
	}
	return agent.Agent{Subject: a.client.ID, Name: a.client.Name, Role: agent.System, Organization: organization, Client: a.client.ID, Purpose: "HOPERAT"}
}

// look finds out about a token; what is unknown, has ended or is another's is not active.
func (s *Server) look(ctx context.Context, a *asking) (*Introspection, error) {
	t, err := s.stands(ctx, a.form.Get("token"))
	switch {
	case errors.Is(err, kept.ErrNotFound):
		return &Introspection{}, nil
	case err != nil:
		return nil, err
	case t.grant.Client != a.client.ID && !a.client.Introspects:
		return &Introspection{}, nil
	}
	g, c := &t.grant, t.answer
	c.Active, c.Client, c.Subject, c.Issuer = true, g.Client, g.User.Subject, s.Issuer
	c.Patient, c.Encounter = strings.TrimPrefix(g.Context.Patient, "Patient/"), strings.TrimPrefix(g.Context.Encounter, "Encounter/")
	if g.User.Role != agent.System {
		c.User = strings.TrimSuffix(s.Base, "/") + "/" + g.User.Subject
	}
	return &c, nil
}

// token is one of ours whose grant stands.
type token struct {
	grant  Grant
	answer Introspection
}

// stands finds the grant of an access or refresh token, or ErrNotFound.
func (s *Server) stands(ctx context.Context, text string) (t token, err error) {
	var r refreshing
	_, err = read(ctx, s, spaceRefresh, hashed(text), &r)
	switch {
	case err == nil && r.Used:
		return t, kept.ErrNotFound
	case err == nil:
		t.grant, err = s.grant(ctx, r.Grant)
		t.answer = Introspection{Scope: strings.Join(t.grant.Scopes, " "), Expires: t.grant.Expires.Unix(), IssuedAt: t.grant.Began.Unix()}
		return t, err
	case !errors.Is(err, kept.ErrNotFound):
		return t, err
	}
	c, err := s.Open(ctx, text)
	if err != nil || c.Grant == "" {
		return t, kept.ErrNotFound
	}
	t.grant, err = s.grant(ctx, c.Grant)
	t.answer = Introspection{Scope: c.Scope, Expires: c.Expires.Unix(), IssuedAt: c.IssuedAt.Unix(), TokenType: "Bearer", ID: c.ID}
	return t, err
}

// Revoke ends what a token rests on (RFC 7009). A token that is unknown has ended already.
func (s *Server) Revoke(ctx context.Context, call *kept.Call, f Form) error {
	a := &asking{form: f, call: call, event: "revoke"}
	return s.told(ctx, a, s.revoke(ctx, a))
}

func (s *Server) revoke(ctx context.Context, a *asking) error {
	if err := a.wellFormed(); err != nil {
		return err
	}
	if err := s.authenticate(ctx, a); err != nil {
		return err
	}
	if a.form.Get("token") == "" {
		return refusal("invalid_request", "A token is needed.")
	}
	t, err := s.stands(ctx, a.form.Get("token"))
	switch {
	case errors.Is(err, kept.ErrNotFound):
		return s.commit(ctx, a, kept.Event{Interaction: "revoke", Agent: a.agent(s.Organization), Detail: detail("why", "the token is not known")})
	case err != nil:
		return err
	case t.grant.Client != a.client.ID:
		a.about = &t.grant
		return refusal("invalid_grant", "The token is of another client.")
	}
	g := &t.grant
	a.call.Proved = true
	e := kept.Event{Interaction: "revoke", Agent: g.agent(), Detail: g.detail(), Patient: g.Context.Patient}
	err = s.commit(ctx, a, e, gone(SpaceGrant, g.Key, g.version))
	if errors.Is(err, kept.ErrChanged) { // it has ended meanwhile
		return nil
	}
	return err
}
