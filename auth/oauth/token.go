package oauth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Error is a refusal at the token endpoint and its like (RFC 6749, 5.2).
type Error struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
	Status      int    `json:"-"`
	Basic       bool   `json:"-"` // the client tried HTTP Basic: the answer says so, too
}

// Error is the refusal.
func (e *Error) Error() string { return e.Code + ": " + e.Description }

func refusal(code, description string) *Error {
	return &Error{Code: code, Description: description, Status: http.StatusBadRequest}
}

// Form is a request of a client: its form, and its Authorization header.
type Form struct {
	url.Values
	Authorization []string
	Misplaced     bool // something stood elsewhere than in the body, or the body is no form
}

// Answer is a token answer.
type Answer struct {
	AccessToken  string      `json:"access_token"`
	TokenType    string      `json:"token_type"`
	ExpiresIn    int64       `json:"expires_in"`
	Scope        string      `json:"scope"`
	RefreshToken string      `json:"refresh_token,omitempty"`
	IDToken      string      `json:"id_token,omitempty"`
	Patient      string      `json:"patient,omitempty"`
	Encounter    string      `json:"encounter,omitempty"`
	Resources    []Reference `json:"fhirContext,omitempty"`
	Banner       *bool       `json:"need_patient_banner,omitempty"`
	Intent       string      `json:"intent,omitempty"`
	Style        string      `json:"smart_style_url,omitempty"`
	Tenant       string      `json:"tenant,omitempty"`
}

// asking is one request of a client on its way.
type asking struct {
	form   Form
	call   *kept.Call
	client Client     // who it is has been proved
	event  string     // interaction
	once   []kept.Row // that are used up by the proof, whatever becomes of the request

	claimed string // which client it says it is
	about   *Grant // that a refusal concerns
}

// Token answers the token endpoint. A refusal is an *Error, and is recorded; any other
// error says that nothing can be answered now.
func (s *Server) Token(ctx context.Context, call *kept.Call, f Form) (*Answer, error) {
	a := &asking{form: f, call: call, event: "token"}
	if f.Get("grant_type") == grantRefresh {
		a.event = "refresh"
	}
	answer, err := s.token(ctx, a)
	call.Proved = err == nil
	return answer, s.told(ctx, a, err)
}

func (s *Server) token(ctx context.Context, a *asking) (*Answer, error) {
	if err := a.wellFormed(); err != nil {
		return nil, err
	}
	if err := s.authenticate(ctx, a); err != nil {
		return nil, err
	}
	kind := a.form.Get("grant_type")
	give := map[string]func(context.Context, *asking) (*Answer, error){grantCode: s.redeem, grantRefresh: s.refresh, grantBackend: s.backend}[kind]
	switch {
	case give == nil:
		return nil, refusal("unsupported_grant_type", "The grant_type is "+strings.Join(GrantTypes(), ", ")+".")
	case !a.client.may(kind):
		return nil, refusal("unauthorized_client", "This client is not registered for "+kind+".")
	}
	return give(ctx, a)
}

// wellFormed refuses parameters that stand in the URL, which logs keep, and parameters that
// stand twice: readers might see different ones.
func (a *asking) wellFormed() error {
	if a.form.Misplaced {
		return refusal("invalid_request", "The parameters stand in the body, as a form, and none in the URL.")
	}
	for _, values := range a.form.Values {
		if len(values) > 1 {
			return refusal("invalid_request", "A parameter stands in the request more than once.")
		}
	}
	return nil
}

// told records the refusal of a request, and what the proof used up. What the policy
// refused is recorded already.
func (s *Server) told(ctx context.Context, a *asking, err error) error {
	var e *Error
	var byPolicy *fhir.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &byPolicy) && byPolicy.Kind == fhir.Forbidden:
		return &Error{Code: "unauthorized_client", Description: "The policy of this house does not allow it.", Status: http.StatusBadRequest}
	case !errors.As(err, &e):
		return err
	}
	event := kept.Event{Interaction: a.event, Refused: e.Code, Status: e.Status}
	event.Agent.Client = a.client.ID
	why := []string{"why", e.Description}
	if a.client.ID == "" {
		why = append(why, "claimed", cmp.Or(a.claimed, a.form.Get("client_id")))
	}
	if g := a.about; g != nil { // whose data it opens, and whose choice it was
		event.Patient = g.Context.Patient
		why = append(why, "grant", g.Key, "client", g.Client, "user", g.User.Subject)
	}
	event.Detail = detail(why...)
	if recordErr := s.refused(ctx, a.call, event, a.once...); recordErr != nil {
		return recordErr
	}
	return e
}

// commit records what is given, with what the proof used up.
func (s *Server) commit(ctx context.Context, a *asking, e kept.Event, rows ...kept.Row) error {
	err := s.Keeper.Commit(ctx, a.call, e, append(rows, a.once...)...)
	if err == nil {
		a.once = nil
	}
	if !errors.Is(err, kept.ErrChanged) || len(a.once) == 0 {
		return err
	}
	if _, taken := s.Keeper.Kept(ctx, a.once[0].Space, a.once[0].Key); taken == nil {
		a.once = nil
		return &Error{Code: "invalid_client", Description: "The assertion was used before: each has a jti of its own.", Status: http.StatusUnauthorized}
	}
	return err
}

// stillRegistered ends what was given to a client that was disabled meanwhile.
func (s *Server) stillRegistered(ctx context.Context, a *asking, g *Grant) error {
	now, err := s.Client(ctx, a.client.ID)
	if err == nil && !now.Disabled {
		return nil
	}
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	e := kept.Event{Interaction: "revoke", Agent: g.agent(), Detail: detail("client", g.Client, "grant", g.Key, "why", "the client was disabled"), Patient: g.Context.Patient}
	if err := s.Keeper.Commit(ctx, a.call, e, gone(SpaceGrant, g.Key, g.version)); err != nil && !errors.Is(err, kept.ErrChanged) {
		return err
	}
	return &Error{Code: "invalid_client", Description: "This client was disabled.", Status: http.StatusUnauthorized}
}
