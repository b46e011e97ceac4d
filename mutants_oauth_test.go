package aceso_test

func init() { mutants = append(mutants, oauthMutants...) }

// oauthMutants are the guards of the authorization server and of what it keeps.
var oauthMutants = []mutant{
	{"kept rows have one writer on SQLite", "store/sqlite/kept.go", "if now.Version != k.Version {", "if false {", "./store/sqlite", "TestStore"},
	{"expired rows are absent on SQLite", "store/sqlite/kept.go", "case !there || k.Gone(s.opts.Now()):", "case !there:", "./store/sqlite", "TestStore"},
	{"the end of a grant counts on SQLite", "store/sqlite/kept.go", "if len(ended) == 0 {", "if true {", "./store/sqlite", "TestStore"},
	{"damage of kept rows is noticed", "store/sqlite/kept.go", "if !bytes.Equal(blob(st, 5), keptSum(&k)) {", "if false {", "./store/sqlite", "TestCheckFindsEveryBit"},
	{"kept rows have one writer on MongoDB", "store/mongo/kept.go", "if u.kept[keptID(all[i].Space, all[i].Key)].version != all[i].Version {", "if false {", "./store/mongo", "TestStore"},
	{"expired rows are absent on MongoDB", "store/mongo/kept.go", "if !there || k.Gone(s.opts.Now()) {", "if !there {", "./store/mongo", "TestStore"},
	{"the end of a grant counts on MongoDB", "store/mongo/kept.go", "if ended := store.Ended(all); ended != nil {", "if ended := store.Ended(all); false {", "./store/mongo", "TestShared"},
}
