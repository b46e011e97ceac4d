package agent

import (
	"maps"
	"slices"
)

// purposeParents is the tree of purposes of use: what v3-ActReason has below
// PurposeOfUse (http://terminology.hl7.org/CodeSystem/v3-ActReason, version 2018-08-12),
// each code with the one that subsumes it. Policies and Consents alike rest on it.
//
// One code is elsewhere than in the code system: CLINTRL (a clinical trial) is
// research, not treatment. Who permits treatment has not agreed to be studied.
var purposeParents = map[string]string{
	"HMARKT": "PurposeOfUse", "HOPERAT": "PurposeOfUse", "HPAYMT": "PurposeOfUse", "HRESCH": "PurposeOfUse",
	"PATRQT": "PurposeOfUse", "PUBHLTH": "PurposeOfUse", "TREAT": "PurposeOfUse",

	"CAREMGT": "HOPERAT", "DONAT": "HOPERAT", "FRAUD": "HOPERAT", "GOV": "HOPERAT", "HACCRED": "HOPERAT",
	"HCOMPL": "HOPERAT", "HDECD": "HOPERAT", "HDIRECT": "HOPERAT", "HDM": "HOPERAT", "HLEGAL": "HOPERAT",
	"HOUTCOMS": "HOPERAT", "HPRGRP": "HOPERAT", "HQUALIMP": "HOPERAT", "HSYSADMIN": "HOPERAT", "MEMADMIN": "HOPERAT",
	"MILCDM": "HOPERAT", "PATADMIN": "HOPERAT", "PATSFTY": "HOPERAT", "PERFMSR": "HOPERAT", "RECORDMGT": "HOPERAT",
	"SYSDEV": "HOPERAT", "TRAIN": "HOPERAT",
	"LABELING": "HSYSADMIN", "METAMGT": "HSYSADMIN",
	"HTEST": "SYSDEV",

	"CLMATTCH": "HPAYMT", "COVAUTH": "HPAYMT", "COVERAGE": "HPAYMT", "REMITADV": "HPAYMT",
	"ELIGDTRM": "COVERAGE", "ELIGVER": "COVERAGE", "ENROLLM": "COVERAGE", "MILDCRG": "COVERAGE",

	"BIORCH": "HRESCH", "CLINTRCH": "HRESCH", "CLINTRL": "HRESCH", "DSRCH": "HRESCH", "POARCH": "HRESCH", "TRANSRCH": "HRESCH",
	"CLINTRCHNPC": "CLINTRCH", "CLINTRCHPC": "CLINTRCH", "PRECLINTRCH": "CLINTRCH",

	"FAMRQT": "PATRQT", "PWATRNY": "PATRQT", "SUPNWK": "PATRQT",
	"DISASTER": "PUBHLTH", "THREAT": "PUBHLTH",

	"COC": "TREAT", "ETREAT": "TREAT", "POPHLTH": "TREAT",
	"BTG": "ETREAT", "ERTREAT": "ETREAT",
}

// purposeFamilies names the parts of the tree that policies tell apart, by the code
// at the top of each.
var purposeFamilies = map[string]string{
	"HMARKT": "marketing", "HOPERAT": "operations", "HPAYMT": "payment", "HRESCH": Research, "PATRQT": "patient-request",
	"PUBHLTH": "public-health", "TREAT": Treatment, "BTG": BreakGlass,
}

// The families that code asks for.
const (
	Research   = "research"    // of HRESCH
	Treatment  = "treatment"   // of TREAT
	BreakGlass = "break-glass" // of BTG
)

// Purposes lists all purposes of use that a request may have, sorted.
func Purposes() []string { return slices.Sorted(maps.Keys(purposeParents)) }

// IsPurpose says whether code is a purpose of use, or PurposeOfUse itself.
func IsPurpose(code string) bool { return code == "PurposeOfUse" || purposeParents[code] != "" }

// PurposeCovers says whether general is code, or subsumes it.
func PurposeCovers(general, code string) bool {
	return slices.Contains(purposesAbove[code], general)
}

// purposesAbove are the purposes, each with itself and all that subsume it.
var purposesAbove = func() map[string][]string {
	all := map[string][]string{"PurposeOfUse": {"PurposeOfUse"}}
	for code := range purposeParents {
		for general := code; general != ""; general = purposeParents[general] {
			all[code] = append(all[code], general)
		}
	}
	return all
}()

// PurposesAbove lists code and all purposes that subsume it, none if it is unknown. The
// list must not be changed.
func PurposesAbove(code string) []string { return purposesAbove[code] }

// PurposeFamily is the part of the tree that a purpose belongs to, "" if it is unknown.
// To break the glass is a family of its own.
func PurposeFamily(code string) string {
	for ; code != ""; code = purposeParents[code] {
		if family := purposeFamilies[code]; family != "" {
			return family
		}
	}
	return ""
}
