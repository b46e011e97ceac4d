package aceso_test

func init() { mutants = append(mutants, narrowMutants...) }

// narrowMutants are the guards of proofs that a change of policies only narrows.
var narrowMutants = []mutant{
	{"no proof, no narrower change", "policy/narrow/narrow.go", "case r.Verdict == Unproved:", "case false:", "./policy/narrow", "TestNarrowsNeedsAProof"},
	{"proofs are bounded", "policy/narrow/explore.go", "|| x.cases > x.most", "", "./policy/narrow", "TestProofsAreBounded"},
	{"functions that look into texts", "policy/narrow/compared.go", "case attrs&^closed == 0, isGeneric(name):", "case true:", "./policy/narrow", "TestWhatCannotBeProvedSaysWhy"},
	{"texts that functions make", "policy/narrow/compared.go", "if o.literals[derived] {", "if false {", "./policy/narrow", "TestWhatCannotBeProvedSaysWhy"},
	{"scopes that are not taken apart", "policy/narrow/compared.go", "!ok && !covered(ref)", "!ok && false", "./policy/narrow", "TestWhatCannotBeProvedSaysWhy"},
	{"lengths of texts", "policy/narrow/see.go", "ok && l.origin[0].attrs&^closed != 0", "ok && false", "./policy/narrow", "TestWhatCannotBeProvedSaysWhy"},
	{"times are cut where they are compared", "policy/narrow/domain.go", "cut(times, text)", "_ = text", "./policy/narrow", "TestOneMinuteOfOnePersonIsFound"},
	{"refusals permit less", "policy/narrow/atmost.go", "case !other.Allow:", "case false:", "./policy/narrow", "TestWhatPermitsLess"},
	{"Consents of others bind who is exempt", "policy/narrow/atmost.go", "if other.Consent == policy.None && other.Constraints.Compartment != \"\" {", "if false {", "./policy/narrow", "TestWhatPermitsLess"},
	{"labels narrow", "policy/narrow/atmost.go", "!barsAll(c.Labels, other.Labels):", "false:", "./policy/narrow", "TestWhatPermitsLess"},
	{"what is compared is looked at", "policy/narrow/see.go", "l.where(a, func(text string) bool { return (ast.String(text).Compare(other) == 0) == same })", "_, _ = a, same", "./policy/narrow", "TestProofsHoldForWhateverIsAsked"},
	{"what is looked up is looked at", "policy/narrow/lookup.go", "l.where(a, func(text string) bool { return same(is, found(base, text, rest)) })", "_ = is", "./policy/narrow", "TestProofsHoldForWhateverIsAsked"},
}
