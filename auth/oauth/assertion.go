package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/kept"
)

// longestAssertion bounds what is parsed before the sender is known.
const longestAssertion = 16 << 10

// assertionAlgorithms are those of SMART: asymmetric, each with its kind of key.
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS384, jose.ES384}

// AssertionAlgorithms names them.
func AssertionAlgorithms() (names []string) {
	for _, a := range assertionAlgorithms {
		names = append(names, string(a))
	}
	return names
}

// asserted are the claims of an assertion.
type asserted struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expires   float64  `json:"exp"`
	IssuedAt  float64  `json:"iat"`
	NotBefore float64  `json:"nbf"`
	ID        string   `json:"jti"`
}

// audience is one name or a list of them.
type audience []string

// UnmarshalJSON reads either.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// claimedIn is the client that an assertion names, before anything of it is verified.
func claimedIn(token string) (string, error) {
	if len(token) > longestAssertion {
		return "", errors.New("too long")
	}
	signed, err := jose.ParseSignedCompact(token, assertionAlgorithms)
	if err != nil {
		return "", err
	}
	var c asserted
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &c); err != nil {
		return "", err
	}
	return c.Subject, nil
}

// assertion verifies a signed assertion, and returns the row that keeps it from being used
// again.
func (s *Server) assertion(ctx context.Context, c *Client, token string) (kept.Row, error) {
	refuse := func(description string) (kept.Row, error) {
		return kept.Row{}, &Error{Code: "invalid_client", Description: description, Status: http.StatusUnauthorized}
	}
	signed, err := jose.ParseSignedCompact(token, assertionAlgorithms)
	if err != nil {
		return refuse("The assertion is not signed with " + strings.Join(AssertionAlgorithms(), " or ") + ".")
	}
	header := signed.Signatures[0].Protected
	if problem := c.checkHeader(header); problem != "" {
		return refuse(problem)
	}
	key, err := s.keyOf(ctx, c, header)
	if err != nil {
		return refuse(err.Error())
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return refuse("The signature of the assertion does not verify.")
	}
	var claims asserted
	if err := json.Unmarshal(payload, &claims); err != nil {
		return refuse("The claims of the assertion cannot be read.")
	}
	if problem := claims.check(c.ID, s.TokenURL, s.Now()); problem != "" {
		return refuse(problem)
	}
	return kept.Row{Space: spaceJTI, Key: hashed(claims.Issuer + "\x00" + claims.ID), Value: []byte("1"), Expires: unix(claims.Expires).Add(2 * auth.Skew)}, nil
}

// checkHeader refuses what would let an assertion bring its own key, or ask for one to be
// fetched from elsewhere than registered.
func (c *Client) checkHeader(h jose.Header) string {
	jku, has := h.ExtraHeaders["jku"]
	switch {
	case h.KeyID == "":
		return "The assertion names no key (kid)."
	case h.JSONWebKey != nil || h.ExtraHeaders["x5u"] != nil || h.ExtraHeaders["crit"] != nil || h.ExtraHeaders["b64"] != nil:
		return "The header of the assertion has jwk, x5u, crit or b64, which are not taken."
	case has && (c.JWKSURI == "" || jku != c.JWKSURI):
		return "The jku of the assertion is not the registered one."
	}
	if typ, ok := h.ExtraHeaders["typ"].(string); ok && !strings.EqualFold(typ, "JWT") {
		return "The assertion is another kind of token by its typ."
	}
	return ""
}

// keyOf finds the one key of the client that the header names, for its algorithm.
func (s *Server) keyOf(ctx context.Context, c *Client, h jose.Header) (any, error) {
	var keys []jose.JSONWebKey
	var err error
	if c.JWKSURI != "" {
		keys, err = s.Keys(ctx, jwks.Source{URL: c.JWKSURI, Private: c.Private}, h.KeyID)
	} else {
		keys, err = jwks.Parse(c.JWKS)
	}
	if err != nil {
		return nil, errors.New("the keys of this client are not known now")
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k jose.JSONWebKey) bool { return k.KeyID != h.KeyID })
	if len(keys) != 1 {
		return nil, errors.New("the client has not exactly one key with the kid of the assertion")
	}
	if k := keys[0]; k.Algorithm != "" && k.Algorithm != h.Algorithm {
		return nil, errors.New("the key is for another algorithm")
	}
	return keys[0].Key, nil
}

// check holds the claims: iss = sub = client, aud is the token endpoint, exp soon.
func (c *asserted) check(client, endpoint string, now time.Time) string {
	expires := unix(c.Expires)
	switch {
	case c.Issuer != client || c.Subject != client:
		return "The iss and sub of the assertion are the client_id."
	case !slices.Contains(c.Audience, endpoint):
		return "The aud of the assertion is not the token endpoint."
	case c.Expires == 0 || !now.Before(expires.Add(auth.Skew)):
		return "The assertion has expired, or has no exp."
	case expires.After(now.Add(longestJWT + auth.Skew)):
		return "The exp of the assertion is more than five minutes away."
	case c.IssuedAt != 0 && unix(c.IssuedAt).After(now.Add(auth.Skew)), c.NotBefore != 0 && unix(c.NotBefore).After(now.Add(auth.Skew)):
		return "The assertion is not valid yet: check the clocks."
	case c.ID == "" || len(c.ID) > 255:
		return "The assertion needs a jti of at most 255 bytes."
	}
	return ""
}

// unix is a time in seconds; one that no clock shows is long ago.
func unix(seconds float64) time.Time {
	if !(seconds > 0 && seconds < 1e11) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}
