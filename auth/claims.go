package auth

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/aceso-health/aceso/fhir"
)

// Code systems of the claims.
const (
	RoleSystem    = "urn:aceso:role" // subject_role: practitioner, patient, system, privacy-officer, administrator
	PurposeSystem = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
)

// Claims are what a token says: the registered claims, SMART's scope and
// patient, and the IHE IUA extension (extensions.ihe_iua).
type Claims struct {
	Issuer    string    // iss
	Subject   string    // sub
	Audience  []string  // aud
	Expires   time.Time // exp
	IssuedAt  time.Time // iat
	NotBefore time.Time // nbf
	ID        string    // jti
	Client    string    // client_id
	Scope     string    // scope
	Patient   string    // patient: "1" or "Patient/1"
	User      string    // fhirUser
	Grant     string    // grant: of tokens of our own authorization server

	Name         string        // subject_name, or name
	Organization string        // subject_organization_id
	Roles        []fhir.Coding // subject_role
	Purposes     []fhir.Coding // purpose_of_use
}

// UnmarshalJSON reads the payload of a token strictly.
func (c *Claims) UnmarshalJSON(data []byte) error {
	m, err := parseMembers(data)
	if err != nil {
		return err
	}
	var audience jwt.ClaimStrings
	err = errors.Join(
		m.decode("iss", &c.Issuer), m.decode("sub", &c.Subject), m.decode("aud", &audience),
		m.time("exp", &c.Expires), m.time("iat", &c.IssuedAt), m.time("nbf", &c.NotBefore),
		m.decode("jti", &c.ID), m.decode("client_id", &c.Client), m.decode("scope", &c.Scope),
		m.decode("patient", &c.Patient), m.decode("fhirUser", &c.User), m.decode("name", &c.Name), m.decode("grant", &c.Grant))
	if err != nil {
		return err
	}
	c.Audience = audience
	extensions, err := m.object("extensions")
	if err != nil {
		return err
	}
	iua, err := extensions.object("ihe_iua")
	if err != nil {
		return err
	}
	return c.readIUA(iua)
}

func (c *Claims) readIUA(m members) (err error) {
	if c.Roles, err = m.codings("subject_role"); err != nil {
		return err
	}
	if c.Purposes, err = m.codings("purpose_of_use"); err != nil {
		return err
	}
	return errors.Join(m.decode("subject_name", &c.Name), m.decode("subject_organization_id", &c.Organization))
}

func (m members) time(name string, to *time.Time) error {
	var n *jwt.NumericDate
	if err := m.decode(name, &n); err != nil || n == nil {
		return err
	}
	*to = n.Time
	return nil
}

// MarshalJSON writes the payload of a token.
func (c Claims) MarshalJSON() ([]byte, error) {
	type coding struct {
		System string `json:"system,omitempty"`
		Code   string `json:"code"`
	}
	codings := func(from []fhir.Coding) (to []coding) {
		for _, f := range from {
			to = append(to, coding(f))
		}
		return to
	}
	iua := struct {
		Name         string   `json:"subject_name,omitempty"`
		Organization string   `json:"subject_organization_id,omitempty"`
		Roles        []coding `json:"subject_role,omitempty"`
		Purposes     []coding `json:"purpose_of_use,omitempty"`
	}{c.Name, c.Organization, codings(c.Roles), codings(c.Purposes)}
	return json.Marshal(struct {
		Issuer     string         `json:"iss,omitempty"`
		Subject    string         `json:"sub,omitempty"`
		Audience   []string       `json:"aud,omitempty"`
		Expires    int64          `json:"exp,omitempty"`
		IssuedAt   int64          `json:"iat,omitempty"`
		NotBefore  int64          `json:"nbf,omitempty"`
		ID         string         `json:"jti,omitempty"`
		Client     string         `json:"client_id,omitempty"`
		Scope      string         `json:"scope,omitempty"`
		Patient    string         `json:"patient,omitempty"`
		User       string         `json:"fhirUser,omitempty"`
		Grant      string         `json:"grant,omitempty"`
		Extensions map[string]any `json:"extensions"`
	}{c.Issuer, c.Subject, c.Audience, unix(c.Expires), unix(c.IssuedAt), unix(c.NotBefore), c.ID,
		c.Client, c.Scope, c.Patient, c.User, c.Grant, map[string]any{"ihe_iua": iua}})
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// The methods below let the JWT library check the registered claims.

// GetExpirationTime is exp.
func (c *Claims) GetExpirationTime() (*jwt.NumericDate, error) { return date(c.Expires), nil }

// GetIssuedAt is iat.
func (c *Claims) GetIssuedAt() (*jwt.NumericDate, error) { return date(c.IssuedAt), nil }

// GetNotBefore is nbf.
func (c *Claims) GetNotBefore() (*jwt.NumericDate, error) { return date(c.NotBefore), nil }

// GetIssuer is iss.
func (c *Claims) GetIssuer() (string, error) { return c.Issuer, nil }

// GetSubject is sub.
func (c *Claims) GetSubject() (string, error) { return c.Subject, nil }

// GetAudience is aud.
func (c *Claims) GetAudience() (jwt.ClaimStrings, error) { return c.Audience, nil }

// Validate adds the check for a subject to those of the library.
func (c *Claims) Validate() error {
	if c.Subject == "" || len(c.Subject) > 255 {
		return jwt.ErrTokenRequiredClaimMissing
	}
	return nil
}

func date(t time.Time) *jwt.NumericDate {
	if t.IsZero() {
		return nil
	}
	return jwt.NewNumericDate(t)
}
