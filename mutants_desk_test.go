package aceso_test

func init() { mutants = append(mutants, deskMutants...) }

// deskMutants are guards of the pages for those who answer for access.
var deskMutants = []mutant{
	{"files have no formulas", "server/accesses.go", "line[i] = harmless(line[i])", "line[i] += \"\"", "./node", "TestFilesHaveNoFormulas"},
	{"the desk counts patients, not records", "server/desk.go", "if len(patients) > busyPatients {", "if len(patients) > 0 {", "./node", "TestDeskSaysWhatIsUnusual"},
	{"names are of whom the reader may see", "server/accesses.go", "names[found.Matches[i].Ref.String()] = ", "names[found.Matches[0].Ref.String()] = ", "./node", "TestDeskSaysWhatIsUnusual"},
	{"officers change no patients", "policy/rego/privacy_officer.rego", "input.interaction in {\"read\", \"search-type\"}", "true", "./policy", "TestDecisions"},
}
