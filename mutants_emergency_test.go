package aceso_test

func init() { mutants = append(mutants, emergencyMutants...) }

// emergencyMutants are the guards of declared emergencies.
var emergencyMutants = []mutant{
	{"emergency: who has declared none is refused", "access/review.go", "if err := r.mustHaveDeclared(ctx); err != nil {", "if false {\n\t\tvar err error", "./access", "TestUndeclaredEmergenciesAreRefused"},
	{"emergency: rows are of its patient", "access/review.go", "if covered, err := r.inEmergency(ctx, row); !covered || err != nil {", "if false {\n\t\tvar err error", "./access", "TestWhatIsCertainIsDecidedAlike"},
	{"emergency: sets are of its patient", "access/sight.go", "if o.breaking() {", "if false {", "./access", "TestWhatIsCertainIsDecidedAlike"},
	{"emergency: others' Consents bind", "access/emergency.go", "return r.breaking() && r.emergencies != nil && slices.Contains(r.emergencies.patients, patient)", "return r.breaking()", "./access", "TestEmergenciesOfOneOpenNothingThatAnotherHides"},
	{"emergency: it is the caller's", "access/emergency.go", "if !own {", "if !own && id == \"\" {", "./access", "TestUndeclaredEmergenciesAreRefused"},
	{"emergency: it ends", "access/emergency.go", "|| err == nil && row.Gone(r.now):", "|| false:", "./access", "TestEmergenciesEndWithTheNextRequest"},
	{"emergency: records rest on it", "access/grants.go", "j = restingOn(j, e.epoch, e.keys...)", "_ = e", "./access", "TestEmergenciesEndWithTheNextRequest"},
	{"emergency: what cannot be looked up opens nothing", "access/emergency.go", "return nil, unavailable(\"emergencies cannot be looked up\", err)", "e.patients = []string{\"Patient/hidden\"}", "./access", "TestEmergenciesThatCannotBeLookedUp"},
	{"emergency: its end counts", "store/kept.go", "keys = append(keys, EmergencyKey(k.Key))", "_ = k", "./store/sqlite", "TestStore"},
	{"emergency: who treats alone chooses it", "auth/agent.go", "if agent.PurposeFamily(p) == agent.Treatment {", "if p != \"\" {", "./auth", "TestOthersChooseNoEmergency"},
	{"emergency: nothing else is chosen that the token has not", "auth/agent.go", "if agent.PurposeFamily(chosen) != agent.BreakGlass {", "if false {", "./auth", "TestChosenPurpose"},
	{"emergency: it is short", "emergency/declare.go", "case length <= 0 || length > Longest:", "case length <= 0:", "./emergency", "TestDeclarationsAreBounded"},
	{"emergency: few run", "emergency/declare.go", "if len(running) >= MostRunning {", "if len(running) > 99 {", "./emergency", "TestDeclarationsAreBounded"},
	{"emergency: it has a reason", "emergency/declare.go", "case strings.IndexFunc(text, unicode.IsLetter) < 0:", "case false:", "./emergency", "TestDeclarationsAreBounded"},
	{"emergency: what is declared in vain is recorded", "emergency/review.go", "if err := d.Keeper.Commit(ctx, call, e); err != nil {", "if err := error(nil); err != nil {", "./emergency", "TestDeclarationsAreBounded"},
	{"emergency: others' are the office's", "emergency/review.go", "if err == nil && strings.HasPrefix(one.Key, who.Mark()+\".\") {", "if err == nil {", "./emergency", "TestOthersEmergenciesAreTheOffices"},
	{"emergency: nobody judges her own", "emergency/review.go", "case one.By.Same(who.Person()):", "case false:", "./emergency", "TestEmergenciesAreJudgedOnceByAnother"},
	{"emergency: it is judged once", "emergency/review.go", "case one.Review != nil:", "case false:", "./emergency", "TestEmergenciesAreJudgedOnceByAnother"},
	{"emergency: it is judged when it is over", "emergency/review.go", "case one.Runs(now):", "case false:", "./emergency", "TestEmergenciesAreJudgedOnceByAnother"},
	{"emergency: the list names the patients", "emergency/emergency.go", "Agent: who, Patients: patientsOf(all)})", "Agent: who})", "./emergency", "TestCasesWaitForTheOffice"},
	{"emergency: records name all patients of an event", "access/authorize.go", "r.concern(a.Patients)", "", "./access", "TestAuthorizationsNameThePatient"},
	{"explain: questions about others are decided", "access/could.go", "if _, err := r.ask(ctx, question{\"explain\", \"r\", \"\"}); err != nil {", "if _, err := r.ask(ctx, question{\"explain\", \"r\", \"\"}); false {", "./access", "TestQuestionsAboutOthersAreDecidedAndRecorded"},
	{"explain: they are about her data", "access/could.go", "!slices.Contains(v.Facts.Whose(), asked.Patient.String()) {", "false {", "./access", "TestQuestionsAboutOthersAreDecidedAndRecorded"},
	{"explain: records name the patient", "access/could.go", "r.concern([]string{asked.Patient.String()})", "", "./access", "TestQuestionsAboutOthersAreDecidedAndRecorded"},
	{"explain: it is judged by the read", "access/could.go", "could.Read, could.Decision = err == nil,", "could.Read, could.Decision = as.decide(ctx, q).Allow,", "./access", "TestWhoCouldReadIsWhoReads"},
	{"explain: what is hidden has its reason", "access/could.go", "if !within(one.only, q, row) {", "if false {", "./access", "TestWhoCouldReadIsWhoReads"},
	{"explain: the decision is the policy's", "access/could.go", "could.Read, could.Decision = err == nil, as.decide(ctx, q)", "could.Read, could.Decision = err == nil, policy.Decision{Allow: true}", "./access", "TestQuestionsAboutEmergencies"},
	{"explain: the rule is the one that decides", "policy/place.go", "if t.decided = t.last; t.decided == nil {", "if t.decided = rule; t.decided == nil {", "./policy", "TestPlacesAreTheLinesThatDecide"},
	{"explain: questions are bounded", "server/couldread.go", "len(form.Encode()) > mostAsked {", "false {", "./node", "TestOthersAskNobodysAccess"},
	{"explain: parameters are known", "server/couldread.go", "if !couldBeAsked(p.Name) {", "if false {", "./node", "TestOthersAskNobodysAccess"},
	{"emergency: forms are of their browser", "server/emergencypage.go", "form, err := s.form(c, s.secretOf(c))", "form, err := s.form(c, \"\")", "./node", "TestEmergencyPages"},
}
