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

// sensitivityParents gives for each sensitivity label of v3-ActCode the code that subsumes it.
var sensitivityParents = map[string]string{
	"ADOL": "_InformationSensitivityPolicy", "CEL": "_InformationSensitivityPolicy", "DIA": "_InformationSensitivityPolicy",
	"DRGIS": "_InformationSensitivityPolicy", "EMP": "_InformationSensitivityPolicy", "PDS": "_InformationSensitivityPolicy",
	"PHY": "_InformationSensitivityPolicy", "PRS": "_InformationSensitivityPolicy", "_ActInformationSensitivityPolicy": "_InformationSensitivityPolicy",
	"_EntitySensitivityPolicyType": "_InformationSensitivityPolicy", "_RoleInformationSensitivityPolicy": "_InformationSensitivityPolicy",
	"ETH": "_ActInformationSensitivityPolicy", "GDIS": "_ActInformationSensitivityPolicy", "HIV": "_ActInformationSensitivityPolicy",
	"MST": "_ActInformationSensitivityPolicy", "SCA": "_ActInformationSensitivityPolicy", "SDV": "_ActInformationSensitivityPolicy",
	"SEX": "_ActInformationSensitivityPolicy", "SICKLE": "_ActInformationSensitivityPolicy", "SPI": "_ActInformationSensitivityPolicy",
	"STD": "_ActInformationSensitivityPolicy", "TBOO": "_ActInformationSensitivityPolicy", "VIO": "_ActInformationSensitivityPolicy",
	"BH": "SPI", "MH": "SPI", "PSY": "SPI",
	"PSYTHPN": "SPI", "SUD": "SPI",
	"COGN": "BH", "DVD": "BH", "EMOTDIS": "BH",
	"ETHUD": "SUD", "OPIOIDUD": "SUD",
	"DEMO": "_EntitySensitivityPolicyType", "DOB": "_EntitySensitivityPolicyType", "GENDER": "_EntitySensitivityPolicyType",
	"LIVARG": "_EntitySensitivityPolicyType", "MARST": "_EntitySensitivityPolicyType", "RACE": "_EntitySensitivityPolicyType",
	"REL": "_EntitySensitivityPolicyType",
	"B":   "_RoleInformationSensitivityPolicy", "EMPL": "_RoleInformationSensitivityPolicy", "LOCIS": "_RoleInformationSensitivityPolicy",
	"SSP": "_RoleInformationSensitivityPolicy",
}

func sensitivityParent(code string) string { return sensitivityParents[code] }

// Confidentiality in order; 0 is none of them.
const (
	rankNormal     = 4
	rankRestricted = 5
	rankHighest    = 6
)

// secrecyCodes are those of v3-Confidentiality by rank.
var secrecyCodes = oneOf{"U", "L", "M", "N", "R", "V"}

func secrecyRank(code string) int8 { return int8(slices.Index(secrecyCodes, code) + 1) }
