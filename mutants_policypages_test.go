package aceso_test

func init() { mutants = append(mutants, policyPageMutants...) }

// policyPageMutants are the guards of the pages on which policies are written and put in force.
var policyPageMutants = []mutant{
	{"policy pages: only own scripts", "server/policyedit.go", "; script-src 'self'; connect-src 'self'", "; script-src 'unsafe-inline'", "./node", "TestOnlyTheEditorRunsAScript"},
	{"policy pages: lines are those of the text", "server/policyedit.go", `strings.ReplaceAll(texts[i], "\r\n", "\n")`, "texts[i]", "./node", "TestPoliciesAreChangedOnPages"},
	{"policy pages: a name is one file", "server/policyedit.go", "if _, twice := d.Files[name]; twice {", "if _, twice := d.Files[name]; twice && false {", "./node", "TestTheEditorSaysWhatIsWrong"},
	{"policy pages: what is long is bounded", "server/policyview.go", "if len(lines) > room {", "if false {", "./node", "TestThePageOfARevisionIsBounded"},
	{"policy pages: only what the house's officers ask is tried", "policy/revision/ahead.go", "if err := s.admits(ctx, by, e.Interaction); err != nil {", "if err := s.admits(ctx, by, e.Interaction); false {", "./policy/revision", "TestALookKeepsNothing"},
	{"policy pages: a look is recorded", "policy/revision/ahead.go", "if err := s.commit(ctx, by, e); err != nil {", "if err := error(nil); err != nil {", "./policy/revision", "TestALookKeepsNothing"},
	{"policy pages: a look is bounded", "policy/revision/ahead.go", "case len(archive) > MostPacked:", "case false:", "./policy/revision", "TestALookKeepsNothing"},
	{"policy pages: what runs is no emergency", "policy/revision/ahead.go", "if r.State != Approved && !running &&", "if !running &&", "./policy/revision", "TestStepsAheadAreThoseThatAreNotRefused"},
	{"policy pages: what is in use is not withdrawn", "policy/revision/ahead.go", "if !a.uses(r.Hash) && r.Version > 0 {", "if r.Version > 0 {", "./policy/revision", "TestStepsAheadAreThoseThatAreNotRefused"},
	{"policy pages: a difference is bounded", "web/diff.go", "min(len(a)+len(b), mostEdits)", "len(a)+len(b)", "./web", "TestADifferenceIsSmall"},
	{"policy pages: failed tests say what they got", "policy/suite.go", "if err := report.compare(ctx, s); err != nil {", "if err := error(nil); err != nil {", "./policy", "TestAFailedTestSaysWhatItGot"},
}
