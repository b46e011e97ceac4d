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
	// dataRoles (v3-ParticipationType) are those of who made, told or keeps the
	// data: an actor in such a role is not the one who asks for it.
	dataRoles = oneOf{"AUT", "ENT", "INF", "CST", "SBJ", "RCT", "AUTHEN", "LA", "TRANS", "VRF", "WIT"}
)

// purposeParent gives the code of v3-ActReason that subsumes a purpose of use.
func purposeParent(code string) string {
	switch code {
	case "HMARKT", "HOPERAT", "HPAYMT", "HRESCH", "PATRQT", "PUBHLTH", "TREAT":
		return "PurposeOfUse"
	case "CAREMGT", "DONAT", "FRAUD", "GOV", "HACCRED", "HCOMPL", "HDECD", "HDIRECT", "HDM", "HLEGAL", "HOUTCOMS",
		"HPRGRP", "HQUALIMP", "HSYSADMIN", "MEMADMIN", "MILCDM", "PATADMIN", "PATSFTY", "PERFMSR", "RECORDMGT", "SYSDEV", "TRAIN":
		return "HOPERAT"
	case "LABELING", "METAMGT":
		return "HSYSADMIN"
	case "HTEST":
		return "SYSDEV"
	case "CLMATTCH", "COVAUTH", "COVERAGE", "REMITADV":
		return "HPAYMT"
	case "ELIGDTRM", "ELIGVER", "ENROLLM", "MILDCRG":
		return "COVERAGE"
	case "BIORCH", "CLINTRCH", "DSRCH", "POARCH", "TRANSRCH":
		return "HRESCH"
	case "CLINTRCHNPC", "CLINTRCHPC", "PRECLINTRCH":
		return "CLINTRCH"
	case "FAMRQT", "PWATRNY", "SUPNWK":
		return "PATRQT"
	case "DISASTER", "THREAT":
		return "PUBHLTH"
	case "CLINTRL", "COC", "ETREAT", "POPHLTH":
		return "TREAT"
	case "BTG", "ERTREAT":
		return "ETREAT"
	}
	return ""
}

func isPurpose(code string) bool { return code == "PurposeOfUse" || purposeParent(code) != "" }

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

// covers says whether code is general or subsumed by it.
func covers(general, code string, parent func(string) string) bool {
	for ; code != ""; code = parent(code) {
		if code == general {
			return true
		}
	}
	return false
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
