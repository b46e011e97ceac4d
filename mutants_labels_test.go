package aceso_test

func init() { mutants = append(mutants, labelsMutants...) }

// labelsMutants are the guards of security labels, of the constraint search and of masks.
var labelsMutants = []mutant{
	{"a level bars what is above it", "labels/terms.go", "return Confidentialities()[0] + \"|\" + Levels()[i+1], nil", "return Confidentialities()[0] + \"|\" + Levels()[i], nil", "./policy", "TestLabelsAreLevelsAndSensitivities"},
	{"a level below what has no label is refused", "labels/terms.go", "if i < slices.Index(Levels(), \"N\") ||", "if i < 0 ||", "./labels", "TestAbove"},
	{"sensitivities are known ones", "labels/terms.go", "case !ok && (parents[word] != \"\" || word == root):", "case !ok:", "./labels", "TestSensitivity"},
	{"labels of an object bar something", "policy/constraints.go", "if err == nil && len(barred) == 0 {", "if false {", "./policy", "TestFailuresWhileDecidingDeny"},
	{"constraints search that cannot be enforced refuse", "policy/answer.go", "return d, restricts(typ, d.Constraints.Search)", "return d, nil", "./policy", "TestSearchConstrains"},
	{"literal constraints search are for some type", "policy/lint_answers.go", "if !restrictsSome(word) {", "if false {", "./policy", "TestCompileRefuses"},
	{"rows satisfy the constraint search", "access/scope.go", "return r.granular || d.Constraints.Search != \"\"", "return r.granular", "./access", "TestConstraintSearchHidesRows"},
	{"the policy decides what it requires of rows", "access/scope.go", "		d := r.decide(ctx, q)\n		if d.Reason == tooSlow {", "		d := policy.Decision{Allow: true}\n		if d.Reason == tooSlow {", "./access", "TestConstraintSearchHidesRows"},
	{"stores are told what the policy requires", "access/scope.go", "if d := r.decide(ctx, q); !r.searches(&d) {", "if d := (policy.Decision{}); !r.searches(&d) {", "./access", "TestConstraintSearchHidesRows"},
	{"scopes and the constraint search both hold", "access/scope.go", "return right{Decision: d, where: search.All{where, required}}, nil", "return right{Decision: d, where: where}, nil", "./access", "TestConstraintSearchBesideScopes"},
	{"who may not write some labels chooses no ids", "access/apply.go", "&& len(c.Labels) == 0", "", "./access", "TestWhoMayNotWriteLabelsChoosesNoIDs"},
	{"rules of labels bind rows", "access/trace.go", "if err := r.label(ctx, f); err != nil {", "if err := error(nil); err != nil {", "./access", "TestSetsOfCodesHide"},
	{"constraints know labels by rules", "access/review.go", "consent.Bars(c.Labels, row.Facts.AllLabels())", "consent.Bars(c.Labels, row.Facts.Labels)", "./access", "TestSetsOfCodesHide"},
	{"Consents know labels by rules", "consent/evaluate.go", "readLabels(f.AllLabels())", "readLabels(f.Labels)", "./access", "TestConsentsKnowLabelsByRules"},
	{"keys of labels count once all have them", "access/labels.go", "return p.rules == nil || p.Labels.Ready", "return true", "./access", "TestSetsOfCodesHide"},
	{"labels by rules are constraints of sets", "access/sight.go", "		if o.plan.rules != nil {", "		if false {", "./access", "TestSetsOfCodesHide"},
	{"later codes protect the past", "store/search/past.go", "protected.LaterCodes = l.codes", "protected.LaterCodes = nil", "./access", "TestLaterCodesProtectThePast"},
	{"what is written has keys of its labels", "fhir/search/custom_keys.go", "own.Keys = append(own.Keys, RuledKey(c.ruled.Number, l))", "_ = l", "./access", "TestSetsOfCodesHide"},
	{"other rules go through all types", "store/plan.go", "types = fhir.ResourceTypes()", "types = nil", "./store", "TestPlanRelabels"},
	{"rules are ready after the last pass", "store/plan.go", "(p.Labels.Ready || len(p.Passes) == 0)", "true", "./store", "TestPlanRelabels"},
	{"rules of labels are the privacy officer's", "policy/rego/privacy_officer.rego", ", \"label-write\"}", "}", "./node", "TestRulesOfLabels"},
	{"ranges of codes end", "labels/rules.go", "&& code[:len(s.to)] <= s.to {", "{", "./labels", "TestBuiltInSets"},
	{"other rules of labels replace those before", "labels/rules.go", "if f.RuledBy == number {", "if f.RuledBy > 0 {", "./labels", "TestApply"},
	{"sets of labels are few", "labels/set.go", "case len(all) > MostSets:", "case false:", "./labels", "TestChoicesAreBounded"},
	{"codes of labels are bounded", "labels/set.go", "case codes > MostCodes:", "case false:", "./labels", "TestChoicesAreBounded"},
}
