package aceso_test

func init() { mutants = append(mutants, searchMutants...) }

// searchMutants are the guards of searches over chains, canonicals and several types.
var searchMutants = []mutant{
	{"chains are bounded", "fhir/search/query_criterion.go", "case (reverse || chained) && depth == maxDepth:", "case false:", "./fhir/search", "TestQueryErrors"},
	{"links of many types are bounded", "fhir/search/query_link.go", "if p.leaves++; p.leaves > maxLeaves {", "if false {", "./fhir/search", "TestChainsOfManyTypesAreBounded"},
	{"those who hold what chains lead to are concerned", "access/follow.go", "return r.concernIfFew(ctx, typ, member)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"chains do not lead out of Bundles", "fhir/search/query_link.go", "if !LeadsOut(typ, param) {", "if false {", "./store/sqlite", "TestStore"},
	{"versions of canonicals bind", "fhir/search/query_canonical.go", "if c.Version != \"\" {", "if false {", "./store/sqlite", "TestStore"},
	{"schema version 3 is derived again", "store/sqlite/upgrade.go", "from < schemaInside {", "from < schemaOrdered {", "./store/sqlite", "TestUpgradeLooksInside"},
	{"types that may not be searched have nothing", "access/searchsystem.go", "d := r.decide(ctx, question{\"search-type\", \"s\", part.Type})", "d := policy.Decision{Allow: true}", "./access", "TestSearchOverSeveralTypes"},
	{"a search of types none of which may be searched is refused", "access/searchsystem.go", "if refused != nil && len(may) == 0 {", "if false {", "./access", "TestSearchOverSeveralTypes"},
	{"questions over several types are followed", "access/follow.go", "for _, part := range q.Parts() {", "for _, part := range q.Parts()[:0] {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"searches over several types are bounded", "fhir/search/query_system.go", "if p.among+p.leaves > maxAmong {", "if false {", "./fhir/search", "TestSystemQueries"},
	{"what the matches of a type replaced comes back", "store/search/collector.go", "c.kept, c.size, c.total = slices.Clone(c.before.kept), c.before.size, c.before.total", "c.kept, c.size, c.total = nil, 0, 0", "./store/search", "TestTypesBeginAnew"},
	{"ids that several types have come once for each", "store/mongo/walk.go", "pick(o.After != nil && !o.Desc, \"$gte\", \"$gt\")", "\"$gt\"", "./store/mongo", "TestStore"},
}
