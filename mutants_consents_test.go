package aceso_test

func init() { mutants = append(mutants, consentsMutants...) }

// consentsMutants are the guards of what the privacy desk asks about Consents.
var consentsMutants = []mutant{
	{"simulate: it is decided", "access/simulate.go", "if _, err := r.ask(ctx, question{\"simulate\", \"r\", \"\"}); err != nil {", "if _, err := r.ask(ctx, question{\"simulate\", \"r\", \"\"}); false {", "./access", "TestSimulationsAreDecidedAndRecorded"},
	{"simulate: the patient may be read", "access/simulate.go", "patient, err := r.fetch(ctx, question{\"read\", \"r\", \"Patient\"}, ref, 0)", "found, err := r.stored(ctx, ref, 0)\n\tpatient := &found", "./access", "TestSimulationsAreDecidedAndRecorded"},
	{"simulate: records name the patient", "access/simulate.go", "r.concern(whose)", "", "./access", "TestSimulationsAreDecidedAndRecorded"},
	{"simulate: both are of one patient", "access/simulate.go", "|| len(whose) > 0 && whose[0] != ends.Facts.Patients[0] {", "{", "./access", "TestSimulationsAreDecidedAndRecorded"},
	{"simulate: the Consent counts as if it were in force", "access/review.go", "if r.would != nil && r.would.patient == patient {", "if false {", "./access", "TestWhatIsSimulatedComesToPass"},
	{"simulate: what is replaced does not count", "access/simulate.go", "return one.Ref == asked.Ends || sent != nil && one.Ref == sent.Ref", "return false", "./access", "TestWhatIsSimulatedComesToPass"},
	{"simulate: agents are few", "access/simulate.go", "if !known && len(all) < MostAgents {", "if !known {", "./access", "TestSimulationsAreBounded"},
	{"simulate: rows are judged before", "access/simulate.go", "was, err := now.row(ctx, q, rowOf(&rows[i]))", "was, err := true, error(nil)", "./access", "TestWhatIsSimulatedComesToPass"},
	{"simulate: rows are judged afterwards", "access/simulate.go", "is, err := then.row(ctx, q, rowOf(&rows[i]))", "is, err := was, error(nil)", "./access", "TestWhatIsSimulatedComesToPass"},
	{"disclosure: records name the patient", "access/disclosure.go", "r.concern([]string{d.Patient.String()})", "", "./access", "TestDisclosuresAreReported"},
	{"consents: the list is decided", "access/problems.go", "if _, err := r.ask(ctx, question{\"consent-problems\", \"r\", \"\"}); err != nil {", "if _, err := r.ask(ctx, question{\"consent-problems\", \"r\", \"\"}); false {", "./access", "TestConsentProblems"},
	{"consents: the list has what may be read", "access/problems.go", "may, err := r.row(ctx, question{\"read\", \"r\", v.Ref.Type}, rowOf(v))", "may, err := true, error(nil)", "./access", "TestConsentProblems"},
	{"consents: records name who is listed", "access/problems.go", "r.concern([]string{p.Patient})", "_ = p", "./access", "TestConsentProblems"},
	{"consents: comparing is bounded", "consent/contradict.go", "if left <= 0 {", "if false {", "./consent", "TestContradictionsAreBounded"},
	{"consents: a deny is one", "consent/contradict.go", "deny == Deny {", "deny != Permit {", "./consent", "TestContradictions"},
	{"disclosure: it is decided", "access/disclosure.go", "if _, err := r.ask(ctx, question{interaction: \"disclosure-record\"}); err != nil {", "if _, err := r.ask(ctx, question{interaction: \"disclosure-record\"}); false {", "./access", "TestDisclosuresAreReported"},
	{"disclosure: the patient is stored", "access/disclosure.go", "case errors.Is(err, store.ErrNotFound) || err == nil && v.Deleted:", "case false && errors.Is(err, store.ErrNotFound):", "./access", "TestDisclosuresAreReported"},
	{"disclosure: the Consent is hers", "access/disclosure.go", "if !slices.Contains(v.Facts.Patients, d.Patient.String()) {", "if slices.Contains(v.Facts.Patients, \"\") {", "./access", "TestDisclosuresAreReported"},
	{"disclosure: it is of the change log", "access/disclosure.go", "r.event = true", "", "./access", "TestDisclosuresAreReported"},
	{"revoke: it is hers", "server/fastconsent.go", "r.patient.ID != \"\" && whose != r.patient {", "false && whose != r.patient {", "./node", "TestConsentsAreFiledAndRevoked"},
	{"revoke: it is active", "server/fastconsent.go", "if consent.Status != \"active\" {", "if false {", "./node", "TestConsentsAreFiledAndRevoked"},
}
