package consent

import "slices"

type oneOf []string

func (o oneOf) has(s string) bool { return slices.Contains(o, s) }

// Code systems that criteria are read in: the R4 address and older names of the
// same system. Codes of other systems are not understood.
var (
	scopeSystems   = oneOf{"http://terminology.hl7.org/CodeSystem/consentscope", "http://hl7.org/fhir/consentscope"}
	actionSystems  = oneOf{"http://terminology.hl7.org/CodeSystem/consentaction", "http://hl7.org/fhir/consentaction"}
	typeSystems    = oneOf{"http://hl7.org/fhir/resource-types"}
	purposeSystems = oneOf{"http://terminology.hl7.org/CodeSystem/v3-ActReason", "http://hl7.org/fhir/v3/ActReason", "urn:oid:2.16.840.1.113883.5.8"}
	secrecySystems = oneOf{"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "http://hl7.org/fhir/v3/Confidentiality", "urn:oid:2.16.840.1.113883.5.25"}
	actCodeSystems = oneOf{"http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode", "urn:oid:2.16.840.1.113883.5.4"}
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

// sensitivityParent gives the code of v3-ActCode that subsumes a sensitivity label.
func sensitivityParent(code string) string {
	switch code {
	case "ADOL", "CEL", "DIA", "DRGIS", "EMP", "PDS", "PHY", "PRS",
		"_ActInformationSensitivityPolicy", "_EntitySensitivityPolicyType", "_RoleInformationSensitivityPolicy":
		return "_InformationSensitivityPolicy"
	case "ETH", "GDIS", "HIV", "MST", "SCA", "SDV", "SEX", "SICKLE", "SPI", "STD", "TBOO", "VIO":
		return "_ActInformationSensitivityPolicy"
	case "BH", "MH", "PSY", "PSYTHPN", "SUD":
		return "SPI"
	case "COGN", "DVD", "EMOTDIS":
		return "BH"
	case "ETHUD", "OPIOIDUD":
		return "SUD"
	case "DEMO", "DOB", "GENDER", "LIVARG", "MARST", "RACE", "REL":
		return "_EntitySensitivityPolicyType"
	case "B", "EMPL", "LOCIS", "SSP":
		return "_RoleInformationSensitivityPolicy"
	}
	return ""
}

// Confidentiality in order; 0 is none of them.
const (
	rankNormal     = 4
	rankRestricted = 5
	rankHighest    = 6
)

func secrecyRank(code string) int8 {
	switch code {
	case "U":
		return 1
	case "L":
		return 2
	case "M":
		return 3
	case "N":
		return rankNormal
	case "R":
		return rankRestricted
	case "V":
		return rankHighest
	}
	return 0
}
