package auth

import (
	"context"
	"errors"
)

// Open verifies an access token of this server's own issuer, apart from a request, and
// returns its claims.
func (a *Authenticator) Open(ctx context.Context, token string) (*Claims, error) {
	if len(token) > maxToken {
		return nil, errors.New("auth: the token is longer than 16 KB")
	}
	issuer, claims, _, err := a.verify(ctx, token, a.seen.get(token))
	if err != nil {
		return nil, err
	}
	if !issuer.Own {
		return nil, errors.New("auth: a token of another issuer")
	}
	return claims, nil
}
