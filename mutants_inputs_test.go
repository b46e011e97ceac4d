package aceso_test

func init() { mutants = append(mutants, inputMutants...) }

// inputMutants are the guards of what records say the policy was asked with.
var inputMutants = []mutant{
	{"inputs: only of durable records", "ledgerbridge/input.go", "k.place = w.homes.find(k.text, k.key.ID)", "k.place = w.homes.find(k.text, k.key.ID)\n\tw.homes.put(string(k.text), home{\"a0\", k.key.ID})", "./ledgerbridge", "TestOnlyDurableRecordsAreNamed"},
	{"inputs: of the key that is there", "ledgerbridge/input.go", "ok && at.key == key", "ok", "./ledgerbridge", "TestAnErasedPatientsInputsGo"},
	{"inputs: a patient's are sealed under her key", "ledgerbridge/input.go", "k.place == \"\" && k.part.Patient == \"\"", "k.place == \"\"", "./ledgerbridge", "TestAnErasedPatientsInputsGo"},
	{"inputs: a patient's go with her", "ledgerbridge/erasure.go", "case inputPart + e.Patient:\n\t\t\tat = append(at, i)", "", "./ledgerbridge", "TestAnErasedPatientsInputsGo"},
	{"inputs: found by an erasure, SQLite", "store/sqlite/log.go", "columns[0], columns[1])", "columns[0], columns[0])", "./store/sqlite", "TestStore/a_patient's_parts_are_erased"},
	{"inputs: found by an erasure, MongoDB", "store/mongo/log.go", "Value: e.Columns()", "Value: []string{e.Patient}", "./store/mongo", "TestStore/a_patient's_parts_are_erased"},
	{"inputs: kept with the record", "access/gate.go", "\tr.keepInput(ctx)\n", "", "./access", "TestRecordsSayWhatThePolicyWasAsked"},
	{"inputs: not of a protocol's refusal", "access/authorize.go", "r.unasked = a.Refused != \"\"", "r.unasked = false", "./access", "TestRefusalsOfProtocolsHaveNoInput"},
	{"inputs: each question of a transaction", "access/applyrecord.go", "\tt.notes()\n", "", "./access", "TestRecordsSayWhatThePolicyWasAsked"},
	{"inputs: departments as of now", "access/asked.go", "r.consentsRead == nil && r.changedSince(ctx)", "false", "./access", "TestRecordsKeepDepartments"},
	{"inputs: departments of roles in force", "consent/caller.go", "if t == yes && !named {", "if !named {", "./access", "TestRecordsKeepDepartments"},
	{"inputs: departments of the token's role", "consent/caller.go", "if t == yes && !named {", "if t == yes && (true || named) {", "./access", "TestRecordsKeepDepartments"},
	{"replay: decided", "access/replay.go", "if _, err := r.ask(ctx, question{\"audit-search\", \"s\", auditEvent}); err != nil {", "r.begin(question{\"audit-search\", \"s\", auditEvent}, policy.Decision{Allow: true})\n\t\tif err := ctx.Err(); err != nil {", "./node", "TestReplaysAreDecided"},
	{"replay: bounded", "server/replay.go", " || ask.Limit > access.MostReplayed", "", "./node", "TestReplaysAreDecided"},
	{"replay: a log that is not whole", "access/replay.go", "if errors.As(err, &damage) {", "if errors.As(err, &damage) && false {", "./node", "TestReplayOfACutLogIsRefused"},
	{"replay: rows of the draft", "access/replay.go", "p.judge(\"\", p.ask.Draft)", "p.judge(past, before)", "./node", "TestReplayFindsWhatADraftChanges"},
	{"replay: obligations", "policy/replay/replay.go", "{\"obligations\", len(a.Obligations)", "{\"obligations\", true || len(a.Obligations)", "./policy/replay", "TestWholeDecisionsAreCompared"},
	{"replay: the time", "policy/replay/replay.go", "if !before.ReadsTime() && !r.draft.ReadsTime() {", "if true {", "./policy/replay", "TestInputsAreDecidedOnce"},
	{"replay: rows of then", "access/replay.go", "then, err := was.row(ctx, q, rowOf(&v))", "_ = was\n\t\tthen, err := false, error(nil)", "./node", "TestReplayFindsWhatADraftChanges"},
	{"replay: rows of now", "access/replay.go", "now, err := is.row(ctx, q, rowOf(&v))", "_ = is\n\t\tnow, err := then, error(nil)", "./node", "TestReplayFindsWhatADraftChanges"},
	{"replay: names whom its samples are about", "policy/replay/replay.go", "refs := slices.Clone(r.sampled)", "var refs []string", "./policy/replay", "TestPatientsOfSamplesAreNamed"},
}
