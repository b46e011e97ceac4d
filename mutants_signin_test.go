package aceso_test

func init() { mutants = append(mutants, signInMutants...) }

// signInMutants are the guards of sign-in, sessions and the pages that ask people.
var signInMutants = []mutant{
	{"passwords are compared", "auth/session/password.go", "return h.is(password) && known, nil", "_ = h.is(password)\n\treturn known, nil", "./auth/session", "TestOnlyTheRightPasswordSignsIn"},
	{"unknown users cost a hash", "auth/session/password.go", "return h.is(password) && known, nil", "return known && h.is(password), nil", "./auth/session", "TestUnknownUsersCostTheSame"},
	{"kept hashes have bearable parameters", "auth/session/password.go", "|| h.time > 10 || h.memory > 256<<10", "", "./auth/session", "TestPasswordsAreKeptAsSlowHashes"},
	{"guesses at a name wait", "auth/session/backoff.go", "u.fail(now, freeOfUser)", "_ = u", "./auth/session", "TestGuessingIsSlowedDown"},
	{"guesses from an address wait", "auth/session/backoff.go", "a.fail(now, freeOfAddress)", "_ = a", "./auth/session", "TestAddressesThatGuessAreSlowedDown"},
	{"memory of guesses is bounded", "auth/session/backoff.go", "if len(b.entries) < mostWatched {", "if true {", "./auth/session", "TestMemoryOfGuessesIsBounded"},
	{"a changed password ends sessions", "auth/session/users.go", "s.User.Provider == \"\" && s.User.Login == user.Login", "false", "./auth/session", "TestEndedUsersAreOut"},
	{"idle sessions end", "auth/session/session.go", "case now.Sub(used) > Idle || !now.Before(found.Ends):", "case !now.Before(found.Ends):", "./auth/session", "TestSessionsEnd"},
	{"times in cookies are sealed", "auth/session/session.go", "case !hmac.Equal(seal, found.seal(at)):", "case !hmac.Equal(seal, seal):", "./auth/session", "TestCookiesCannotBeMade"},
	{"signing in ends the session before", "auth/session/session.go", "if old, err := s.Of(ctx, before); err == nil {", "if old, err := s.Of(ctx, before); err == nil && false {", "./auth/session", "TestSigningInGivesAnotherID"},

	{"the provider's answer is for this browser", "auth/session/provider.go", "case !hmac.Equal([]byte(answer.Get(\"state\")), []byte(w.derive(\"state\"))):", "case false:", "./auth/session", "TestAnswersOfTheProviderAreHeldAgainstTheQuestion"},
	{"the provider's answer is of this provider", "auth/session/provider.go", "case named && (len(iss) != 1 || iss[0] != p.Issuer) || !named && more.IssInAnswer:", "case named && len(iss) == 0:", "./auth/session", "TestAnswersOfTheProviderAreHeldAgainstTheQuestion"},
	{"the provider's token is for this question", "auth/session/provider.go", "if !hmac.Equal([]byte(id.Nonce), []byte(w.derive(\"nonce\"))) {", "if false {", "./auth/session", "TestAnswersOfTheProviderAreHeldAgainstTheQuestion"},
	{"where it leads is held by the state", "auth/session/provider.go", "\"aceso.sign-in.v1\\x00\" + what + \"\\x00\" + w.next", "\"aceso.sign-in.v1\\x00\" + what", "./auth/session", "TestAnswersOfTheProviderAreHeldAgainstTheQuestion"},
	{"accounts without a role stay out", "auth/session/provider_claims.go", "if !ok {\n\t\treturn u, ErrNoRole\n\t}", "if !ok {\n\t\trole = p.Roles[0]\n\t}", "./auth/session", "TestClaimsBecomeUsers"},
	{"accounts without a purpose stay out", "auth/session/provider_claims.go", "if len(u.Purposes) == 0 {", "if false {", "./auth/session", "TestClaimsBecomeUsers"},
	{"patients are patients of this server", "auth/session/provider_claims.go", "if !strings.HasPrefix(u.Subject, \"Patient/\") {", "if false {", "./auth/session", "TestClaimsBecomeUsers"},
	{"providers are reached over TLS", "auth/session/provider_config.go", "case u.Scheme != \"https\" && !loopback(u.Hostname()):", "case false:", "./auth/session", "TestSignInFilesAreChecked"},
	{"a link to the sign-in page leads nowhere else", "server/people.go", "if path.Clean(u.Path) != u.Path || !returnsTo(u.Path) {", "if false {", "./server", "TestSignInLeadsNowhereElse"},
	{"where a sign-in leads has no host", "server/people.go", "u.Host != \"\" || ", "", "./server", "TestSignInLeadsNowhereElse"},
	{"forms of others sign nobody in", "server/signin.go", "form, err := s.form(c, s.cookie(c, cookieVisit))", "form, err := s.form(c, \"\")", "./server", "TestPeopleSignInWithAPassword"},
	{"wrong passwords are recorded", "server/signin.go", "return errors.Join(s.refusedSignIn(c, call, name, \"wrong-password\", tried), wrong)", "return wrong", "./server", "TestWrongPasswordsTellNothing"},
	{"who guesses has to wait", "server/signin.go", "case errors.As(err, &wait):", "case errors.As(err, &wait) && false:", "./server", "TestGuessesHaveToWait"},
	{"consent is given by this browser", "server/people.go", "return found, form, err", "if err != nil {\n\t\tform = url.Values{\"do\": {\"deny\"}}\n\t}\n\treturn found, form, nil", "./server", "TestFormsOfOthersDoNothing"},
	{"who is chosen is seen through the gate", "server/consent.go", "if err := s.mayChoose(c, call, p, ref); err != nil {", "if err := s.mayChoose(c, call, p, ref); false {", "./server", "TestPatientsAreChosenThroughTheGate"},
	{"visits are the patient's, as the gate shows them", "server/consentvisit.go", "if len(found.Matches) == 1 {", "if len(found.Matches) >= 0 {", "./node", "TestDoctorChoosesAVisit"},
	{"the form widens nothing", "server/consentscopes.go", "for _, c := range choice.Categories {\n\t\t\tif c.Chosen {\n\t\t\t\tsome = append(some, c.Value)\n\t\t\t}\n\t\t}", "some = append(some, p.form[choice.Categories[0].Name]...)", "./server", "TestConsentPage"},
	{"wrong apps get no redirect", "server/authorize.go", "case r.Redirect != \"\":", "case true:", "./server", "TestWrongAppsGetAPageAndNoRedirect"},
	{"redirects do not loosen the policy", "server/authorize.go", "|| strings.ContainsAny(u.Host+u.Scheme, \" ;,'\\\"\")", "", "./server", "TestPolicyTakesOneSource"},
}
