// Package policy decides with OPA whether a request may be made, and under which
// constraints: once per request, interaction and type (data.aceso.access.decision).
//
// It does not look at resources and does not know consent: the gate judges rows by
// the constraints and the consent mode of the Decision.
package policy

import "github.com/aceso-health/aceso/agent"

// Input is everything that a policy sees. A schema checks it at run time.
type Input struct {
	Agent       Agent  `json:"agent"`
	Purpose     string `json:"purpose"`     // code of v3-PurposeOfUse
	Interaction string `json:"interaction"` // read, vread, search-type, create, ... or an operation: access-report, proof, verify, validate, audit-read, audit-search, ledger, metrics
	Action      string `json:"action"`      // one letter of cruds
	Type        string `json:"type"`        // resource type, "" for system-level
	Node        Node   `json:"node"`
	Now         string `json:"now"` // RFC 3339, UTC
}

// Agent is the caller as policies see it.
type Agent struct {
	Subject      string        `json:"subject"`
	Role         string        `json:"role"`
	Organization string        `json:"organization"`
	Patient      string        `json:"patient"` // "Patient/1" or ""
	Client       string        `json:"client"`
	Scopes       []agent.Scope `json:"scopes"`
}

// Node is where the request arrived.
type Node struct {
	Organization string `json:"organization"`
}

// Decision is the policy's answer. The zero value denies.
type Decision struct {
	Allow       bool
	Reason      string      // a known reason code
	Consent     string      // Forbids, Permits or None
	Constraints Constraints // every row must satisfy all of them
	Obligations []string    // the gate knows all of them
	Revision    string      // hash of the policies that decided
}

// Constraints narrow rows; empty fields do not constrain.
type Constraints struct {
	Types           []string // resource types
	Compartment     string   // "Patient/1": the row must be in it, or be in none and of a type in SharedTypes
	SharedTypes     []string // types outside every compartment that are also allowed
	Uncompartmented []string // types that may be shown although in no patient compartment; nil: any. The engine never yields an empty, non-nil list
	Owner           string   // organisation that wrote the version
	Labels          []string // security labels (system|code) of which the row must have none, see consent.Bars
	Search          string   // search parameters, canonical (see agent.Scope.Query), that the row must satisfy by itself
	Author          string   // writes only: reference that must be among Facts.Authors (patient-authored data)
}
