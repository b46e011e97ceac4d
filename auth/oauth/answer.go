package oauth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
)

// answerFor is the answer to a token request that was granted and recorded.
func (s *Server) answerFor(g *Grant, scopes []string, refresh, nonce string) (*Answer, error) {
	now := s.Now()
	life := accessLife
	if g.User.Role == agent.System {
		life = backendLife
	}
	expires := now.Add(life)
	if g.Expires.Before(expires) {
		expires = g.Expires
	}
	token, err := s.Mint(g.claims(scopes, now, expires))
	if err != nil {
		return nil, fmt.Errorf("sign an access token: %w", err)
	}
	a := &Answer{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(expires.Sub(now).Seconds()), Scope: strings.Join(scopes, " "), RefreshToken: refresh,
		Patient: strings.TrimPrefix(g.Context.Patient, "Patient/"), Encounter: strings.TrimPrefix(g.Context.Encounter, "Encounter/"),
		Resources: g.Context.Resources, Intent: g.Context.Intent, Tenant: g.Context.Tenant,
	}
	if a.Patient != "" {
		banner := true
		if a.Banner = &banner; g.Context.Banner != nil {
			a.Banner = g.Context.Banner
		}
	}
	if g.User.Role != agent.System {
		a.Style = s.Style
	}
	if slices.Contains(scopes, "openid") {
		a.IDToken, err = s.idToken(g, scopes, nonce, now, expires)
	}
	return a, err
}

// claims are those of an access token, as the built-in issuer writes them.
func (g *Grant) claims(scopes []string, now, expires time.Time) auth.Claims {
	c := auth.Claims{
		Subject: g.User.Subject, Expires: expires, IssuedAt: now, ID: uuid.NewString(), Client: g.Client, Scope: strings.Join(scopes, " "),
		Patient: strings.TrimPrefix(g.Context.Patient, "Patient/"), Name: g.User.Name, Organization: g.User.Organization, Grant: g.Key,
		Roles: []fhir.Coding{{System: auth.RoleSystem, Code: g.User.Role}}, Purposes: []fhir.Coding{{System: auth.PurposeSystem, Code: g.Purpose}},
	}
	if g.User.Role != agent.System {
		c.User = g.User.Subject
	}
	return c
}

// idToken says to the app who signed in (OpenID Connect Core, 2).
func (s *Server) idToken(g *Grant, scopes []string, nonce string, now, expires time.Time) (string, error) {
	key, err := s.IDKey()
	if err != nil {
		return "", fmt.Errorf("key of id_tokens: %w", err)
	}
	claims := map[string]any{"iss": s.Issuer, "sub": g.User.Subject, "aud": g.Client, "iat": now.Unix(), "exp": expires.Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if slices.Contains(scopes, "fhirUser") || slices.Contains(scopes, "profile") {
		claims["fhirUser"] = strings.TrimSuffix(s.Base, "/") + "/" + g.User.Subject
		claims["profile"] = claims["fhirUser"]
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.Private, KeyID: key.ID}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("key of id_tokens: %w", err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		return "", fmt.Errorf("sign an id_token: %w", err)
	}
	return signed.CompactSerialize()
}
