package aceso_test

func init() { mutants = append(mutants, replayPageMutants...) }

// replayPageMutants are the guards of the page that decides past requests again.
var replayPageMutants = []mutant{
	{"replay page: only with a form of this browser", "server/impactpage.go", "form, err := s.formUpTo(c, maxDraft, s.secretOf(c))\n\tif err != nil {\n\t\treturn nil, err\n\t}", "_ = c.Request.ParseForm()\n\tform, err := c.Request.PostForm, error(nil)", "./node", "TestPastRequestsAreDecidedAgainOnThePage"},
	{"replay page: only tests of records are kept", "server/replaypage.go", "if named == nil {\n\t\treturn \"\", errForm\n\t}", "if named == nil {\n\t\tnamed = []string{\"\", \"recorded_x\"}\n\t}", "./node", "TestPastRequestsAreDecidedAgainOnThePage"},
	{"replay page: a test is not replaced", "server/replaypage.go", "if _, there := files[file]; there {", "if _, there := files[file]; there && false {", "./node", "TestPastRequestsAreDecidedAgainOnThePage"},
	{"replay page: other tests do not change where a draft is from", "policy/revision/steps.go", "if d.Base == hash {", "if d.Base == hash && false {", "./node", "TestWhatWasSubmittedTakesNoTestOfThePast"},
	{"replay page: only proofs are called verified", "server/replaypage.go", "Proven: len(d.Proof) > 0", "Proven: true", "./server", "TestAReplayShowsWhatItHas"},
	{"replay: what was not checked is not compiled in the server", "server/replay.go", "; drafted {", "; drafted && false {", "./node", "TestReplaysAreDecided"},
	{"replay: the record names whom the report names", "access/replay.go", "p.concern(p.ask.Named())", "_ = p.ask", "./node", "TestReplayNamesWhomItLists"},
	{"replay: no test names a patient", "policy/replay/replay.go", "err != nil || strings.Contains(string(in), \"Patient/\")", "err != nil", "./policy/replay", "TestNoTestNamesAPatient"},
	{"replay: names who asked", "policy/replay/replay.go", "patientsIn(in)...", "[]string{}...", "./policy/replay", "TestNoTestNamesAPatient"},
	{"replay: late decisions are not known", "policy/replay/replay.go", "errors.Is(err, policy.ErrDeadline) {", "errors.Is(err, policy.ErrDeadline) && false {", "./policy/replay", "TestLateDecisionsAreNotKnown"},
}
