package oauth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// code is what an authorization code stands for.
type code struct {
	Redirect  string `json:"redirect"`
	Challenge string `json:"challenge"`
	Nonce     string `json:"nonce,omitempty"`
	Grant     Grant  `json:"grant"`
	Used      string `json:"used,omitempty"` // the key of the grant that it gave
}

// Approve gives the app a code for what a person chose, and returns where her browser goes
// with it. The policy is asked; a choice that leads to nothing is a *Refusal that leads back.
func (s *Server) Approve(ctx context.Context, call *kept.Call, r *Request, u User, c Choice) (redirect string, err error) {
	g, refusal := s.granted(r, u, c)
	if refusal != nil {
		return "", s.back(ctx, call, r, u, refusal)
	}
	text, key := secret()
	rows := make([]kept.Row, 0, 2)
	one, err := row(spaceCode, key, code{Redirect: r.Redirect, Challenge: r.Challenge, Nonce: r.Nonce, Grant: g}, 0, s.Now().Add(codeLife))
	if err != nil {
		return "", err
	}
	rows = append(rows, one)
	if r.launchKey != "" {
		rows = append(rows, gone(spaceLaunch, r.launchKey, r.launchVersion))
	}
	e := kept.Event{Interaction: "authorize", Agent: g.agent(), Detail: g.detail(), Patient: g.Context.Patient}
	err = s.Keeper.Commit(ctx, call, e, rows...)
	var known *fhir.Error
	switch {
	case errors.Is(err, kept.ErrChanged):
		return "", s.back(ctx, call, r, u, &Refusal{Code: "invalid_request", Description: "The launch was used already. Launch the app again."})
	case errors.As(err, &known) && known.Kind == fhir.Forbidden: // recorded already
		return "", &Refusal{Code: "access_denied", Description: "The policy of this house does not allow it.", Status: http.StatusFound,
			Redirect: s.answer(r.Redirect, "error", "access_denied", "error_description", "The policy of this house does not allow it.", "state", r.State)}
	case err != nil:
		return "", err
	}
	return s.answer(r.Redirect, "code", text, "state", r.State), nil
}

// granted is what the choice of a person comes to: registration, role and choice must agree.
func (s *Server) granted(r *Request, u User, c Choice) (g Grant, refusal *Refusal) {
	refuse := func(code, description string) (Grant, *Refusal) {
		return g, &Refusal{Code: code, Description: description}
	}
	if beyond, ok := within(c.Scopes, r.Scopes); !ok {
		return refuse("invalid_scope", "The scope "+beyond+" was not asked for.")
	}
	if len(resourceScopes(c.Scopes)) == 0 && !slices.Contains(c.Scopes, "openid") {
		return refuse("access_denied", "Nothing was allowed.")
	}
	if !slices.Contains(r.Offer(u), c.Purpose) {
		return refuse("access_denied", "There is no purpose of use that this app is registered for and this user may act for.")
	}
	g = Grant{Client: r.Client.ID, App: r.Client.Name, User: u, Scopes: c.Scopes, Purpose: c.Purpose, Began: s.Now().UTC()}
	if r.Launch != nil {
		if r.Launch.User != "" && r.Launch.User != u.Subject {
			return refuse("access_denied", "The launch was begun by somebody else.")
		}
		g.Context = *r.Launch
	}
	if problem := g.choose(r, u, c); problem != "" {
		return refuse("access_denied", problem)
	}
	g.Offline = slices.Contains(c.Scopes, "offline_access")
	if !g.Offline && slices.Contains(c.Scopes, "online_access") {
		g.Session = u.Session
	}
	return g, nil
}

// choose adds the patient and encounter that were chosen. A patient has her own.
func (g *Grant) choose(r *Request, u User, c Choice) (problem string) {
	if u.Role == agent.Patient {
		if g.Context.Patient != "" && g.Context.Patient != u.Patient {
			return "The launch is about another patient."
		}
		if g.Context.Patient = u.Patient; u.Patient == "" {
			return "This account has no patient."
		}
	} else if r.NeedsPatient {
		if id, ok := strings.CutPrefix(c.Patient, "Patient/"); !ok || !fhir.IsID(id) {
			return "No patient was chosen."
		}
		g.Context.Patient = c.Patient
	}
	if r.NeedsEncounter && c.Encounter != "" {
		if id, ok := strings.CutPrefix(c.Encounter, "Encounter/"); !ok || !fhir.IsID(id) {
			return "This is no encounter."
		}
		g.Context.Encounter = c.Encounter
	}
	return ""
}

// Deny tells the app that the person said no.
func (s *Server) Deny(ctx context.Context, call *kept.Call, r *Request, u User) (redirect string, err error) {
	err = s.back(ctx, call, r, u, &Refusal{Code: "access_denied", Description: "The user did not allow it."})
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Redirect, nil
	}
	return "", err
}

// back records a refusal about a user and completes it.
func (s *Server) back(ctx context.Context, call *kept.Call, r *Request, u User, refusal *Refusal) error {
	e := kept.Event{
		Interaction: "authorize", Agent: agentOf(u, r.Client.ID, "", "", nil), Refused: refusal.Code, Status: http.StatusFound,
		Detail: detail("client", r.Client.ID, "scope", strings.Join(r.Scopes, " "), "why", refusal.Description),
	}
	if err := s.refused(ctx, call, e); err != nil {
		return err
	}
	refusal.Redirect = s.answer(r.Redirect, "error", refusal.Code, "error_description", refusal.Description, "state", r.State)
	refusal.Status = http.StatusFound
	return refusal
}

// agent is who acts by a grant.
func (g *Grant) agent() agent.Agent {
	return agentOf(g.User, g.Client, g.Purpose, g.Context.Patient, g.Scopes)
}

func (g *Grant) detail() string {
	return detail("client", g.Client, "grant", g.Key, "scope", strings.Join(g.Scopes, " "))
}
