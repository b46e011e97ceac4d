package aceso_test

func init() { mutants = append(mutants, customMutants...) }

// customMutants are the guards of search parameters of a server's own.
var customMutants = []mutant{
	{"changes by another plan of keys are refused", "store/sqlite/commit.go", "if len(writes) > 0 && c.Plan != u.plan {", "if false {", "./store/sqlite", "TestStore"},
	{"changes by another plan of keys are refused through all nodes", "store/mongo/commit.go", "if len(m.writes) > 0 && m.change.Plan != u.w.head.Plan {", "if false {", "./store/mongo", "TestStore"},
	{"queries by another plan of keys are refused", "store/sqlite/plan.go", "if err == nil && now != number {", "if err == nil && now < 0 {", "./store/sqlite", "TestStore"},
	{"queries by another plan of keys are refused through all nodes", "store/mongo/plan.go", "if err == nil && doc.Number != number {", "if err == nil && doc.Number < 0 {", "./store/mongo", "TestStore"},
	{"a plan that has moved is not replaced", "store/sqlite/plan.go", "if turn != next.Turn-1 {", "if turn < 0 {", "./store/sqlite", "TestStore"},
	{"a plan that has moved is not replaced by another node", "store/mongo/plan.go", "if before.Turn != next.Turn-1 {", "if false {", "./store/mongo", "TestStore"},
	{"what changed meanwhile keeps its keys", "store/sqlite/plan.go", "err != nil || stamp != r.Stamp {", "err != nil || stamp < 0 {", "./store/sqlite", "TestStore"},
	{"parameters are used when they are complete", "fhir/search/custom.go", "if i < 0 || !t.ready[i] {", "if i < 0 {", "./store/sqlite", "TestStore"},
	{"what cannot be compiled ends nothing", "store/plan.go", "always, compile); err == nil && one.Failed", "always, compile); (err == nil || true) && one.Failed", "./store", "TestPlansOutliveWhatTheyCannotCompile"},
	{"parameters wait for all their types", "store/plan.go", "one.Failed == \"\" && !waits", "one.Failed == \"\" && (waits || !waits)", "./store", "TestPlansWaitForAllTypes"},
	{"codes of R4 mean one thing", "fhir/search/custom.go", "return p.Name == c.Code }):", "return false }):", "./fhir/search", "TestSearchParametersAreChecked"},
	{"one code is one parameter", "fhir/search/custom.go", "if o.Code == c.Code && ", "if false && ", "./fhir/search", "TestSearchParametersDoNotClash"},
	{"custom parameters are counted", "fhir/search/custom.go", "if count > MaxCustoms {", "if count < 0 {", "./fhir/search", "TestSearchParametersDoNotClash"},
	{"values of custom parameters are bounded", "fhir/search/custom_keys.go", "x.limit = limits{keys: customValues}", "x.limit = limits{}", "./fhir/search", "TestCustomKeysAreBounded"},
	{"steps of custom parameters are bounded", "fhir/custom/custom.go", "Steps: MaxSteps}", "Steps: 0}", "./fhir/custom", "TestExpressionsAreBounded"},
	{"what is found by rests on no other resource", "fhir/custom/custom.go", "strings.Contains(expression, \"resolve(\")", "strings.Contains(expression, \"resolve(?\")", "./fhir/custom", "TestExpressionsAreBounded"},
	{"SearchParameters are checked when they are written", "access/applywrite.go", "if err := t.definable(ctx, s); err != nil {", "if err := t.definable(ctx, s); err != nil && false {", "./node", "TestCustomParametersThatDoNotFitAreGivenUp"},
	{"own systems alone define search parameters", "policy/rego/clinician.rego", "\tnot defining\n\tnot governing\n", "\tnot governing\n", "./policy", "TestBasePolicyPassesItsTests"},
	{"progress is for those who operate", "access/customs.go", "if err := g.Operate(ctx, c, \"operations\"); err != nil {", "if err := g.Operate(ctx, c, \"operations\"); err != nil && false {", "./node", "TestCustomParametersThatDoNotFitAreGivenUp"},
	{"a damaged SearchParameter is not passed over", "fhir/custom/custom.go", "fmt.Errorf(\"read SearchParameter: %v\", err)", "fmt.Errorf(\"read SearchParameter: %w\", err)", "./fhir/custom", "TestDamagedDefinitionsAreNoticed"},
	{"plans tell no small numbers", "store/explain.go", "leastTold = 1000", "leastTold = 1", "./node", "TestQueriesAreExplained"},
	{"plans are for those who operate", "access/explain.go", "r.ask(ctx, question{\"operations\", \"r\", s.Type})", "r.ask(ctx, searchQuestion(s.Type))", "./node", "TestQueriesAreExplained"},
	{"what $lastn looks through is bounded", "access/lastn.go", "last.seen >= mostLast {", "false {", "./access", "TestLastObservationsAreBounded"},
	{"$lastn is asked of the policy", "access/lastn.go", "_, err := r.ask(ctx, q)", "d := r.decide(ctx, q)\n\t\tr.begin(q, d)\n\t\terr := r.identify(ctx)", "./node", "TestTheLastObservationsOfEachCode"},
	{"what $lastn shows is in the record", "access/lastn.go", "r.discloseResult(res)", "_ = res", "./node", "TestTheLastObservationsOfEachCode"},
	{"the answer of $lastn is not larger than others", "access/lastn.go", "if r.call.room(r.held) <= 0 {", "if false {", "./access", "TestLastObservationsAreBounded"},
	{"the answer of $lastn holds its documents only", "access/lastn.go", "if err := r.hold(-left); err != nil {", "if err := r.hold(left - left); err != nil {", "./access", "TestLastObservationsAreBounded"},
}
