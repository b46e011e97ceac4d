package aceso_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant disables one guard of privacy, records or consent.
type mutant struct {
	name              string
	file, text, other string // text stands in file once; other takes its place
	pkg, test         string // the test that must fail then
}

// mutants are the guards that tests hold. A guard that is moved or reworded takes its row
// with it.
var mutants = []mutant{
	{"rows are decided", "access/read.go", "if !may {\n\t\treturn nil, r.refuseRow(notFound())\n\t}", "_ = may", "./access", "TestEveryAnswerIsRecorded"},
	{"policy refusals end a request", "access/review.go", "if !d.Allow {\n\t\treturn d, r.refuse(d)\n\t}", "", "./access", "TestEveryAnswerIsRecorded"},
	{"constraints bind rows", "access/review.go", "if !d.Allow || !within(d.Constraints, q, row) {", "if !d.Allow {", "./node", "TestBasePolicyByRole"},
	{"consents are asked", "access/review.go", "return consent.Combine(mode, verdicts), nil", "return true, nil", "./access", "TestEveryAnswerIsRecorded"},
	{"the store is not trusted", "access/review.go", "if !may {\n\t\t\t\treturn unavailable", "if !may && false {\n\t\t\t\treturn unavailable", "./access", "TestForgetfulStoreIsNoticed"},
	{"a late policy is no hidden row", "access/review.go", "if d.Reason == tooSlow {", "if false {", "./access", "TestPolicyFailures"},
	{"no record, no data", "access/gate.go", "case recordErr != nil:", "case false:", "./access", "TestFailuresAreRecordedAndShowNothing"},
	{"overtaken answers are discarded", "access/gate.go", "if errors.Is(recordErr, store.ErrChanged) && try < maximumAttempts {", "if false {", "./access", "TestOvertakenRequests"},
	{"a record outlives its caller", "access/gate.go", "context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)", "context.WithTimeout(ctx, recordTimeout)", "./access", "TestCallersWhoHangUpAreRecorded"},
	{"what ends without an answer is recorded", "access/gate.go", "if instead := r.instead(recordErr); instead != nil {", "if instead := r.instead(recordErr); false {", "./access", "TestOvertakenRequests"},
	{"refusals disclose nothing", "access/record.go", "\t\tr.discloseNothing()\n", "", "./access", "TestOvertakenRequests"},
	{"an undecided request is not recorded as decided", "access/record.go", "if r.entry.Interaction == \"\" {", "if false {", "./access", "TestNothingIsAnsweredUndecided"},
	{"records rest on the patients judged", "access/record.go", "if !j.All && len(r.consentsRead) > 0 {", "if false {", "./access", "TestRecordsRestOnThePatientsJudged"},
	{"a thousand patients are all", "access/record.go", "All: len(r.consentsRead) > judgedLimit", "All: false", "./access", "TestRecordsRestOnThePatientsJudged"},
	{"those named are concerned", "access/concern.go", "if err := r.concernNamed(ctx, r.mentioned); err != nil {", "if err := r.concernNamed(ctx, nil); err != nil {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"those counted are concerned", "access/concern.go", "\tr.concern(s.Visible)\n\tswitch", "\tswitch", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"the hidden who are singled out are concerned", "access/concern.go", "\t\tr.concern(s.Hidden)\n", "", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"chains are followed", "access/concern.go", "return r.concernThrough(ctx, c.Types, c.Where)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"_has is followed", "access/concern.go", "return r.concernThrough(ctx, []string{c.Type}, c.Where)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"exclusions are followed", "access/concern.go", "return r.concernThrough(ctx, []string{typ}, c.C)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"broad questions are marked", "access/concern.go", "default:\n\t\tr.part(ledgerbridge.Everyone)\n", "default:\n", "./access", "TestBroadQuestionsStandInEveryReport"},
	{"criteria of a failing change are recorded", "access/conditional.go", "\tt.criteria(typ, q)\n", "", "./access", "TestFailingTransactionsConcernThoseOfTheirConditions"},
	{"unknown interactions are refused", "access/conditional.go", "case op.Method != \"GET\":", "case false:", "./access", "TestUnknownInteractionsAreRefused"},
	{"read-only nodes take no changes", "access/apply.go", "return t.gate.Writable()", "return nil", "./access", "TestReadOnlyNodeAnswersReads"},
	{"links are bound to their caller", "access/link.go", "r.gate.Links.Open(sealed, caller(&r.call.Agent))", "r.gate.Links.Open(sealed, nil)", "./access", "TestLinksAreBound"},
	{"links are bound to the policy", "access/search.go", "if l.Policy != \"\" && l.Policy != d.Revision {", "if false {", "./node", "TestPagingLinksEndWithThePolicy"},
	{"broad questions reveal no query", "ledgerbridge/part.go", "if t.erasable() {\n\t\t\tpart.Target", "if true {\n\t\t\tpart.Target", "./access", "TestBroadQuestionsStandInEveryReport"},
	{"reports hide others", "access/audit.go", "if patient != \"\" && part.Patient != \"\" && !everyone && part.Patient != g.Sealer.PatientPseudonym(patient) {", "if everyone && false {", "./access", "TestReportIsNoOracle"},
	{"later labels protect the past", "store/search/past.go", "protected.Patients, protected.Labels = store.Union(facts.Patients, l.patients), store.Union(facts.Labels, l.labels)", "", "./store/sqlite", "TestStore"},
	{"visibility binds every alias", "store/search/search.go", "return visible(store.Row{Ref: r.Ref,", "return true, nil\n\treturn visible(store.Row{Ref: r.Ref,", "./store/sqlite", "TestStore"},
	{"an upgrade is whole or nothing", "store/sqlite/upgrade.go", `c.exec("ROLLBACK")`, `c.exec("COMMIT")`, "./store/sqlite", "TestUpgradeIsWholeOrNothing"},
	{"an upgrade counts epochs again", "store/sqlite/upgrade.go", "\t\tif err := c.renewEpochs(ctx); err != nil {", "\t\tif err := ctx.Err(); err != nil {", "./store/sqlite", "TestUpgradeIsWholeOrNothing"},
	{"an upgrade looks into Bundles", "store/sqlite/upgrade.go", "\t\tif err := c.renewBundles(ctx); err != nil {", "\t\tif err := ctx.Err(); err != nil {", "./node", "TestFolderWithoutEpochsOfTeams"},
	{"an upgrade makes nothing damaged look whole", "store/sqlite/upgrade.go", "if !v.whole() {", "if false {", "./store/sqlite", "TestUpgradeLeavesDamage"},
	{"an upgrade of a database looks into Bundles", "store/mongo/upgrade.go", "\tif err := s.renewBundles(ctx); err != nil {", "\tif err := ctx.Err(); err != nil {", "./store/mongo", "TestUpgrade"},
	{"older nodes end before an upgrade", "store/mongo/upgrade.go", "if !slices.Contains(first, l) {", "if false {", "./store/mongo", "TestUpgradeWaitsForOthers"},
}

// TestMutants proves that a test fails for each guard that is disabled; `make mutants`
// runs it. ONLY names one guard.
func TestMutants(t *testing.T) {
	if os.Getenv("ACESO_MUTANTS") == "" {
		t.Skip("SKIPPED: takes minutes; run it with `make mutants`")
	}
	for _, m := range mutants {
		if only := os.Getenv("ONLY"); only != "" && only != m.name {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			out, err := exec.Command("go", "test", "-short", "-count=1", "-vet=off", "-overlay", m.overlay(t), "-run", "^"+m.test, m.pkg).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+m.test) {
				t.Errorf("survives %s of %s: %v\n%s", m.test, m.pkg, err, out)
				return
			}
			fmt.Printf("%-50s %s: caught by %s\n", m.name, m.file, m.test)
		})
	}
}

// overlay is a file that puts the mutated source in the place of the original one.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	mutated := filepath.Join(dir, "mutated.go")
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(source), m.text, m.other, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestMutantsApply keeps the table true: each guard stands where its row says, once.
func TestMutantsApply(t *testing.T) {
	for _, m := range mutants {
		source, err := os.ReadFile(m.file)
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if n := strings.Count(string(source), m.text); n != 1 || m.text == "" {
			t.Errorf("%s: %s has %q %d times, want once", m.name, m.file, m.text, n)
		}
	}
}
