// Package consent compiles FHIR Consents (R4) into rules and judges resources by them.
//
// It does not decide whether consent binds at all (the policy says so) and does
// not cache or load: the gate does, through Registry.
package consent

import (
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Verdict is the outcome of all of a patient's Consents for one resource.
type Verdict uint8

// Verdicts in order of strength across Consents: explicit deny wins.
const (
	Silent       Verdict = iota // no Consent says anything: the domain's base applies
	ImplicitDeny                // a Consent exists but does not reach this case
	Permit
	Deny
)

// Subject is who asks, for what: constant during a request.
type Subject struct {
	Actors  []string // normalised references that identify the caller: Practitioner/1, Organization/a, Device/client...
	Purpose string   // code of v3-ActReason
	Action  string   // collect access use disclose correct
	Now     time.Time
}

// Rules are one Consent, compiled.
type Rules struct {
	Ref     fhir.Ref
	Version int64
}

// Compile reads a stored Consent. A Consent that cannot be understood compiles to
// rules that never permit; err says why (for the log and a Task), rules are usable.
func Compile(ref fhir.Ref, version int64, body []byte) (*Rules, error) { panic("contract") }

// Evaluate judges one resource by all active Consents of one patient, and names
// the Consents that decided (Consent/9/_history/2). until is when the verdict can
// change by the passing of time (zero: never).
func Evaluate(rules []*Rules, s Subject, f *fhir.Facts) (v Verdict, decided []string, until time.Time) {
	panic("contract")
}
