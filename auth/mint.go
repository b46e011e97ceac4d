package auth

import (
	"crypto/ed25519"
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// SigningKey signs the tokens of the built-in issuer.
type SigningKey struct {
	ID      string
	Private ed25519.PrivateKey
}

// Mint signs claims. It only checks that the token expires: what the bearer may do
// is decided when the token is used.
func Mint(c Claims, k SigningKey) (string, error) {
	if c.Expires.IsZero() {
		return "", errors.New("auth: a token must expire")
	}
	if len(k.Private) != ed25519.PrivateKeySize || k.ID == "" {
		return "", errors.New("auth: the signing key is incomplete")
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, &c)
	t.Header["typ"] = "at+jwt"
	t.Header["kid"] = k.ID
	return t.SignedString(k.Private)
}
