package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/aceso-health/aceso/kept"
)

// redeem gives tokens for a code: once, to the client, redirect URI and challenge that it
// was made for.
func (s *Server) redeem(ctx context.Context, a *asking) (*Answer, error) {
	var c code
	key := hashed(a.form.Get("code"))
	version, err := read(ctx, s, spaceCode, key, &c)
	switch {
	case errors.Is(err, kept.ErrNotFound):
		return nil, refusal("invalid_grant", "The code is not known, or older than a minute.")
	case err != nil:
		return nil, err
	case c.Used != "":
		return nil, s.reused(ctx, a, c.Used, "The code was used before. What it gave has ended.")
	}
	a.about = &c.Grant
	switch {
	case c.Grant.Client != a.client.ID:
		return nil, refusal("invalid_grant", "The code is of another client.")
	case c.Redirect != a.form.Get("redirect_uri"):
		return nil, refusal("invalid_grant", "The redirect_uri is not the one of the authorization request.")
	case !verifies(a.form.Get("code_verifier"), c.Challenge):
		return nil, refusal("invalid_grant", "The code_verifier is not that of the code_challenge.")
	}
	g := c.Grant
	g.Key, a.about = uuid.NewString(), nil
	c.Used, c.Grant = g.Key, Grant{Client: g.Client}
	used, err := row(spaceCode, key, c, version, s.Now().Add(usedLife))
	if err != nil {
		return nil, err
	}
	given, err := s.give(&g)
	if err != nil {
		return nil, err
	}
	e := kept.Event{Interaction: "token", Agent: g.agent(), Detail: g.detail(), Patient: g.Context.Patient}
	err = s.commit(ctx, a, e, append(given.rows, used)...)
	if errors.Is(err, kept.ErrChanged) { // somebody else used it at the same moment
		return s.redeem(ctx, a)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.stillRegistered(ctx, a, &g), s.stillSignedIn(ctx, a, &g)); err != nil {
		return nil, err
	}
	return s.answerFor(&g, g.Scopes, given.refresh, c.Nonce)
}

// verifies says whether a code_verifier (RFC 7636) is that of a challenge.
func verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}

// reused ends a grant because something that gave tokens was used a second time: one of
// the two who used it should not have it.
func (s *Server) reused(ctx context.Context, a *asking, grant, description string) error {
	var g Grant
	version, err := read(ctx, s, SpaceGrant, grant, &g)
	if err != nil && !errors.Is(err, kept.ErrNotFound) {
		return err
	}
	if err == nil {
		g.Key, a.about = grant, &g
		a.once = append(a.once, gone(SpaceGrant, grant, version))
	}
	return refusal("invalid_grant", description)
}

// refreshing is what a refresh token stands for.
type refreshing struct {
	Grant string `json:"grant"`
	Used  bool   `json:"used,omitempty"`
}

// given are the rows of what is given, and the refresh token among them.
type given struct {
	rows    []kept.Row
	refresh string
}

// give makes the rows of a new grant.
func (s *Server) give(g *Grant) (out given, err error) {
	now := s.Now()
	lives := g.Offline || g.Session != ""
	switch {
	case g.Offline:
		g.Expires = now.Add(offlineLife)
	case g.Session != "":
		g.Expires = now.Add(onlineLife)
	default:
		g.Expires = now.Add(accessLife)
	}
	g.version = 1
	one, err := row(SpaceGrant, g.Key, g, 0, g.Expires)
	if err != nil || !lives {
		return given{rows: []kept.Row{one}}, err
	}
	next, text, err := s.refreshRow(g.Key, g.Expires)
	return given{[]kept.Row{one, next}, text}, err
}

func (s *Server) refreshRow(grant string, expires time.Time) (r kept.Row, text string, err error) {
	text, key := secret()
	r, err = row(spaceRefresh, key, refreshing{Grant: grant}, 0, expires)
	return r, text, err
}
