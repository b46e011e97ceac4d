package aceso_test

func init() { mutants = append(mutants, explainMutants...) }

// explainMutants are the guards of questions about access, of now and of times that are over.
var explainMutants = []mutant{
	{"then: Consents that have left count", "access/then.go", "range distinct(append(refs(now), left...)) {", "range distinct(append(refs(now), left[:0]...)) {", "./access", "TestWhoCouldHaveReadIsWhoReadACopy"},
	{"then: Consents are those of that time", "access/then.go", "case !v.Deleted && slices.Contains(v.Facts.Patients, patient):", "case !v.Deleted:", "./access", "TestWhoCouldHaveReadIsWhoReadACopy"},
	{"then: resources are those of that time", "access/then.go", "v, err := t.Store.GetAt(ctx, ref, t.at)", "v, err := t.Store.Get(ctx, ref)", "./access", "TestWhoCouldHaveReadIsWhoReadACopy"},
	{"then: who was who counts", "access/callers.go", "if past, over := g.Store.(*then); over {", "if past, over := g.Store.(*then); over && past == nil {", "./access", "TestWhoWasWhoCounts"},
	{"then: teams that have left count", "access/then.go", "all = append(all, left...)\n\t}\n\treturn distinct(all), nil", "_ = left\n\t}\n\treturn distinct(all), nil", "./access", "TestWhoWasWhoCounts"},
	{"then: emergencies are those of that time", "access/then.go", "for _, patient := range t.opened {", "for _, patient := range t.opened[:0] {", "./access", "TestWhoCouldHaveReadIsWhoReadACopy"},
	{"then: what is purged is not guessed", "access/could.go", "if past.removed {", "if false {", "./access", "TestWhatIsNotKnownOfATimeIsSaid"},
	{"then: policies are not guessed", "access/could.go", "if decider == nil {\n\t\tcould.Lost", "if decider == nil && could == nil {\n\t\tcould.Lost", "./access", "TestWhatIsNotKnownOfATimeIsSaid"},
	{"then: times to come are not told", "access/could.go", "if asked.At.After(r.now) {", "if false {", "./access", "TestWhatIsNotKnownOfATimeIsSaid"},
	{"then: later versions do not count", "store/sqlite/version.go", "WHERE v.at <= ? ORDER BY", "WHERE v.at <= ? + 1 ORDER BY", "./store/sqlite", "TestStore"},
	{"then: an emergency has ended", "emergency/past.go", "(c.Ended == nil || at.Before(*c.Ended))", "true", "./emergency", "TestWhatRanAtATimeIsKnown"},
	{"then: emergencies are of who declared them", "emergency/past.go", "strings.HasPrefix(one.Key, mark+\".\")", "one.Key != \"\"", "./emergency", "TestWhatRanAtATimeIsKnown"},
	{"then: what came into force is kept", "policy/revision/past.go", "return appendPast(rows, now, before.Version+1, after)", "return rows, nil", "./policy/revision", "TestWhatWasInForceIsKnown"},
	{"then: canaries decided", "policy/revision/past.go", "if c := a.Canary; c != nil && hash == a.Hash &&", "if c := a.Canary; c != nil && hash == \"\" &&", "./policy/revision", "TestWhatWasInForceIsKnown"},
	{"then: records name whose data it was", "access/could.go", "r.concern(v.Facts.Whose())", "", "./access", "TestQuestionsAboutATimeNameWhoseDataItWas"},
	{"why: records are explained to the office", "access/why.go", "question{\"explain\", \"r\", \"\"}, asked.ID", "question{\"read\", \"r\", \"Patient\"}, asked.ID", "./access", "TestWhyIsDecidedAndRecorded"},
	{"why: the question concerns whom the record does", "access/why.go", "r.concern(a.Patients)", "", "./access", "TestWhyIsDecidedAndRecorded"},
	{"why: what is not come to again is not told", "access/why.go", "if first < 0 {\n\t\treturn nil", "if first < 0 {\n\t\tfirst = 0", "./access", "TestWhyIsNotGuessed"},
	{"why: lost policies are not replaced", "access/why.go", "if decider == nil {", "if decider == nil && w == nil {", "./access", "TestWhyIsNotGuessed"},
	{"why: parameters are known", "server/decisions.go", "case i < 0:", "case i < 0 && name == \"\":", "./node", "TestDecisionsAreFound"},
	{"why: it is decided by the policies", "access/why.go", "decisions[i] = as.put(ctx, inputs[i])", "_, decisions[i] = as, policy.Decision{Allow: true, Reason: r.rec.entry.Reason}", "./access", "TestWhyIsNotGuessed"},
	{"why: by the kept scopes", "access/why.go", "who.Patient, who.Scopes = kept.Inputs[0].Agent.Patient, kept.Scopes", "who.Patient = kept.Inputs[0].Agent.Patient", "./access", "TestWhyIsTheKeptQuestion"},
	{"why: by the kept question", "access/why.go", "return r.decideAgain(ctx, w, who, kept.Inputs)", "return r.assume(ctx, w, who)", "./access", "TestWhyIsTheKeptQuestion"},
	{"why: what is erased is not guessed", "access/why.go", "\t\tw.Erased = true\n\t\treturn nil", "\t\treturn r.assume(ctx, w, who)", "./access", "TestWhyOfAnErasedPatientSaysSo"},
	{"why: older records are tried", "access/why.go", "errors.Is(err, ledgerbridge.ErrUnknownInput):\n\t\treturn r.assume(ctx, w, who)", "errors.Is(err, ledgerbridge.ErrUnknownInput):\n\t\treturn nil", "./access", "TestWhyIsNotGuessed"},
	{"why: questions are bounded", "access/why.go", "case len(w.Others) == mostWhy-1:", "case len(w.Others) == -1:", "./access", "TestWhyOfATransactionTellsEachQuestion"},
	{"why: what is erased is said", "server/decisions.go", "case found.Erased:", "case found.Erased && found.Told:", "./server", "TestWhySaysWhatIsKnown"},
	{"then: what was written since counts", "access/former.go", "if err != nil || epoch == l.epoch {", "if err != nil || l.epoch >= 0 {", "./access", "TestHistoryIsReadWhenSomethingWasWritten"},
	{"then: history is not read for nothing", "access/former.go", "if err != nil || epoch == l.epoch {", "if err != nil {", "./access", "TestHistoryIsReadWhenSomethingWasWritten"},
}
