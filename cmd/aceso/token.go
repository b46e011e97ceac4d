package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/keyring"
)

// grant is what a token is asked to say.
type grant struct {
	role, organization, purposes, patient, scope string
	subject, name, client                        string
	expires                                      time.Duration
}

// tokenCommand prints a token and nothing else on standard output.
func tokenCommand(args []string, stdout, stderr io.Writer) int {
	var g grant
	f := newFlags("token", "", stderr)
	data := f.String("data", "aceso-data", "data `folder` of the server")
	f.StringVar(&g.role, "role", "", "practitioner, patient, system, privacy-officer or administrator")
	f.StringVar(&g.organization, "org", "", "`organisation` of the bearer (default: that of the node)")
	f.StringVar(&g.purposes, "purpose", "TREAT", "purposes of use (v3-PurposeOfUse `codes`, separated by commas)")
	f.StringVar(&g.patient, "patient", "", "`id` of the patient: launch context, or the bearer for role patient")
	f.StringVar(&g.scope, "scope", "", "SMART `scopes` (default: everything that the role may ask for)")
	f.StringVar(&g.subject, "subject", "", "who, for example Practitioner/12 (default: the role's name)")
	f.StringVar(&g.name, "name", "", "display `name` for the records")
	f.StringVar(&g.client, "client", "aceso-cli", "client `id`")
	f.DurationVar(&g.expires, "expires", 8*time.Hour, "life of the token")
	base := f.String("base-url", "", "audience (default: the `URL` that the server was last started with)")
	var database databaseOptions
	database.flags(f)
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if len(rest) > 0 {
		return misuse(stderr, "token", "unexpected argument %q", rest[0])
	}
	if err := g.check(); err != nil {
		return misuse(stderr, "token", "%v", err)
	}
	token, err := mint(*data, database, *base, g, time.Now())
	if err != nil {
		return fail(stderr, "token", err)
	}
	fmt.Fprintln(stdout, token)
	return exitOK
}

var tokenRoles = []string{agent.Practitioner, agent.Patient, agent.System, agent.PrivacyOfficer, agent.Administrator}

func (g grant) check() error {
	if !slices.Contains(tokenRoles, g.role) {
		return fmt.Errorf("--role must be one of %s", strings.Join(tokenRoles, ", "))
	}
	if g.role == agent.Patient && g.patient == "" {
		return fmt.Errorf("--role patient needs --patient ID")
	}
	if len(split(g.purposes)) == 0 {
		return fmt.Errorf("--purpose needs at least one code")
	}
	if g.expires <= 0 {
		return fmt.Errorf("--expires must be positive")
	}
	if _, err := agent.ParseScopes(g.scope); err != nil {
		return err
	}
	return nil
}

// mint signs with the key in the data folder, for the audience the server last had.
func mint(path string, database databaseOptions, base string, g grant, now time.Time) (string, error) {
	data, err := openDataFolder(path)
	if err != nil {
		return "", err
	}
	n, err := data.readNode()
	if err != nil {
		return "", err
	}
	ring, err := readRing(context.Background(), data, database)
	if err != nil {
		return "", err
	}
	n.BaseURL = first(base, n.BaseURL)
	return g.sign(ring, n, now)
}

// sign makes the token with the newest key of the built-in issuer.
func (g grant) sign(ring *keyring.Ring, n node, now time.Time) (string, error) {
	id, private, err := ring.Signer(keyring.Issuer)
	if err != nil {
		return "", err
	}
	return auth.Mint(g.claims(n, now), auth.SigningKey{ID: id, Private: private})
}

func (g grant) claims(n node, now time.Time) auth.Claims {
	c := auth.Claims{
		Issuer: n.issuer(), Subject: g.subject, Audience: []string{n.BaseURL}, ID: uuid.NewString(),
		IssuedAt: now, Expires: now.Add(g.expires), Client: g.client, Patient: g.patient, Name: g.name,
		Scope: first(g.scope, defaultScope(g.role)), Organization: first(g.organization, n.Organization),
		Roles: []fhir.Coding{{System: auth.RoleSystem, Code: g.role}},
	}
	if c.Subject == "" {
		c.Subject = g.role
		if g.role == agent.Patient {
			c.Subject = "Patient/" + strings.TrimPrefix(g.patient, "Patient/")
		}
	}
	for _, p := range split(g.purposes) {
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
