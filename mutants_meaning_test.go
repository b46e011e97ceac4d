package aceso_test

func init() { mutants = append(mutants, meaningMutants...) }

// meaningMutants are the guards of terminology, filters, words and places.
var meaningMutants = []mutant{
	{"terminology is decided", "access/terminology.go", "if _, err := r.ask(ctx, question{t.Operation, \"r\", t.Type}); err != nil {", "if _, err := r.ask(ctx, question{t.Operation, \"r\", t.Type}); err != nil && false {", "./access", "TestTerminologyIsRecorded"},
	{"terminology that is used is recorded", "access/terminology.go", "\t\t\tr.disclose(&s.used[i], \"GET\")\n", "\t\t\t_ = i\n", "./access", "TestTerminologyIsRecorded"},
	{"what terminology leads to is recorded", "access/terminology.go", "\ts.told(query, page)\n", "", "./access", "TestTerminologyIsLookedUpOnce"},
	{"terminology that fails is followed", "access/terminology.go", "\ts.asks(query)\n", "", "./access", "TestTerminologyThatFailsConcernsWhoseItIs"},
	{"hidden terminology is absent", "access/terminology.go", "Visible: s.visible(ctx, q.interaction, q.action), Sight: s.sight(ctx, q.interaction, q.action),", "Visible: func(store.Row) (bool, error) { return true, nil },", "./access", "TestHiddenTerminologyIsAbsent"},
	{"terminology that the store lets through is noticed", "access/terminology.go", "if err := s.check(ctx, q, page.Matches); err != nil ||", "if err := ctx.Err(); err != nil ||", "./access", "TestForgetfulStoresShowNoTerminology"},
	{"refused searches look no codes up", "access/terminology.go", "if !v.decide(v.ctx, v.asked).Allow {", "if false {", "./access", "TestRefusedSearchesLookNothingUp"},
	{"filters are not nested deep", "fhir/search/query_filter.go", "if f.nesting++; f.nesting > maxNesting {", "if f.nesting++; false {", "./fhir/search", "TestMalformedFiltersAreRefused"},
	{"filters have few comparisons", "fhir/search/query_filter.go", "if f.exps++; f.exps > maxFilterExps {", "if f.exps++; false {", "./fhir/search", "TestMalformedFiltersAreRefused"},
	{"paths of filters are short", "fhir/search/query_filter.go", "if f.depth++; f.depth > maxDepth {", "if f.depth++; false {", "./fhir/search", "TestMalformedFiltersAreRefused"},
	{"paths of filters lead to few types", "fhir/search/query_filter.go", "if len(inner) > maxScopes {", "if false {", "./fhir/search", "TestMalformedFiltersAreRefused"},
	{"filters are not for AuditEvents", "fhir/search/query.go", " || name == \"_filter\" ||", " ||", "./fhir/search", "TestMalformedFiltersAreRefused"},
	{"value sets do not include themselves", "fhir/terminology/expand.go", "if slices.Contains(t.path, vs) {", "if false {", "./fhir/terminology", "TestExpansionIsBounded"},
	{"value sets lead to few others", "fhir/terminology/expand.go", "if len(t.path) == mostDeep {", "if false {", "./fhir/terminology", "TestExpansionIsBounded"},
	{"expansions have few codes", "fhir/terminology/expand.go", "if len(e.list) == mostCodes {", "if false {", "./fhir/terminology", "TestExpansionIsBounded"},
	{"terminology looks at few codes", "fhir/terminology/terms.go", "if t.steps += steps; t.steps > mostSteps {", "if t.steps += steps; false {", "./fhir/terminology", "TestExpansionIsBounded"},
	{"terminology loads few resources", "fhir/terminology/terms.go", "if t.loaded++; t.loaded > mostLoaded {", "if t.loaded++; false {", "./fhir/terminology", "TestExpansionIsBounded"},
	{"terminology loads few bytes", "fhir/terminology/terms.go", "err == nil && t.bytes > mostBytes {", "false {", "./fhir/terminology", "TestExpansionIsBounded"},
	{"patterns of filters are short", "fhir/terminology/filter.go", "if len(f.Value) > mostRegex {", "if false {", "./fhir/terminology", "TestExpansionIsBounded"},
	{"embedded terminology is not replaced", "fhir/terminology/terms.go", "if made != nil || err != nil || url == \"\" {", "if url == \"\" {", "./fhir/terminology", "TestEmbeddedTerminologyComesFirst"},
	{"maps lead to few others", "fhir/terminology/translate.go", "if deep == mostDeep {", "if false {", "./fhir/terminology", "TestTranslateFollowsGroups"},
	{"resources are not refused for their words", "fhir/search/extract_words.go", "if len(x.wordsSeen) >= most || full || x.fault != nil {", "if len(x.wordsSeen) >= most || full && false || x.fault != nil {", "./fhir/search", "TestNoResourceIsRefusedForItsWords"},
	{"words of a resource are bounded", "fhir/search/extract_words.go", "if len(x.wordsSeen) >= most || full || x.fault != nil {", "if full || x.fault != nil {", "./fhir/search", "TestNoResourceIsRefusedForItsWords"},
	{"patterns of value sets cost what they take", "fhir/terminology/filter.go", "t.spend(len(program.Inst) + bytes*len(program.Inst)/bytesStep)", "t.spend(bytes * 0 * len(program.Inst))", "./fhir/terminology", "TestExpansionIsBounded"},
	{"near measures the distance", "fhir/search/place.go", "ok && distance(n.Lat, n.Long, la, lo) <= n.Meters {", "ok && distance(n.Lat, n.Long, la, lo) >= 0 {", "./fhir/search", "TestNearFindsPlacesWithinADistance"},
}
