package agent

// PurposeParent gives the code of v3-ActReason that subsumes a purpose of use,
// "" if there is none. Consents follow this hierarchy; policies group it into
// families (policy/rego/data.json).
func PurposeParent(code string) string {
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

// IsPurpose says whether a code is a purpose of use of v3-ActReason.
func IsPurpose(code string) bool { return code == "PurposeOfUse" || PurposeParent(code) != "" }
