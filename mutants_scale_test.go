package aceso_test

func init() { mutants = append(mutants, scaleMutants...) }

// scaleMutants are the guards of what does not grow with the data.
var scaleMutants = []mutant{
	{"what is deleted is ranked with what may be seen", "store/search/passing.go", "all := union(v.open, deleted)", "all := v.open; _ = deleted", "./store/search", "TestHistoriesRankWhatIsSeen"},
	{"rankings take up what was written since", "store/search/ranking.go", "of.rank(x, typ, within(changed, in), func", "of.rank(x, typ, noPlaces(), func", "./store/sqlite", "TestRankings"},
	{"rankings take up what is hidden no longer", "store/search/ranking.go", "return err == nil && o.Of(facts, r.Owner) != store.Hidden, err", "return err == nil && o.Of(facts, r.Owner) == store.Hidden, err", "./store/sqlite", "TestRankings"},
	{"who sees something else has another ranking", "store/search/ranking.go", "fmt.Fprintf(h, \" %d %q\", g.Is, g.Name)", "_ = g.Name", "./store/sqlite", "TestRankings"},
	{"a ranking is of one order", "store/search/ranking.go", "return fmt.Sprintf(\"list %s %t %s\", l.Param, l.Desc, l.subject.name())", "return l.subject.name()", "./store/sqlite", "TestRankings"},
	{"what is required of resources is in no ranking", "store/search/within.go", "v.shown, v.sight = within(v.shown, m.lower), nil", "v.shown = within(v.shown, m.lower)", "./store/sqlite", "TestRankings"},
	{"ranges that end differently are sorted", "store/sqlite/lane.go", "p.differs = p.span[0] == span[0] && p.span[1] != span[1]", "p.differs = false", "./store/sqlite", "TestWalksOrderRangesThatBeginAlike"},
	{"ranges may end differently beyond a portion", "store/sqlite/lane.go", "tried.differs = !alike", "_ = alike", "./store/sqlite", "TestWalksOrderRangesThatBeginAlike"},
	{"kept links take up what was written since", "store/search/setlink.go", "if _, in := slices.BinarySearch(l.rests, rest); in {", "if _, in := slices.BinarySearch(l.rests, rest); false && in {", "./store/sqlite", "TestKeptLinksCatchUp"},
	{"kept links are those of the same targets", "store/search/setlink.go", "return \"links \" + l.prefix + l.sum", "return \"links \" + l.prefix", "./store/sqlite", "TestKeptLinksCatchUp"},
	{"encoded commands have the concerns of a transaction", "store/mongo/command.go", "if mongo.SessionFromContext(ctx) == nil {", "if false {", "./store/mongo", "TestEncodedCommands"},
	{"encoded updates say whether there was one", "store/mongo/command.go", "return ok && n == 1, nil", "return ok && n >= 0, nil", "./store/mongo", "TestEncodedCommands"},
	{"damaged entries are not read", "store/mongo/entry.go", "if !ok {\n\t\treturn r, errEntry", "if !ok && false {\n\t\treturn r, errEntry", "./store/mongo", "TestDamagedEntriesAreRead"},
	{"lists add up what they pass over", "store/search/walkplan.go", "w.run(most - w.Sets.inVain(w.plan.typ, w.ranker(), 0))", "w.run(most)", "./store/sqlite", "TestPassingOverIsAddedUp"},
	{"histories add up what they pass over", "store/search/passing.go", "vain := p.Sets.inVain(s.typ, of, int64(s.vain-s.told))", "vain := int64(s.vain)", "./store/sqlite", "TestPassingOverIsAddedUp"},
}
