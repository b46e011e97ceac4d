package aceso_test

func init() { mutants = append(mutants, interactionMutants...) }

// interactionMutants are the guards of conditional interactions, jobs and limits.
var interactionMutants = []mutant{
	{"conditional deletes decide about each match", "access/multipledelete.go", "\t\tt.steps = append(t.steps, one)\n", "", "./access", "TestConditionalDeletesDeleteAllThatMatches"},
	{"conditional deletes claim each match", "access/multipledelete.go", "if err := t.claim(one); err != nil {\n\t\t\treturn err\n\t\t}", "", "./access", "TestConditionalDeletesClaimWhatTheyDelete"},
	{"conditional deletes are bounded", "access/multipledelete.go", "len(page.Matches) > mostDeleted || ", "", "./access", "TestConditionalDeletesAreBounded"},
	{"conditional deletes are bounded in bytes", "access/multipledelete.go", " || len(page.Next) > 0", "", "./access", "TestConditionalDeletesAreBounded"},
	{"deletes of a version mean one resource", "access/multipledelete.go", "s.Method == \"DELETE\" && s.IfMatch == nil", "s.Method == \"DELETE\"", "./access", "TestConditionalDeletesDeleteAllThatMatches"},
	{"conditional deletes are recorded as a transaction", "access/applyrecord.go", "case first.several && !t.transaction():", "case false:", "./access", "TestConditionalDeletesDeleteAllThatMatches"},
	{"writes count up the locks of their identifiers", "store/mongo/commit.go", "s.identifierLocks(w.Ref.Type, w.Index)", "[]string(nil)", "./store/mongo", "TestGuardsExcludeWritesOfOtherNodes"},
	{"guards count up the locks of identifiers", "store/mongo/lock.go", "\t\tto[identifierLock(in, value)] = true\n", "\t\t_ = value\n", "./store/mongo", "TestGuardsExcludeWritesOfOtherNodes"},
	{"other guards of a type exclude one another", "store/mongo/lock.go", "\t\tto[lockID(in, search.All{})] = true\n", "", "./store/mongo", "TestGuardsExcludeWritesOfOtherNodes"},
	{"identifiers are the same without their system", "fhir/search/identifiers.go", "return tail[bar+1:], false", "return tail, false", "./fhir/search", "TestCriteriaArePinnedToIdentifiers"},
	{"systems alone are no identifiers", "fhir/search/identifiers.go", "case bar < 0 && cut:", "case false:", "./fhir/search", "TestCriteriaArePinnedToIdentifiers"},
	{"alternatives without an identifier pin nothing", "fhir/search/identifiers.go", "\t\t\tif len(some) == 0 {\n\t\t\t\treturn nil\n\t\t\t}\n", "", "./fhir/search", "TestAlternativesArePinnedTogether"},
}
