// Package labels knows the security labels that decide about access: which there are, and
// which of them are above others.
//
// It does not decide who may see what has a label.
package labels

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Confidentialities are the addresses of v3-Confidentiality, that of R4 first.
func Confidentialities() []string {
	return []string{"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "http://hl7.org/fhir/v3/Confidentiality", "urn:oid:2.16.840.1.113883.5.25"}
}

// ActCodes are the addresses of v3-ActCode, of which the sensitivities are a part.
func ActCodes() []string {
	return []string{"http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode", "urn:oid:2.16.840.1.113883.5.4"}
}

// Levels are the codes of v3-Confidentiality, the least confidential first.
func Levels() []string { return []string{"U", "L", "M", "N", "R", "V"} }

// Above is the label (system|code) of all confidentialities above a level. What has no label
// is of level N, so only of N and what is above it can a rule say that nothing above is shown.
func Above(level string) (label string, err error) {
	i := slices.Index(Levels(), level)
	if i < slices.Index(Levels(), "N") || i == len(Levels())-1 {
		return "", fmt.Errorf("the highest confidentiality must be N or R, not %q", level)
	}
	return Confidentialities()[0] + "|" + Levels()[i+1], nil
}

// Sensitivity is the label (system|code) that a rule means by a code of v3-ActCode alone, or
// by a label as it is. An unknown code would be the label of nothing.
func Sensitivity(word string) (label string, err error) {
	system, code, ok := strings.Cut(word, "|")
	switch {
	case ok && system != "" && code != "":
		return word, nil
	case !ok && (parents[word] != "" || word == root):
		return ActCodes()[0] + "|" + word, nil
	}
	return "", fmt.Errorf("%q is neither a sensitivity of v3-ActCode nor a label like system|code", word)
}

// root is above all sensitivities.
const root = "_InformationSensitivityPolicy"

// parents gives for each sensitivity of v3-ActCode the code that subsumes it.
var parents = map[string]string{
	"ADOL": root, "CEL": root, "DIA": root,
	"DRGIS": root, "EMP": root, "PDS": root,
	"PHY": root, "PRS": root, "_ActInformationSensitivityPolicy": root,
	"_EntitySensitivityPolicyType": root, "_RoleInformationSensitivityPolicy": root,
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

// Parent is the code of v3-ActCode that subsumes a sensitivity, "" if it is none.
func Parent(code string) string { return parents[code] }

// Sensitivities are the codes of v3-ActCode that have a parent.
func Sensitivities() []string { return slices.Sorted(maps.Keys(parents)) }
