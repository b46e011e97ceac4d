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
}
