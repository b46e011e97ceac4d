package aceso_test

func init() { mutants = append(mutants, endedMutants...) }

// endedMutants are the guards of what ends with its user, session or client, and of what strangers
// may cost.
var endedMutants = []mutant{
	{"apps: codes end with the session", "auth/oauth/redeem.go", "errors.Join(s.stillRegistered(ctx, a, &g), s.stillSignedIn(ctx, a, &g))", "s.stillRegistered(ctx, a, &g)", "./auth/oauth", "TestCodesEndWithTheSession"},
	{"apps: refusals name whose data", "auth/oauth/token.go", "if g := a.about; g != nil {", "if g := a.about; g != nil && false {", "./auth/oauth", "TestRefusalsNameWhatTheyAreAbout"},
	{"apps: reuse names whose data", "auth/oauth/redeem.go", "g.Key, a.about = grant, &g", "g.Key = grant", "./auth/oauth", "TestRefusalsNameWhatTheyAreAbout"},
	{"apps: refusals name who was claimed", "auth/oauth/authenticate.go", "a.claimed = p.client", "", "./auth/oauth", "TestRefusalsNameWhatTheyAreAbout"},
	{"apps: introspections name the patient", "auth/oauth/introspect.go", "e.Patient = \"Patient/\" + found.Patient", "_ = e", "./auth/oauth", "TestIntrospectionsNameThePatient"},
	{"apps: refreshed scopes are bounded", "auth/oauth/scope.go", "if all = append(all, one); len(all) > mostScopes {", "if all = append(all, one); len(all) > 9*mostScopes {", "./auth/oauth", "TestRefreshedScopesAreBounded"},
	{"apps: interrupted removals are taken up again", "auth/oauth/client.go", "if c.Disabled { // what ends it", "if false { // what ends it", "./auth/oauth", "TestInterruptedRemovalsEndGrants"},
	{"apps: names are seen", "auth/oauth/client.go", " || strings.ContainsFunc(c.Name+c.Contact, notShown)", "", "./auth/oauth", "TestNamesOfClientsAreSeen"},
	{"apps: a public client's name proves nothing", "auth/oauth/authenticate.go", "client, client.Kind != Public", "client, true", "./auth/oauth", "TestCallsSayWhetherTheyProved"},
	{"apps: who proves nothing pays", "server/oauth.go", "if to.Proved {", "if true {", "./node", "TestStrangersPayForWhatIsRecorded"},
	{"apps end with the user", "auth/session/users.go", "[]string{oauth.SpaceSession, oauth.SpaceGrant}", "[]string{oauth.SpaceSession}", "./auth/session", "TestGrantsEndWithTheUser"},
	{"apps of a provider's users stay", "auth/session/users.go", " && s.User.Provider == \"\"", "", "./auth/session", "TestGrantsEndWithTheUser"},
	{"waiting leaves nothing", "auth/session/backoff.go", "if f := b.entries[key]; f != nil {\n\t\treturn f.next.Sub(now)\n\t}\n\treturn 0", "return b.of(key, now).next.Sub(now)", "./auth/session", "TestWaitingLeavesNothing"},
	{"signing in ends what lasts no longer than the session before", "server/signin.go", "err == nil && s.Apps != nil {", "err == nil && false {", "./server", "TestSessionsAreNotFixed"},
	{"launched patients are seen through the gate", "server/consent.go", "l != nil && l.Patient != \"\" && p.user.Role != agent.Patient {", "l != nil && false {", "./node", "TestLaunchedPatientsAreSeenThroughTheGate"},
	{"nothing in common is recorded", "server/consent.go", "if err := s.refuseAll(c, call, p); err != nil {", "if err := error(nil); err != nil {", "./node", "TestNothingInCommonIsRecorded"},
	{"apps: what stands in the URL is refused and recorded", "auth/oauth/token.go", "if a.form.Misplaced {", "if false {", "./node", "TestParametersInTheURLAreRecorded"},
	{"launches are for the patient of the token", "auth/oauth/launch.go", "c.Patient != \"\" && c.Patient != who.Patient {", "false {", "./auth/oauth", "TestLaunchesAreForThePatientOfTheToken"},
	{"what operators end names the patient", "node/keptrows.go", "if patient != \"\" {", "if false {", "./node", "TestWhatOperatorsEndNamesThePatient"},
	{"what is done again has the scopes of now", "server/async.go", "case !stands && !one.writes:\n\t\ts.run(one, *call)", "case !stands && !one.writes:\n\t\tcall.Agent = one.caller\n\t\ts.run(one, *call)", "./server", "TestJobsAreDoneAgainWithTheScopesOfNow"},
}
