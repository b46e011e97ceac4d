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
	{"authorizations are asked of the policy", "access/authorize.go", "d = r.decide(ctx, q)", "d = policy.Decision{Allow: true}", "./access", "TestAuthorizationsAreDecidedRecordedAndKept"},
	{"what the policy refuses is not kept", "access/authorize.go", "if !d.Allow {", "if false {", "./access", "TestAuthorizationsAreDecidedRecordedAndKept"},
	{"authorizations are recorded", "access/authorize.go", "err := r.record(ctx, refusal)", "err := error(nil)", "./access", "TestAuthorizationsAreDecidedRecordedAndKept"},
	{"authorizations stand in the change log", "access/authorize.go", "r.event, r.change.Keep = true, a.Keep", "r.change.Keep = a.Keep", "./access", "TestAuthorizationsAreDecidedRecordedAndKept"},
	{"authorizations name whose data they open", "access/authorize.go", "r.concern([]string{a.Patient})", "", "./access", "TestAuthorizationsNameThePatient"},
	{"no authorizations while changes are refused", "access/authorize.go", "if err := g.Writable(); err != nil {", "if err := g.Writable(); false {", "./access", "TestAuthorizationsNeedANodeThatTakesChanges"},
	{"an ended grant opens no authorization", "access/authorize.go", "if err := r.stands(ctx, 0); err != nil {\n\t\t\treturn err", "if err := r.stands(ctx, 0); false {\n\t\t\treturn err", "./access", "TestEndedGrantsAuthorizeNothing"},
	{"grants are looked up with each request", "access/review.go", "if err := r.stands(ctx, 0); err != nil {", "if false {\n\t\tvar err error", "./access", "TestGrantsEndWithTheNextRequest"},
	{"grants are as new as the rows", "access/review.go", "if err := r.stands(ctx, epoch); err != nil {", "if false {\n\t\tvar err error", "./access", "TestGrantsAreAsNewAsTheRows"},
	{"a store of one process says its epoch", "access/grants.go", "epoch = max(epoch, alone.Epoch())", "_ = alone", "./access", "TestGrantsEndWithTheNextRequest"},
	{"records rest on grants", "access/grants.go", "j.Keys = append(j.Keys, store.GrantKey(r.call.Agent.Grant))", "", "./access", "TestGrantsThatAnotherNodeEnded"},
	{"grants are looked up again when judged again", "access/gate.go", "g.grants.drop(c.Agent.Grant)", "", "./access", "TestGrantsThatAnotherNodeEnded"},
	{"others' words for a grant mean nothing", "auth/agent.go", "if i.Own { // others'", "if true { // others'", "./auth", "TestGrantsAreOfOurOwnTokens"},
}
