package node

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/keyring"
)

// Grant is the content of a token.
type Grant struct {
	Role         string
	Organization string   // that of the node if empty
	Purposes     []string // codes of v3-PurposeOfUse
	Patient      string   // launch context, or the bearer for role patient
	Scope        string   // everything that the role may ask for if empty
	Subject      string   // the role's name if empty
	Name         string
	Client       string
	Expires      time.Duration
}

// Token signs with the newest key of the built-in issuer.
func (n *Node) Token(g Grant, now time.Time) (string, error) {
	return g.sign(n.ring, n.identity, now)
}

// Mint signs a token with the key of a node, which may be serving. Its audience is base,
// or the base URL of the node's last start.
func Mint(ctx context.Context, data Folder, database Database, base string, g Grant, now time.Time) (token string, err error) {
	err = withKeys(ctx, data, database, func(r *records, n Identity) (err error) {
		n.BaseURL = cmp.Or(base, n.BaseURL)
		token, err = g.sign(r.ring, n, now)
		return err
	})
	return token, err
}

// withKeys opens only the keys of a folder that was served before, for one use of them.
func withKeys(ctx context.Context, data Folder, o Database, use func(*records, Identity) error) (err error) {
	n, err := data.Identity()
	if err != nil {
		return err
	}
	var r records
	if err := r.choose(data, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.home.readRing(ctx, &r); err != nil {
		return err
	}
	return use(&r, n)
}

func (g Grant) sign(ring *keyring.Ring, n Identity, now time.Time) (string, error) {
	id, private, err := ring.Signer(keyring.Issuer)
	if err != nil {
		return "", err
	}
	return auth.Mint(g.claims(n, now), auth.SigningKey{ID: id, Private: private})
}

func (g Grant) claims(n Identity, now time.Time) auth.Claims {
	c := auth.Claims{
		Issuer: n.issuer(), Subject: g.Subject, Audience: []string{n.BaseURL}, ID: uuid.NewString(),
		IssuedAt: now, Expires: now.Add(g.Expires), Client: g.Client, Patient: g.Patient, Name: g.Name,
		Scope: cmp.Or(g.Scope, defaultScope(g.Role)), Organization: cmp.Or(g.Organization, n.Organization),
		Roles: []fhir.Coding{{System: auth.RoleSystem, Code: g.Role}},
	}
	if c.Subject == "" {
		c.Subject = g.Role
		if g.Role == agent.Patient {
			c.Subject = "Patient/" + strings.TrimPrefix(g.Patient, "Patient/")
		}
	}
	for _, p := range g.Purposes {
		c.Purposes = append(c.Purposes, fhir.Coding{System: auth.PurposeSystem, Code: p})
	}
	return c
}

func defaultScope(role string) string {
	switch role {
	case agent.Patient:
		return "patient/*.cruds"
	case agent.System:
		return "system/*.cruds"
	}
	return "user/*.cruds"
}
