package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/fhir"
)

// PurposeHeader chooses the purpose of use of one request among those in the token.
const PurposeHeader = "Aceso-Purpose"

// Skew is how far the clocks of issuer and server may differ.
const Skew = 30 * time.Second

// Config says whose tokens are accepted.
type Config struct {
	Audience string                                    // the base URL of this server
	Bases    string                                    // all that it has had, see fhir.Below; "" means Audience
	Issuers  []Issuer                                  // the built-in one and the external ones
	Keys     *jwks.Fetcher                             // fetches the keys of issuers that publish them; nil: a new one
	Scopes   func(claim string) ([]agent.Scope, error) // reads scopes, and refuses what cannot be enforced; nil: agent.ParseScopes, and none with search parameters
	Now      func() time.Time
}

// Authenticator verifies tokens. It is safe for concurrent use.
type Authenticator struct {
	now     func() time.Time
	base    string // the audience
	bases   string
	issuers map[string]*trusted
	scopes  func(claim string) ([]agent.Scope, error)
	seen    cache
}

// trusted is an Issuer made ready for verification.
type trusted struct {
	Issuer
	set       *jwks.Set // nil unless it publishes its keys
	parser    *jwt.Parser
	validator *jwt.Validator
}

// New checks the configuration. An issuer that cannot be verified safely is an error.
func New(c Config) (*Authenticator, error) {
	if c.Audience == "" {
		return nil, errors.New("auth: the audience is missing")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Keys == nil {
		c.Keys = jwks.New(jwks.Options{Now: c.Now})
	}
	if c.Scopes == nil {
		c.Scopes = wholeScopes
	}
	a := &Authenticator{now: c.Now, scopes: c.Scopes, base: trimSlash(c.Audience), bases: cmp.Or(c.Bases, c.Audience), issuers: map[string]*trusted{}}
	for _, i := range c.Issuers {
		if err := i.check(); err != nil {
			return nil, err
		}
		if a.issuers[i.Name] != nil {
			return nil, errors.New("auth: issuer " + i.Name + " is configured twice")
		}
		t, err := a.trust(i, c.Keys)
		if err != nil {
			return nil, fmt.Errorf("auth: issuer %s: %w", i.Name, err)
		}
		a.issuers[i.Name] = t
	}
	return a, nil
}

// trust begins to fetch the keys of an issuer that publishes them.
func (a *Authenticator) trust(i Issuer, from *jwks.Fetcher) (*trusted, error) {
	audience := a.base
	if i.Audience != "" {
		audience = trimSlash(i.Audience)
	}
	t := &trusted{
		Issuer: i,
		parser: jwt.NewParser(jwt.WithValidMethods(i.Algorithms), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
		validator: jwt.NewValidator(
			jwt.WithAudience(audience, audience+"/"), jwt.WithIssuer(i.Name), jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(), jwt.WithLeeway(Skew), jwt.WithTimeFunc(a.now)),
	}
	var err error
	if len(i.Keys) == 0 {
		if t.set, err = from.From(i.Published); err == nil {
			t.set.Edition()
		}
	}
	return t, err
}

// Authenticate returns the caller of a request. The error is a *fhir.Error of kind
// Unauthenticated (no usable token) or Forbidden (a token whose claims are unclear,
// or that its issuer may not assert), inside a *Refused if there is a token.
func (a *Authenticator) Authenticate(r *http.Request) (agent.Agent, error) {
	token, err := bearer(r)
	if err != nil {
		return agent.Agent{}, err
	}
	chosen, now := r.Header.Values(PurposeHeader), a.now()
	seen := a.seen.get(token)
	if seen != nil && !seen.signed() {
		seen = nil
	}
	if seen != nil && seen.caller != nil && len(chosen) == 0 && seen.holds(now) {
		return *seen.caller, nil
	}
	issuer, claims, edition, err := a.verify(r.Context(), token, seen)
	if err != nil {
		return agent.Agent{}, refused(claims, issuer != nil, err)
	}
	caller, err := a.agent(issuer, claims, chosen)
	fresh := &verified{claims: claims, since: now, by: issuer, edition: edition}
	if err == nil && len(chosen) == 0 {
		caller.Scopes, caller.Actors = slices.Clip(caller.Scopes), slices.Clip(caller.Actors)
		fresh.caller = &caller
	}
	if seen == nil || fresh.caller != nil {
		a.seen.put(token, fresh)
	}
	if err != nil {
		return agent.Agent{}, refused(claims, true, err)
	}
	return caller, nil
}

// verify returns the claims of a token whose signature, times, audience and issuer hold.
// With an error there are those that could be read, and an issuer if it has signed them.
// The signature of one that was seen is not verified again.
func (a *Authenticator) verify(ctx context.Context, token string, seen *verified) (_ *trusted, claims *Claims, edition uint64, err error) {
	if seen != nil {
		claims, edition = seen.claims, seen.edition
	} else if claims, edition, err = a.open(ctx, token); err != nil {
		return nil, claims, 0, err
	}
	issuer := a.issuers[claims.Issuer]
	if err := issuer.validator.Validate(claims); err != nil {
		return issuer, claims, edition, refusal(err)
	}
	return issuer, claims, edition, nil
}

// open checks form, issuer, key and signature. Nothing in the token chooses a key
// other than by its id among the keys configured for its own issuer. With an error there
// are the claims that nobody has vouched for, nil if they cannot be read. edition is that of
// the issuer's keys, from before one of them was looked up.
func (a *Authenticator) open(ctx context.Context, token string) (_ *Claims, edition uint64, err error) {
	header, unverified, err := inspect(token)
	if err != nil {
		return nil, 0, unauthenticated("The token is not a well-formed signed JSON Web Token.", err)
	}
	if err := header.check(); err != nil {
		return unverified, 0, unauthenticated("The token's header is not accepted.", err)
	}
	issuer := a.issuers[unverified.Issuer]
	if issuer == nil {
		return unverified, 0, unauthenticated("The token's issuer is not known to this server.", nil)
	}
	claims := new(Claims)
	edition, _ = issuer.edition()
	choose := func(*jwt.Token) (any, error) { return issuer.key(ctx, header) }
	_, err = issuer.parser.ParseWithClaims(token, claims, choose)
	switch {
	case errors.Is(err, jwks.ErrUnavailable):
		return unverified, 0, &fhir.Error{Kind: fhir.Unavailable, Detail: "The keys of the token's issuer cannot be read now. Try again later.", Err: err}
	case err != nil:
		return unverified, 0, unauthenticated("The token's signature does not verify.", err)
	}
	return claims, edition, nil
}

func refusal(err error) error {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return unauthenticated("The token has expired; request a new one.", err)
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return unauthenticated("The token is not valid yet; check the clocks of issuer and server.", err)
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return unauthenticated("The token is for another audience; request one for the base URL of this server.", err)
	}
	return unauthenticated("The token lacks a required claim (iss, sub, aud, exp).", err)
}

func unauthenticated(detail string, cause error) error {
	return &fhir.Error{Kind: fhir.Unauthenticated, Detail: detail, Err: cause}
}

func forbidden(detail string) error {
	return &fhir.Error{Kind: fhir.Forbidden, Detail: detail}
}
