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
	{"impact: who sees whom is asked by the office", "access/seers.go", "if _, err := r.ask(ctx, question{\"explain\", \"r\", \"\"}); err != nil {", "if _, err := r.ask(ctx, question{\"explain\", \"r\", \"\"}); false && err != nil {", "./access", "TestWhoSeesWhomIsDecidedAndRecorded"},
	{"impact: who is named is concerned", "access/seers.go", "r.concern(s.answer.Changes[i].Whom)", "_ = i", "./access", "TestWhoSeesWhomIsDecidedAndRecorded"},
	{"impact: everybody is counted", "access/seers.go", "r.part(ledgerbridge.Everyone) // all", "// all", "./access", "TestWhoSeesWhomIsDecidedAndRecorded"},
	{"impact: whom policies name is decided apart", "access/seers.go", "return s.asked.Apart || slices.Contains(s.asked.Named, subject)", "return s.asked.Apart", "./access", "TestWhoSeesWhomIsWhatReadsShow"},
	{"impact: whom Consents name is judged apart", "consent/kin.go", "if k.refs[ref] {\n\t\t\tparts[0]", "if false {\n\t\t\tparts[0]", "./access", "TestWhoSeesWhomIsWhatReadsShow"},
	{"impact: labels hide rows", "access/seersets.go", "return lacks(a.Barred, b.Barred) || lacks(a.Needed, b.Needed)", "return lacks(a.Needed, b.Needed)", "./access", "TestWhoSeesWhomIsWhatReadsShow"},
	{"impact: groups are apart from the rest", "access/seersets.go", "if is, apart := groups[bucket]; apart {", "if is, apart := groups[bucket]; apart && false {", "./access", "TestWhoSeesWhomIsWhatReadsShow"},
	{"impact: few staff are looked at", "access/seers.go", "if s.answer.Staff == s.room {", "if false {", "./access", "TestALookAtPeopleIsBounded"},
	{"impact: few sets are looked at", "access/seers.go", "if s.looks -= 2; s.looks < 0 {", "if s.looks -= 2; false {", "./access", "TestALookAtPeopleIsBounded"},
	{"impact: few decisions are asked for", "access/seers.go", "if len(s.decided) == s.asks {", "if false {", "./access", "TestALookAtPeopleIsBounded"},
	{"impact: what is kept names no patients", "policy/impact.go", "people.Changes[i].Whom = nil", "_ = i", "./policy/revision", "TestTheImpactIsNamedUntilTheActivation"},
	{"impact: another impact is not submitted", "policy/revision/impact.go", "if named != \"\" && named != r.Impact {", "if false {", "./policy/revision", "TestTheImpactIsNamedUntilTheActivation"},
	{"impact: an activation names it", "policy/revision/active.go", "detail.Set(\"impact\", rests.impactNamed())", "detail.Set(\"impact\", \"\")", "./policy/revision", "TestTheImpactIsNamedUntilTheActivation"},
	{"impact: it is of what is in force", "policy/revision/impact.go", "if err == nil && active.InForce(s.Now()) != r.ImpactOf {", "if err == nil && active == nil {", "./policy/revision", "TestAnImpactIsOfOneChange"},
	{"impact: what was submitted keeps its own", "policy/revision/impact.go", "if r.State != Tested {", "if false {", "./policy/revision", "TestAnImpactIsOfOneChange"},
	{"impact: a report fits its hash", "policy/impact.go", "if hex.EncodeToString(sum[:]) != hash {", "if hex.EncodeToString(sum[:]) == \"\" {", "./policy/revision", "TestAnImpactIsOfOneChange"},
	{"impact: others' officers do not ask", "policy/revision/impact.go", "if err := s.admits(ctx, by, e.Interaction); err != nil {", "if err := s.admits(ctx, by, e.Interaction); false {", "./policy/revision", "TestAnImpactIsOfOneChange"},
	{"impact: subjects that are looked into are not named", "policy/narrow/model.go", "if err := f.check(); err != nil {\n\t\treturn nil, err\n\t}\n\tm :=", "if err := f.check(); false {\n\t\treturn nil, err\n\t}\n\tm :=", "./policy/narrow", "TestNamedSubjectsAreTold"},
	{"impact: those in force decide", "access/seers.go", "{old.decide(ctx, q), next", "{{}, next", "./access", "TestWhoSeesWhomIsWhatReadsShow"},
	{"impact: the new ones decide", "access/seers.go", "next.decide(ctx, q)}", "{}}", "./access", "TestWhoSeesWhomIsWhatReadsShow"},
}
