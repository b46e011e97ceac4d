package oauth

import (
	"encoding/json"
	"time"
)

// User is a person who signed in.
type User struct {
	Login        string   `json:"login,omitempty"` // the name she signed in with, or by which a provider knows her
	Subject      string   `json:"subject"`         // "Practitioner/12", "Patient/1", "RelatedPerson/3"
	Name         string   `json:"name,omitempty"`
	Role         string   `json:"role"` // of package agent
	Organization string   `json:"organization"`
	Patient      string   `json:"patient,omitempty"`  // "Patient/1": of role patient the one whose data are hers
	Purposes     []string `json:"purposes"`           // purposes of use that she may act for
	Provider     string   `json:"provider,omitempty"` // issuer where she signed in; "" for local users
	Session      string   `json:"session,omitempty"`  // key (not the secret) of the session she signed in with; online access ends with it
}

// Kind says how a client proves who it is at the token endpoint.
type Kind string

// The kinds of clients.
const (
	Public     Kind = "public"     // does not; the code challenge alone binds its code
	Symmetric  Kind = "symmetric"  // by a secret
	Asymmetric Kind = "asymmetric" // by a signed assertion (private_key_jwt)
)

// Client is a registered app or system.
type Client struct {
	ID        string          `json:"id"`
	Name      string          `json:"name,omitempty"`
	Kind      Kind            `json:"kind"`
	Redirects []string        `json:"redirects,omitempty"`     // compared exactly
	Launch    string          `json:"launch,omitempty"`        // where an EHR launch begins
	Secret    string          `json:"secret,omitempty"`        // hex SHA-256 of the secret of a symmetric client
	JWKS      json.RawMessage `json:"jwks,omitempty"`          // public keys of an asymmetric client ...
	JWKSURI   string          `json:"jwks_uri,omitempty"`      // ... or where they are
	Private   bool            `json:"allow_private,omitempty"` // they may be fetched from private addresses, and by http from this machine
	Scopes    []string        `json:"scopes"`                  // that it may ask for, as they are written: "patient/*.rs", "openid", "launch/patient"
	Purposes  []string        `json:"purposes"`                // of use, that it may ask for
	Grants    []string        `json:"grants"`                  // authorization_code, refresh_token, client_credentials
	Logo      string          `json:"logo,omitempty"`
	Contact   string          `json:"contact,omitempty"`

	// Of backends, which call for no user.
	Role         string `json:"role,omitempty"`
	Organization string `json:"organization,omitempty"`

	Introspects bool      `json:"introspects,omitempty"` // may ask about tokens of other clients
	Disabled    bool      `json:"disabled,omitempty"`
	Created     time.Time `json:"created"`

	version int64 // of its row
}

// Request is an authorization request that was checked: the client exists, the redirect
// URI is one of its, aud is this server, the challenge is there, every scope is known and
// allowed. It is made by Server.Request only, from the parameters, and lives no longer
// than one HTTP request: the consent page carries the parameters, not this.
type Request struct {
	Client    Client
	Redirect  string   // as registered
	State     string   // comes back as it came
	Scopes    []string // as written, in order, without doubles
	Challenge string   // S256
	Nonce     string
	Launch    *Context // of an EHR launch; nil of a standalone one
	Offline   bool     // offline_access is asked for: access goes on when she has left
	Online    bool     // online_access is asked for: access ends with her session

	// NeedsPatient says that a patient must be chosen: launch/patient, or patient/ scopes
	// for someone who is no patient, and no launch has named one.
	NeedsPatient bool
	// NeedsEncounter says that launch/encounter is asked for and no launch has named one.
	NeedsEncounter bool
	// Purposes are those that the client is registered for. What the page offers is
	// their intersection with User.Purposes: see Offer.
	Purposes []string

	launchKey     string // of the row of Launch
	launchVersion int64
}

// Context is what a launch is about.
type Context struct {
	Client    string      `json:"client,omitempty"` // that alone may use it; "": any
	User      string      `json:"user,omitempty"`   // Subject of who began it
	Patient   string      `json:"patient,omitempty"`
	Encounter string      `json:"encounter,omitempty"`
	Resources []Reference `json:"fhirContext,omitempty"`
	Intent    string      `json:"intent,omitempty"`
	Banner    *bool       `json:"need_patient_banner,omitempty"`
	Tenant    string      `json:"tenant,omitempty"`
}

// Reference is an item of fhirContext.
type Reference struct {
	Reference string `json:"reference"`
	Role      string `json:"role,omitempty"`
	Type      string `json:"type,omitempty"`
}

// Choice is what a person chose on the consent page.
type Choice struct {
	Scopes    []string // of Request.Scopes, or narrower than one of them
	Purpose   string   // one of Offer
	Patient   string   // "Patient/1" where Request.NeedsPatient; she may see that patient: the page has asked the gate
	Encounter string   // "Encounter/1" where Request.NeedsEncounter
}

// Refusal is the refusal of an authorization request, and how to answer it.
type Refusal struct {
	Redirect    string // where to send the browser with error and state; "": show a page, never redirect
	Code        string // of RFC 6749: invalid_request, unauthorized_client, access_denied, invalid_scope, server_error ...
	Description string // for people: says what to do, names no secret
	Status      int    // of the page
	Err         error  // the cause, for the log
}

// Error is the refusal.
func (r *Refusal) Error() string { return r.Code + ": " + r.Description }

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Grant is one authorization that stands: what a person let an app do, or what a
// backend may do for a while. It is a row of the space "grant".
type Grant struct {
	Key     string    `json:"-"`
	Client  string    `json:"client"`
	App     string    `json:"app,omitempty"` // the client's name when it was let in
	User    User      `json:"user"`          // of a backend: who it is
	Scopes  []string  `json:"scopes"`
	Purpose string    `json:"purpose"`
	Context Context   `json:"context"`
	Began   time.Time `json:"began"`
	Offline bool      `json:"offline,omitempty"`
	Session string    `json:"session,omitempty"` // with whose end it ends
	Expires time.Time `json:"expires"`

	version int64
}
