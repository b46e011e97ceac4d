// Package agent says who calls: the Agent that a verified token names, its role
// and its scopes.
//
// It does not verify tokens (auth does), decide (policy and consent do) or import
// anything else of Aceso.
package agent

import "time"

// Roles that a token may carry.
const (
	Practitioner   = "practitioner"
	Patient        = "patient"
	System         = "system"
	PrivacyOfficer = "privacy-officer"
	Administrator  = "administrator"
)

// Roles lists the roles.
func Roles() []string {
	return []string{Practitioner, Patient, System, PrivacyOfficer, Administrator}
}

// Agent is an authenticated caller: what a verified token says, nothing else.
type Agent struct {
	Subject      string // who: "Practitioner/12" or any identifier the issuer vouches for
	Name         string // display name, for the record
	Role         string
	Organization string
	Patient      string   // "Patient/1": launch context, or the patient herself for role patient
	Client       string   // client_id
	Purpose      string   // the one purpose of use in effect (v3-PurposeOfUse code)
	Scopes       []Scope  // what the token allows; empty allows nothing
	Actors       []string // further references of the same actor: PractitionerRole/..., Organization/..., CareTeam/...
	Issuer       string
	Token        string    // jti
	Grant        string    // what a token of this server's own authorization server rests on: see store.GrantSpace; "" of other tokens
	Expires      time.Time // when the token ends
}
