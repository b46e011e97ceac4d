// Package consent compiles FHIR Consents (R4) into rules and judges resources by them.
//
// # Which Consents count
//
// Every Consent with status active counts, whatever its date, from its dateTime
// on; only its status or its periods end it. Scope patient-privacy always binds,
// scope research only purposes under HRESCH, scopes treatment and adr never.
//
// # What a provision means
//
// A provision matches if all of its criteria match; a criterion matches if one of
// its values does. A permit or deny speaks where it matches. Nested provisions of
// the other type carve out of their parent, nested permits of a permit narrow it,
// nested denies of a deny add nothing, and among siblings deny wins. A root
// without type is a deny if policyRule says OPTOUT or OPTOUTE (HL7: dissent);
// otherwise it has no say of its own and its nested provisions speak.
//
// # What is not known
//
// Where a resource lacks what a criterion asks (no code, no time, no author, no
// label), or the criterion cannot be read for certain (unknown code, reference
// without target), both worlds are possible: a permit holds only if it holds in
// every world, a deny if it holds in one.
//
// # Four verdicts
//
// Across Consents Deny beats Permit beats ImplicitDeny beats Silent. A permit takes
// nothing away from those it does not speak of: a Consent for research, or for
// another hospital, is Silent about one's own treatment. ImplicitDeny arises in two
// cases only:
//
//   - a permit names the caller (actor) and the purpose, both, and matches them, but
//     not this resource: the patient gave this reader a part, not the whole;
//   - a Consent in force cannot be understood (see Compile): until someone looks, it
//     stands for a refusal, though another Consent may still permit.
//
// The package does not decide whether consent binds at all (the policy says so),
// does not read stores, and neither logs nor raises tasks. It knows no terminology
// beyond purposes, confidentiality and sensitivity: other codes match exactly.
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
	ImplicitDeny                // a Consent speaks of this case but does not reach it, or cannot be understood
	Permit
	Deny
)

// String is the verdict in lower case, as records show it.
func (v Verdict) String() string {
	return [...]string{"silent", "implicit-deny", "permit", "deny"}[v&3]
}

// Subject is who asks, for what: constant during a request.
type Subject struct {
	Actors  []string // normalised references that identify the caller: Practitioner/1, Organization/a, Device/client..., and identifiers as system|value
	Purpose string   // code of v3-ActReason
	Action  string   // collect access use disclose correct
	Now     time.Time
}

// Rules are one Consent, compiled. They are immutable. The zero Rules never permit.
type Rules struct {
	Ref     fhir.Ref
	Version int64

	state  state
	scope  scope
	from   int64   // Consent.dateTime in milliseconds: before, the Consent does not count
	bounds []int64 // moments at which the verdict can change, ascending
	root   *provision
	name   []string // what Evaluate names: Consent/9/_history/2
}

type state uint8

const (
	unreadable state = iota // in force, but not understood: denies hold, permits do not
	dormant                 // not active, or not about privacy: no say
	live
)

// scope says which requests a Consent binds.
type scope uint8

const (
	scopeUnknown  scope = iota // perhaps all
	scopePrivacy               // all
	scopeResearch              // purposes under HRESCH
)

// Combine says whether a resource may be shown that is in several patients'
// compartments; perPatient has one verdict for each, and each must agree. mode is
// the policy's: "forbids" shows what no Consent refuses, "permits" only what every
// patient permits, "none" everything. Unknown modes show nothing, and "permits"
// shows nothing without a patient: rows in no compartment are the policy's matter.
func Combine(mode string, perPatient []Verdict) bool {
	switch mode {
	case "none":
		return true
	case "forbids":
		return all(perPatient, func(v Verdict) bool { return v == Silent || v == Permit })
	case "permits":
		return len(perPatient) > 0 && all(perPatient, func(v Verdict) bool { return v == Permit })
	}
	return false
}

func all(verdicts []Verdict, ok func(Verdict) bool) bool {
	for _, v := range verdicts {
		if !ok(v) {
			return false
		}
	}
	return true
}
