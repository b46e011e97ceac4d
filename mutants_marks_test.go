package aceso_test

func init() { mutants = append(mutants, marksMutants...) }

// marksMutants are the guards of what is certain of the constraints of a policy.
var marksMutants = []mutant{
	{"labels are constraints of sets", "access/sight.go", "s.Barred = append(s.Barred, search.LabelMark(l))", "_ = search.LabelMark(l)", "./access", "TestGateAnswersAsItsRowsDo"},
	{"owners are constraints of sets", "access/sight.go", "s.Needed = append(s.Needed, search.OwnerMark(c.Owner))", "_ = search.OwnerMark(c.Owner)", "./access", "TestGateAnswersAsItsRowsDo"},
	{"authors are constraints of sets", "access/sight.go", "s.Needed = append(s.Needed, search.AuthorMark(c.Author))", "_ = search.AuthorMark(c.Author)", "./access", "TestGateAnswersAsItsRowsDo"},
	{"past versions may have had other owners and labels", "access/sight.go", "is == store.Shown && o.past() &&", "false &&", "./access", "TestWhatIsCertainIsWithinConstraints"},
	{"what marks hide is not shown", "store/search/setsight.go", "v.shown = without(v.shown, hides)", "v.shown = without(v.shown, noPlaces())", "./access", "TestGateAnswersAsItsRowsDo"},
	{"labels fall under others", "consent/labels.go", "if l := (fhir.Coding{System: s, Code: c}); fallsUnder(l, system, code) &&", "if l := (fhir.Coding{System: s, Code: c}); s == system && c == code &&", "./consent", "TestBarredIsWhatBarsBars"},
	{"rankings are of one set of marks", "store/search/ranking.go", "fmt.Fprintf(h, \" %q %q\", o.Barred, o.Needed)", "", "./store/search", "TestRankingsAreOfTheirMarks"},
	{"what was written since has its marks", "store/search/setcache.go", "return slices.ContainsFunc(m, func(mark string) bool { return slices.Contains(theirs, mark) }), nil", "return len(theirs) < 0, nil", "./access", "TestGateAnswersAsItsRowsDo"},
	{"folders of schema version 4 are marked", "store/sqlite/upgrade.go", "from < schemaConstrained {", "from < schemaInside {", "./store/sqlite", "TestUpgradeMarks"},
	{"databases of schema version 4 are marked", "store/mongo/upgrade.go", "renew := s.addMarks", "renew := func(context.Context) error { return nil }", "./store/mongo", "TestUpgradeMarks"},
}
