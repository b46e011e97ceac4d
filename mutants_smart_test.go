package aceso_test

func init() { mutants = append(mutants, smartMutants...) }

// smartMutants are guards of sign-in, of what the authorization server records, and of whom a
// page within a scope names.
var smartMutants = []mutant{
	{"a session begins with its user", "auth/session/session.go", "rows := append(slices.Clone(keep), fresh.by)", "rows := slices.Clone(keep)", "./auth/session", "TestNoSessionSurvivesItsPassword"},
	{"another password signs nobody in", "auth/session/session.go", "if !bytes.Equal(now.Value, fresh.by.Value) {", "if false && !bytes.Equal(now.Value, fresh.by.Value) {", "./auth/session", "TestNoSessionSurvivesItsPassword"},
	{"changes of users look for sessions again", "auth/session/users.go", "if err = change(); !errors.Is(err, kept.ErrChanged) {", "if err = change(); err != nil || !errors.Is(err, kept.ErrChanged) {", "./auth/session", "TestNoSessionSurvivesItsPassword"},
	{"wrong passwords count at all nodes", "auth/session/users.go", "if wait, err = u.waits(ctx, name, address); err != nil {", "if _, err = u.waits(ctx, name, address); err != nil {", "./auth/session", "TestGuessingIsSlowedDownAtAllNodes"},
	{"wrong passwords are counted", "auth/session/strikes.go", "if err = s.Keeper.Commit(ctx, call, e, rows...); ", "if err = s.Keeper.Commit(ctx, call, e); ", "./auth/session", "TestGuessingIsSlowedDownAtAllNodes"},
	{"the right password ends the count", "auth/session/session.go", "return append(rows, kept.Row{Space: spaceWrong,", "return rows, nil\n\treturn append(rows, kept.Row{Space: spaceWrong,", "./auth/session", "TestGuessingIsSlowedDownAtAllNodes"},
	{"listing users is recorded", "auth/session/users.go", "if err := u.Keeper.Commit(ctx, call, kept.Event{Interaction: \"user-read\", Agent: u.By}); err != nil {", "if err := ctx.Err(); err != nil {", "./node", "TestListingUsersLeavesARecord"},
	{"looking at one's apps is recorded", "auth/oauth/grants.go", "return all, s.Keeper.Commit(ctx, call, e)", "return all, nil", "./node", "TestUnreadRequestsLeaveAnEntry"},
	{"looking at one's apps names patients", "auth/oauth/grants.go", "e.Patients = append(e.Patients, p)", "e.Patients = nil", "./node", "TestUnreadRequestsLeaveAnEntry"},
	{"what is not read is recorded", "server/unread.go", "if what == \"\" || !unread", "if true || !unread", "./node", "TestUnreadRequestsLeaveAnEntry"},
	{"floods pay for their records", "server/unread.go", "if !x.known && !x.charged {", "if false && !x.charged {", "./node", "TestFloodsOfForgedFormsLeaveFewRecords"},
	{"what is shared is named for everybody", "store/search/hidden.go", "return without(some, without(theirs, single)), err", "_ = single\n\treturn without(some, theirs), err", "./store/sqlite", "TestWhatIsNotWithinIsNamedForEverybody"},
	{"what scopes show is remembered by version", "access/scope.go", "append(append(make([]byte, 0, 256), shown.Hash[:]...), by.name...)", "append(append(make([]byte, 0, 256), shown.Hash[:0]...), by.name...)", "./access", "TestWhatScopesShowIsRememberedByVersion"},
	{"what scopes show is remembered by scope", "access/scope.go", "append(append(make([]byte, 0, 256), shown.Hash[:]...), by.name...)", "append(make([]byte, 0, 256), shown.Hash[:]...)", "./access", "TestWhatScopesShowIsRememberedByVersion"},
}
