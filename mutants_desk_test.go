package aceso_test

func init() { mutants = append(mutants, deskMutants...) }

// deskMutants are guards of the pages for those who answer for access.
var deskMutants = []mutant{
	{"files have no formulas", "server/accesses.go", "line[i] = harmless(line[i])", "line[i] += \"\"", "./node", "TestFilesHaveNoFormulas"},
	{"officers change no patients", "policy/rego/privacy_officer.rego", "input.interaction in {\"read\", \"search-type\"}", "true", "./policy", "TestDecisions"},
}
