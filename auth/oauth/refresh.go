package oauth

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/kept"
)

// refresh gives new tokens for a refresh token, which is used up by that. One that was
// used before ends the grant.
func (s *Server) refresh(ctx context.Context, a *asking) (*Answer, error) {
	var old refreshing
	key := hashed(a.form.Get("refresh_token"))
	version, err := read(ctx, s, spaceRefresh, key, &old)
	if errors.Is(err, kept.ErrNotFound) {
		return nil, refusal("invalid_grant", "The refresh token is not known, or has expired.")
	}
	if err != nil {
		return nil, err
	}
	g, err := s.grant(ctx, old.Grant)
	a.about = &g
	switch {
	case errors.Is(err, kept.ErrNotFound):
		return nil, refusal("invalid_grant", "The authorization behind this refresh token has ended.")
	case err != nil:
		return nil, err
	case g.Client != a.client.ID:
		return nil, refusal("invalid_grant", "The refresh token is of another client.")
	case old.Used:
		return nil, s.reused(ctx, a, g.Key, "The refresh token was used before. The authorization behind it has ended.")
	}
	if err := s.stillOnline(ctx, a, &g); err != nil {
		return nil, err
	}
	scopes, err := s.narrowed(a.form.Get("scope"), g.Scopes)
	if err != nil {
		return nil, err
	}
	old.Used = true
	used, err := row(spaceRefresh, key, old, version, g.Expires)
	if err != nil {
		return nil, err
	}
	next, text, err := s.refreshRow(g.Key, g.Expires)
	if err != nil {
		return nil, err
	}
	narrow := g
	narrow.Scopes = scopes
	e := kept.Event{Interaction: "refresh", Agent: narrow.agent(), Detail: narrow.detail(), Patient: g.Context.Patient}
	err = s.commit(ctx, a, e, used, next)
	if errors.Is(err, kept.ErrChanged) { // somebody else used it at the same moment
		return s.refresh(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	return s.answerFor(&g, scopes, text, "")
}

// holder is the client that a refresh token was given to, "" if it is not known. A public
// client need not name itself beside it (RFC 6749, 6): it proves as little with its name.
func (s *Server) holder(ctx context.Context, token string) (string, error) {
	var of refreshing
	_, err := read(ctx, s, spaceRefresh, hashed(token), &of)
	var g Grant
	if err == nil {
		g, err = s.grant(ctx, of.Grant)
	}
	if errors.Is(err, kept.ErrNotFound) {
		return "", nil
	}
	return g.Client, err
}

// stillOnline ends a grant of online access whose session has ended.
func (s *Server) stillOnline(ctx context.Context, a *asking, g *Grant) error {
	if g.Session == "" {
		return nil
	}
	_, err := s.Keeper.Kept(ctx, SpaceSession, g.Session)
	if !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	a.about = g
	a.once = append(a.once, gone(SpaceGrant, g.Key, g.version))
	return refusal("invalid_grant", "The session of the user has ended, and online access with it.")
}

// stillSignedIn ends what a code has given if the session in which it was allowed has ended
// meanwhile: whoever ends a session looks for grants, and a code is none yet.
func (s *Server) stillSignedIn(ctx context.Context, a *asking, g *Grant) error {
	if g.User.Session == "" {
		return nil
	}
	_, err := s.Keeper.Kept(ctx, SpaceSession, g.User.Session)
	if !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	a.about = g
	a.once = append(a.once, gone(SpaceGrant, g.Key, g.version))
	return refusal("invalid_grant", "The session in which this was allowed has ended.")
}

// narrowed is the scope of a refresh: as granted, or narrower.
func (s *Server) narrowed(asked string, granted []string) ([]string, error) {
	if asked == "" {
		return granted, nil
	}
	scopes, err := s.parseScopes(asked)
	if err != nil {
		return nil, refusal("invalid_scope", err.Error())
	}
	if beyond, ok := within(scopes, granted); !ok {
		return nil, refusal("invalid_scope", "The scope "+beyond+" was not granted.")
	}
	return scopes, nil
}
