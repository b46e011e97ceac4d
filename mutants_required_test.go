package aceso_test

func init() { mutants = append(mutants, requiredMutants...) }

// requiredMutants are the guards of sets and rankings of what scopes require.
var requiredMutants = []mutant{
	{"scopes require: small sets of what is required are kept", "store/search/within.go", "if x.Sets.inVain(typ, of, 1) > 1 {", "if false {", "./store/sqlite", "TestSmallSetsOfWhatIsRequiredAreKept"},
	{"scopes require: what rests on other resources is not kept", "store/search/within.go", "!b.exact() || !of.itself() {", "!b.exact() {", "./store/sqlite", "TestWhatRestsOnOthersIsNotKept"},
	{"scopes require: few sets of what is required are kept", "store/search/within.go", "names[:max(0, len(names)-mostRequired)]", "names[:0]", "./store/search", "TestFewSetsOfWhatIsRequiredAreKept"},
	{"scopes require: a set of what is required is of that alone", "store/search/within.go", "\"required \" + string(sum[:])", "\"required \" + string(sum[:0])", "./store/search", "TestFewSetsOfWhatIsRequiredAreKept"},
	{"scopes require: what scopes pass over is added up", "store/search/walkwithin.go", "w.Sets.inVain(w.plan.typ, w.requiredRanker(), w.outside-shown)", "_ = shown", "./store/sqlite", "TestPagesWithinComeFromARanking"},
	{"scopes require: whom a ranking leaves out is named", "store/search/walkwithin.go", "return w.nameHidden(&m, m.hidden)", "return nil", "./store/sqlite", "TestPagesWithinComeFromARanking"},
	{"scopes require: dates are left out by the index", "store/search/walkwithin.go", "w.Choice == WalkOrders || w.order.Within != nil ||", "w.Choice == WalkOrders ||", "./store/sqlite", "TestSomePagesWithinComeFromNoRanking"},
	{"scopes require: chains are followed in the index", "store/search/walkwithin.go", "func(c search.Condition) bool { return !itself(c) }", "func(c search.Condition) bool { return false }", "./store/sqlite", "TestSomePagesWithinComeFromNoRanking"},
}
