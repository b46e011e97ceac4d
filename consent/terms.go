package consent

import (
	"slices"

	security "github.com/aceso-health/aceso/labels"
)

type oneOf []string

func (o oneOf) has(s string) bool { return slices.Contains(o, s) }

// Code systems that criteria are read in: the R4 address and older names of the
// same system. Codes of other systems are not understood.
var (
	scopeSystems   = oneOf{"http://terminology.hl7.org/CodeSystem/consentscope", "http://hl7.org/fhir/consentscope"}
	actionSystems  = oneOf{"http://terminology.hl7.org/CodeSystem/consentaction", "http://hl7.org/fhir/consentaction"}
	typeSystems    = oneOf{"http://hl7.org/fhir/resource-types"}
	purposeSystems = oneOf{"http://terminology.hl7.org/CodeSystem/v3-ActReason", "http://hl7.org/fhir/v3/ActReason", "urn:oid:2.16.840.1.113883.5.8"}
	secrecySystems = oneOf(security.Confidentialities())
	actCodeSystems = oneOf(security.ActCodes())
)

var (
	actionCodes = oneOf{"collect", "access", "use", "disclose", "correct"}
	// dissents are the codes of policyRule by which a grantor refuses.
	dissents = oneOf{"OPTOUT", "OPTOUTE"}
	// assents are those by which a grantor agrees.
	assents = oneOf{"OPTIN", "OPTINR"}
	// dataRoles (v3-ParticipationType) are those of who made, told or keeps the
	// data: an actor in such a role is not the one who asks for it.
	dataRoles = oneOf{"AUT", "ENT", "INF", "CST", "SBJ", "RCT", "AUTHEN", "LA", "TRANS", "VRF", "WIT"}
)

func sensitivityParent(code string) string { return security.Parent(code) }

// Confidentiality in order; 0 is none of them.
const (
	rankNormal     = 4
	rankRestricted = 5
	rankHighest    = 6
)

// secrecyCodes are those of v3-Confidentiality by rank.
var secrecyCodes = oneOf(security.Levels())

func secrecyRank(code string) int8 { return int8(slices.Index(secrecyCodes, code) + 1) }
