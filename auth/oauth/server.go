package oauth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/auth/jwks"
	"github.com/aceso-health/aceso/kept"
)

// The spaces of rows. Of codes, refresh tokens, launches, initial tokens and sessions the key
// is the SHA-256.
const (
	spaceClient       = "client"
	spaceCode         = "code"
	spaceRefresh      = "refresh"
	spaceLaunch       = "launch"
	spaceJTI          = "jti"
	spaceRegistration = "registration"

	SpaceGrant   = "grant"   // what apps were given; the store knows it, since its rows bind every request
	SpaceSession = "session" // those who have signed in, see package session
)

// How long things live.
const (
	codeLife    = time.Minute
	usedLife    = time.Hour // of what tells that a code was used: as long as what it gave
	accessLife  = time.Hour
	backendLife = 5 * time.Minute
	launchLife  = 5 * time.Minute
	onlineLife  = 24 * time.Hour       // at most; it ends with the session
	offlineLife = 180 * 24 * time.Hour // from the authorization on
	longestJWT  = 5 * time.Minute      // of an assertion, from now on
)

// IDKey signs id_tokens with RS256.
type IDKey struct {
	ID      string
	Private *rsa.PrivateKey
}

// Config is what a Server is made of. What has no other meaning when it is zero is needed.
type Config struct {
	Keeper       kept.Keeper
	Issuer       string // URL below which openid-configuration is; iss of id_tokens and of answers
	Base         string // the FHIR base: what aud must name
	TokenURL     string // what the aud of assertions must name
	Organization string // of this house
	Style        string // URL of the style that apps may take over
	// Mint signs an access token as the node's own issuer; it adds issuer and audience.
	Mint func(auth.Claims) (string, error)
	// Open verifies an access token of the node's own issuer.
	Open func(ctx context.Context, token string) (*auth.Claims, error)
	// IDKey is the one that signs id_tokens now.
	IDKey func() (IDKey, error)
	// Keys are those with an id that a client publishes; nil: no client may have a jwks_uri.
	Keys func(ctx context.Context, from jwks.Source, kid string) ([]jose.JSONWebKey, error)
	// Enforceable says why a resource scope cannot be enforced; nil: all that can be parsed can.
	Enforceable func(agent.Scope) error
	Now         func() time.Time
}

// Server is the authorization server. It is safe for concurrent use.
type Server struct {
	Config
	origins origins
}

// New makes a server.
func New(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Server{Config: c}
}

// secret is 256 random bits, and under which key they are kept.
func secret() (text, key string) {
	var bits [32]byte
	rand.Read(bits[:])
	text = base64.RawURLEncoding.EncodeToString(bits[:])
	return text, hashed(text)
}

// hashed is what is kept of a secret.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// read decodes a row. ErrNotFound: there is none.
func read[T any](ctx context.Context, s *Server, space, key string, to *T) (version int64, err error) {
	row, err := s.Keeper.Kept(ctx, space, key)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(row.Value, to); err != nil {
		return 0, fmt.Errorf("a row of %s cannot be read: %w", space, err)
	}
	return row.Version, nil
}

// row encodes one.
func row(space, key string, value any, version int64, expires time.Time) (kept.Row, error) {
	text, err := json.Marshal(value)
	return kept.Row{Space: space, Key: key, Value: text, Version: version, Expires: expires}, err
}

// gone is the row that removes one.
func gone(space, key string, version int64) kept.Row {
	return kept.Row{Space: space, Key: key, Version: version}
}

// refused records a refusal that the protocol makes. That it cannot be recorded is an
// error: then nothing is answered but that.
func (s *Server) refused(ctx context.Context, call *kept.Call, e kept.Event, rows ...kept.Row) error {
	err := s.Keeper.Commit(ctx, call, e, rows...)
	if errors.Is(err, kept.ErrChanged) && len(rows) > 0 { // what it ends has ended meanwhile
		return s.Keeper.Commit(ctx, call, e)
	}
	return err
}

// PagesClient is what records name as the app in which people sign in, and look at what they
// let others do.
const PagesClient = "aceso-ui"

// Refuse records a refusal that is none of the protocol: of a form that cannot be read, or
// that the browser did not get here. Who asked is who was claimed.
func Refuse(ctx context.Context, k kept.Keeper, call *kept.Call, interaction string, claimed agent.Agent, at, reason string, status int) error {
	return k.Commit(ctx, call, kept.Event{Interaction: interaction, Agent: claimed, Detail: detail("at", at), Refused: reason, Status: status})
}

// agentOf is who a user is when an app asks for her.
func agentOf(u User, client, purpose, patient string, scopes []string) agent.Agent {
	return agent.Agent{
		Subject: u.Subject, Name: u.Name, Role: u.Role, Organization: u.Organization, Patient: patient,
		Client: client, Purpose: purpose, Scopes: resourceScopes(scopes),
	}
}
