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
	{"constraints bind rows", "access/review.go", "if !within(d.Constraints, q, row) {", "if false {", "./node", "TestBasePolicyByRole"},
	{"consents are asked", "access/review.go", "return consent.Combine(mode, verdicts), nil", "return true, nil", "./access", "TestEveryAnswerIsRecorded"},
	{"the store is not trusted", "access/review.go", "if !may {\n\t\t\t\treturn unavailable", "if !may && false {\n\t\t\t\treturn unavailable", "./access", "TestForgetfulStoreIsNoticed"},
	{"a late policy is no hidden row", "access/review.go", "if d.Reason == tooSlow {", "if false {", "./access", "TestPolicyFailures"},
	{"no record, no data", "access/gate.go", "case recordErr != nil:", "case false:", "./access", "TestFailuresAreRecordedAndShowNothing"},
	{"overtaken answers are discarded", "access/gate.go", "if errors.Is(recordErr, store.ErrChanged) && try < maximumAttempts {", "if false {", "./access", "TestOvertakenRequests"},
	{"a record outlives its caller", "access/gate.go", "context.WithTimeout(context.WithoutCancel(ctx), r.gate.patience)", "context.WithTimeout(ctx, r.gate.patience)", "./access", "TestCallersWhoHangUpAreRecorded"},
	{"what ends without an answer is recorded", "access/gate.go", "if instead := r.instead(recordErr); instead != nil {", "if instead := r.instead(recordErr); false {", "./access", "TestOvertakenRequests"},
	{"refusals disclose nothing", "access/record.go", "\t\tr.discloseNothing()\n\t} else", "\t} else", "./access", "TestOvertakenRequests"},
	{"an undecided request is not recorded as decided", "access/gate.go", "if r.entry.Interaction == \"\" {", "if false {", "./access", "TestNothingIsAnsweredUndecided"},
	{"records rest on the patients judged", "access/record.go", "if !j.All && len(r.consentsRead) > 0 {", "if false {", "./access", "TestRecordsRestOnThePatientsJudged"},
	{"a thousand patients are all", "access/record.go", "All: len(r.consentsRead) > judgedLimit", "All: false", "./access", "TestRecordsRestOnThePatientsJudged"},
	{"those named are concerned", "access/follow.go", "for _, patient := range r.mentioned {", "for _, patient := range r.mentioned[:0] {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"those counted are concerned", "access/concern.go", "\tr.concerned.selected = append(r.concerned.selected, s.Visible...)\n", "", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"the hidden who are singled out are concerned", "access/concern.go", "\t\tr.concerned.singled = append(r.concerned.singled, s.Hidden...)\n", "", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"chains are followed", "access/follow.go", "return r.concernThrough(ctx, c.Types, c.Where)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"_has is followed", "access/follow.go", "return r.concernThrough(ctx, []string{c.Type}, c.Where)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"exclusions are followed", "access/follow.go", "return r.concernThrough(ctx, []string{typ}, c.C)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"broad questions are marked", "access/concern.go", "default:\n\t\tr.part(ledgerbridge.Everyone)\n", "default:\n", "./access", "TestBroadQuestionsStandInEveryReport"},
	{"criteria of a failing change are recorded", "access/conditional.go", "\tt.criteria(typ, q)\n", "", "./access", "TestFailingTransactionsConcernThoseOfTheirConditions"},
	{"unknown interactions are refused", "access/conditional.go", "case op.Method != \"GET\":", "case false:", "./access", "TestUnknownInteractionsAreRefused"},
	{"read-only nodes take no changes", "access/apply.go", "return t.gate.Writable()", "return nil", "./access", "TestReadOnlyNodeAnswersReads"},
	{"links are bound to their caller", "access/link.go", "r.gate.Links.Open(sealed, caller(&r.call.Agent))", "r.gate.Links.Open(sealed, nil)", "./access", "TestLinksAreBound"},
	{"links are bound to the policy", "access/search.go", "if l.Policy != \"\" && l.Policy != d.Revision {", "if false {", "./node", "TestPagingLinksEndWithThePolicy"},
	{"broad questions reveal no query", "ledgerbridge/part.go", "share, erasable == 1 && t.erasable())", "share, erasable == 1)", "./access", "TestBroadQuestionsStandInEveryReport"},
	{"questions are kept once", "ledgerbridge/part.go", "share, erasable == 1 && t.erasable())", "share, t.erasable())", "./ledgerbridge", "TestQuestionsLastAsLongAsAllPatients"},
	{"long questions are cut", "ledgerbridge/sealer.go", "\td.Query = bounded(d.Query)\n", "", "./ledgerbridge", "TestLongQuestionsAreKeptOnce"},
	{"entries do not repeat questions", "ledgerbridge/part.go", "\tw.teller = &pseudonymizer{key: blind, organization: w.cfg.Organization}\n", "", "./ledgerbridge", "TestEntriesDoNotRepeatQuestions"},
	{"erased parts are emptied", "ledgerbridge/erasure.go", "return PartRow{Salt: e.mark(p.Commitment), Commitment: p.Commitment, ErasedBy: e.By}", "p.Sealed, p.ErasedBy = nil, e.By\n\treturn p", "./ledgerbridge", "TestEmptiedPartsTellNothing"},
	{"questions go with any patient", "ledgerbridge/erasure.go", "if own > 0 && parts[i].asks() {", "if false {", "./ledgerbridge", "TestEmptiedPartsTellNothing"},
	{"emptied parts bear a mark", "ledgerbridge/erasure.go", "if p.emptied() && p.Salt != s.mark(p.ErasedBy, p.Commitment) {", "if false {", "./ledgerbridge", "TestEmptiedPartsTellNothing"},
	{"nobody is not erased", "audit/erase.go", "if err := known(ctx, s, keys, pseudonym); err != nil {", "if err := error(nil); err != nil {", "./audit", "TestEraseOfNobody"},
	{"guesses about those named by id are told", "access/follow.go", "return r.concernKey(ctx, typ, c.Key)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"guesses about identifiers are told", "access/follow.go", "if len(all) > 1 && identifies(all[i]) {", "if false {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"guesses about few are told", "access/follow.go", "if err := r.concernMost(ctx, q.Type, all, i); err != nil {", "if err := ctx.Err(); err != nil && i < 0 {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"look-ups of names are bounded", "access/follow.go", "if r.looked++; r.looked > mostNamed {", "if false {", "./access", "TestNamesThatAreLookedUpAreBounded"},
	{"conditions that are followed are bounded", "access/follow.go", "return r.followed > mostFollowed || r.leads.Left <= 0", "return r.leads.Left <= 0", "./access", "TestChainsBeyondTheLimitAreBroad"},
	{"refused conditions are told", "access/conditional.go", "\t\tt.criteria(s.Ref.Type, q)\n", "\t\t_ = q\n", "./access", "TestRefusedConditionsConcernThoseTheySingleOut"},
	{"old records do not name the erased", "access/audit.go", "if e.Schema == 1 && rec.row.Erased() {", "if false {", "./access", "TestOldRecordsDoNotNameTheErased"},
	{"old proofs do not name the erased", "access/proof.go", "rec.entry.Schema == 1 && rec.row.Erased() && namesQuestion(o)", "false", "./access", "TestOldRecordsDoNotNameTheErased"},
	{"patients stand in their own parts", "ledgerbridge/part.go", "Items: ownItems(t, d.Patients)", "Items: t.Items", "./ledgerbridge", "TestPatientsStandInTheirOwnParts"},
	{"records bound the page", "store/weight.go", "recordedPatient*int64(max(0, patients-1))", "0", "./access", "TestPagesEndBeforeTheirRecordsAreLarge"},
	{"look-ups leave time for the record", "access/follow.go", "context.WithTimeout(ctx, r.gate.patience/3)", "context.WithTimeout(ctx, r.gate.patience)", "./access", "TestHangingLookUpsAreRecorded"},
	{"own requests tell nothing of the hidden", "access/audit.go", "if rep.own(&rec) {", "if false {", "./access", "TestOwnRequestsTellNothingOfTheHidden"},
	{"broad questions stand apart", "access/auditreport.go", "return !hers && row.Has(", "return row.Has(", "./access", "TestBroadQuestionsStandInEveryReport"},
	{"answers that fail late disclose nothing", "access/record.go", "\t\tr.discloseNothing()\n\t\tr.concernBlindly()", "\t\tr.concernBlindly()", "./access", "TestFailuresAreRecordedAndShowNothing"},
	{"failed look-ups are told", "access/record.go", "\t\tr.concernBlindly()\n", "", "./access", "TestFailuresAreRecordedAndShowNothing"},
	{"searches that failed are followed", "access/follow.go", "case !answered:", "case !answered && false:", "./access", "TestCallersWhoHangUpInTroubleAreRecorded"},
	{"failed requests concern their target", "access/follow.go", "if err == nil && failed != nil {", "if err == nil && false {", "./access", "TestRefusedRequestsNameThePatient"},
	{"reports hide others", "access/auditreport.go", "return i == 0 || parts[i].Patient == pseudonym", "return pseudonym != \"\"", "./access", "TestReportIsNoOracle"},
	{"later labels protect the past", "store/search/past.go", "protected.Patients, protected.Labels = store.Union(facts.Patients, l.patients), store.Union(facts.Labels, l.labels)", "", "./store/sqlite", "TestStore"},
	{"visibility binds every alias", "store/search/search.go", "return visible(store.Row{Ref: r.Ref,", "return true, nil\n\treturn visible(store.Row{Ref: r.Ref,", "./store/sqlite", "TestStore"},
	{"hidden targets end chains and includes", "store/search/search.go", "} else if !ok {\n\t\t\tr = nil", "} else if !ok && false {\n\t\t\tr = nil", "./node", "TestHiddenDataChangeNoAnswer"},
	{"hidden resources satisfy no _has", "store/search/search.go", "\treturn visible, err\n", "\treturn visible || !p.selects, err\n", "./node", "TestHiddenDataChangeNoAnswer"},
	{"hidden matches are not counted", "store/search/search.go", "page.Total = out.total", "page.Total = out.total + int64(len(page.Selected.Hidden))", "./node", "TestHiddenDataChangeNoAnswer"},
	{"hidden versions are not counted", "store/search/history.go", "if ok, err := sees(x.h.Visible, r, x.Epoch); err != nil || !ok {\n", "if ok, err := sees(x.h.Visible, r, x.Epoch); err != nil || !ok {\n\t\tx.total++\n", "./node", "TestHiddenDataChangeNoAnswer"},
	{"hidden resources meet no condition", "access/conditional.go", "return t.visible(ctx, q.interaction, q.action)", "return func(store.Row) (bool, error) { return true, nil }", "./node", "TestHiddenDataChangeNoAnswer"},
	{"hidden reads like absent", "access/read.go", "return nil, r.refuseRow(notFound())", "return nil, r.refuseRow(forbidden(rowRefused))", "./node", "TestHiddenDataChangeNoAnswer"},
	{"hidden histories are absent", "access/history.go", "return r.refuseRow(notFound())", "return r.refuseRow(forbidden(rowRefused))", "./node", "TestHiddenDataChangeNoAnswer"},
	{"writing the hidden is like writing the absent", "access/apply.go", "return t.refuseRow(t.absent(ctx, s))", "return t.refuseRow(forbidden(rowRefused))", "./node", "TestHiddenDataChangeNoAnswer"},

	// Every call of a guard, see TestEveryGuardHasAMutant.
	{"the patients of what is changed are concerned", "access/apply.go", "if err := t.concernVersion(ctx, &v); err != nil {", "if err := ctx.Err(); err != nil {", "./access", "TestEveryAnswerIsRecorded"},
	{"what is changed is decided", "access/apply.go", "may, err := t.row(ctx, s.question, rowOf(&v))", "may, err := true, error(nil)", "./access", "TestWhoChangesMustSee"},
	{"hidden resources that are changed are recorded as refused", "access/apply.go", "return t.refuseRow(notFound())", "return notFound()", "./access", "TestHiddenIsWrittenLikeAbsent"},
	{"criteria of a GET in a transaction are recorded", "access/applyread.go", "\tt.criteria(s.Ref.Type, query)\n", "", "./access", "TestEveryAnswerIsRecorded"},
	{"links in a transaction are bound to the policy", "access/applyread.go", "\td := t.decide(ctx, s.question)\n", "\td := t.decisions[question{}]\n", "./access", "TestLinksOfTransactionsEndWithThePolicy"},
	{"what is written is recorded", "access/applyrecord.go", "\t\t\tt.disclose(&v, v.Method)\n", "", "./access", "TestOvertakenRequests"},
	{"what a transaction reads is recorded", "access/applyrecord.go", "\t\t\tt.disclose(s.effect.Version, \"GET\")\n", "", "./access", "TestEveryAnswerIsRecorded"},
	{"what a transaction finds is recorded", "access/applyrecord.go", "\t\t\tt.discloseResult(s.effect.Result)\n", "", "./access", "TestEveryAnswerIsRecorded"},
	{"the patients of what is written are concerned", "access/applywrite.go", "\tt.concern(s.facts.Whose())\n", "", "./access", "TestRefusedWritesConcernThePatient"},
	{"what is written is decided", "access/applywrite.go", "may, err := t.row(ctx, s.question, row)", "may, err := true, error(nil)", "./access", "TestWhoChangesMustSee"},
	{"refused writes are recorded as refused", "access/applywrite.go", "return t.refuseRow(forbidden(rowRefused))\n\t}\n\tseen, err", "return forbidden(rowRefused)\n\t}\n\tseen, err", "./access", "TestRefusedWritesConcernThePatient"},
	{"AuditEvents are for those who may read them", "access/audit.go", "if _, err := r.ask(ctx, q); err != nil {", "if _, err := r.ask(ctx, q); err != nil && false {", "./access", "TestOperationsAreForThoseWhoMay"},
	{"a report concerns its patient", "access/auditsearch.go", "\t\t\tr.mention([]string{patient})\n", "", "./access", "TestOperationsConcernThePatient"},
	{"a report refused is recorded as refused", "access/auditsearch.go", "return nil, r.refuseRow(notFound())", "return nil, notFound()", "./access", "TestOperationsConcernThePatient"},
	{"patients named in criteria are concerned", "access/concern.go", "\tr.mention(q.Patients)\n", "", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"a target refused concerns its patients", "access/follow.go", "if err := r.concernStored(ctx, target); err != nil {", "if err := r.concernStored(ctx, fhir.Ref{Type: target.Type}); err != nil {", "./access", "TestRefusedRequestsNameThePatient"},
	{"criteria are followed", "access/follow.go", "if err := r.concernLed(ctx, q.Type, q.Where); err != nil {", "if err := error(nil); err != nil {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"refused criteria concern those they match", "access/follow.go", "return r.concernFew(ctx, q.Type, q.Where)", "return nil", "./access", "TestRefusedSearchesConcernThoseTheySingleOut"},
	{"those named who exist are concerned", "access/follow.go", "if err := r.concernStored(ctx, ref); err != nil {", "if err := r.concernStored(ctx, fhir.Ref{Type: ref.Type}); err != nil {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"a target stored concerns its patients", "access/follow.go", "\treturn r.concernVersion(ctx, &v)\n", "\t_ = v\n\treturn nil\n", "./access", "TestRefusedRequestsNameThePatient"},
	{"criteria joined are followed", "access/follow.go", "return r.concernLed(ctx, typ, all[i])", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"alternatives are followed", "access/follow.go", "if err := r.concernLed(ctx, typ, member); err != nil {", "if err := r.concernLed(ctx, typ, nil); err != nil && member != nil {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"those excluded are concerned", "access/follow.go", "if err := r.concernFew(ctx, typ, excluded); err != nil {", "if err := error(nil); err != nil {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"exclusions are followed on", "access/follow.go", "return r.concernLed(ctx, typ, not.C)", "return nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"those of resources named by id are concerned", "access/follow.go", "return r.concernStored(ctx, ref)", "_ = ref\n\treturn nil", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"chains concern those they lead through", "access/follow.go", "if err := r.concernFew(ctx, typ, where); err != nil {", "if err := error(nil); err != nil {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"chains in chains are followed", "access/follow.go", "if err := r.concernLed(ctx, typ, where); err != nil {", "if err := error(nil); err != nil {", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"those whom a condition leads to are concerned", "access/follow.go", "\t\tr.concerned.singled = append(r.concerned.singled, few...)\n", "\t\t_ = few\n", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"operations of a change are decided", "access/conditional.go", "\t_, refused := t.ask(ctx, s.question)", "\tt.ask(ctx, s.question)\n\tvar refused error", "./access", "TestRefusedRequestsNameThePatient"},
	{"guards of a change are judged as of its snapshot", "access/conditional.go", "asOf(t.finds(ctx, s.Ref.Type, s.Criteria), page.Epoch)", "t.finds(ctx, s.Ref.Type, s.Criteria)", "./access", "TestGuardsSeeWhatTheirWriterSaw"},
	{"guards see what the caller sees", "access/conditional.go", "\t\treturn visible(row)\n", "\t\t_ = visible\n\t\treturn true, nil\n", "./access", "TestGuardsSeeWhatTheirWriterSaw"},
	{"conditions are for those who may search", "access/conditional.go", `if d := t.decide(ctx, question{"search-type", "s", typ}); !d.Allow {`, `if d := t.decide(ctx, question{"search-type", "s", typ}); false {`, "./access", "TestConditionsAreForThoseWhoMaySearch"},
	{"conditions see what the caller sees", "access/conditional.go", "Visible: t.finds(ctx, typ, criteria), Want", "Visible: func(store.Row) (bool, error) { return true, nil }, Want", "./access", "TestEveryAnswerIsRecorded"},
	{"those whom a condition matches are concerned", "access/conditional.go", "\tt.told(q, page)\n", "", "./access", "TestFailingTransactionsConcernThoseOfTheirConditions"},
	{"conditions are followed", "access/conditional.go", "\tt.asks(q)\n", "", "./access", "TestFailingTransactionsConcernThoseOfTheirConditions"},
	{"no answer leaves before its record", "access/gate.go", "recordErr := r.record(ctx, err)", "recordErr := error(nil)", "./access", "TestEveryAnswerIsRecorded"},
	{"records are sealed", "access/gate.go", "pending, err := r.gate.Sealer.Prepare(ctx, r.entry)", "r.entry.Patients = nil\n\tpending, err := r.gate.Sealer.Prepare(ctx, r.entry)", "./access", "TestEveryAnswerIsRecorded"},
	{"operations are decided", "access/gate.go", "\t\t_, err := r.ask(ctx, question{operation, \"r\", \"\"})\n", "\t\t_, _ = r.ask(ctx, question{operation, \"r\", \"\"})\n\t\tvar err error\n", "./access", "TestOperationsAreForThoseWhoMay"},
	{"histories are counted only if asked", "access/history.go", "return h.Total || h.ID != \"\"", "return true", "./access", "TestHistoriesAreCountedIfAsked"},
	{"histories are decided", "access/history.go", "\td, err := r.ask(ctx, q)\n\tif err != nil {", "\td, err := r.ask(ctx, q)\n\tif err != nil && false {", "./access", "TestRefusedRequestsNameThePatient"},
	{"what a history shows is recorded", "access/history.go", "\tr.discloseResult(res)\n", "", "./access", "TestEveryAnswerIsRecorded"},
	{"histories show what the caller sees", "access/history.go", "Visible: r.visible(ctx, rows, q.action),", "Visible: func(store.Row) (bool, error) { return true, nil },", "./access", "TestEveryAnswerIsRecorded"},
	{"histories are judged once more", "access/history.go", `if err := r.check(ctx, question{rows, q.action, ""}, page.Matches); err != nil {`, "if err := error(nil); err != nil {", "./access", "TestStoresThatAskNobodyAreNoticed"},
	{"a hidden history is recorded as refused", "access/history.go", "return r.refuseRow(notFound())", "return notFound()", "./access", "TestEveryAnswerIsRecorded"},
	{"the ledger's standing is for those who may see it", "access/ledger.go", `if _, err := r.ask(ctx, question{"ledger", "r", ""}); err != nil {`, `if _, err := r.ask(ctx, question{"ledger", "r", ""}); false {`, "./access", "TestOperationsAreForThoseWhoMay"},
	{"reads are decided", "access/read.go", "if _, err := r.ask(ctx, q); err != nil {", "if _, err := r.ask(ctx, q); err != nil && false {", "./access", "TestCallersWhoCannotBeIdentified"},
	{"what is read is recorded", "access/read.go", "\tr.disclose(v, \"GET\")\n", "", "./access", "TestEveryAnswerIsRecorded"},
	{"reads concern the patients, also of what is hidden", "access/read.go", "if err := r.concernVersion(ctx, &v); err != nil {", "if err := ctx.Err(); err != nil {", "./access", "TestRecordsNameWhomResourcesLeadTo"},
	{"versions concern those whose they are", "access/trace.go", "\tr.concern(v.Facts.Whose())\n", "", "./access", "TestEveryAnswerIsRecorded"},
	{"what is read is decided", "access/read.go", "may, err := r.row(ctx, q, rowOf(&v))", "may, err := true, error(nil)", "./access", "TestActorsAreResolved"},
	{"reads are kept", "access/record.go", "return r.gate.Store.Record(ctx, pending, r.judged())", "return ledgerbridge.Receipt{}, nil", "./access", "TestRecordsRestOnTheCaller"},
	{"changes are kept with what judged them", "access/record.go", "r.change.Entry, r.change.Judged = pending, r.judged()", "r.change.Entry = pending", "./access", "TestChangesRestOnThePatientsJudged"},
	{"questions are decided", "access/review.go", "\td := r.decide(ctx, q)\n\tr.begin(q, d)", "\td := policy.Decision{Allow: true}\n\tr.begin(q, d)", "./access", "TestAuditSearchRefuses"},
	{"rows are decided by the policy of their type", "access/review.go", "\td := r.decide(ctx, q)\n\tif d.Reason == tooSlow", "\td := policy.Decision{Allow: true}\n\tif d.Reason == tooSlow", "./access", "TestConsentsNameTheirPatient"},
	{"Consents are evaluated", "access/review.go", "v, decided, _ := consent.Evaluate(rules, s, row.Facts)", "v, decided, _ := consent.Evaluate(rules[:0], s, row.Facts)", "./access", "TestEveryAnswerIsRecorded"},
	{"what a search sees is decided", "access/review.go", "\t\treturn r.row(ctx, question{interaction, action, row.Ref.Type}, row)\n", "\t\treturn true, nil\n", "./access", "TestActorsAreResolved"},
	{"what is shown is decided once more", "access/review.go", "may, err := r.row(ctx, question{q.interaction, q.action, v.Ref.Type}, rowOf(v))", "may, err := true, error(nil)", "./access", "TestForgetfulStoreIsNoticed"},
	{"what a search shows is recorded", "access/search.go", "\t\t\t\tr.discloseResult(res)\n", "", "./access", "TestBroadQuestions"},
	{"searches are decided", "access/search.go", "\td, err := r.ask(ctx, q)\n\tif err = cmp.Or(err, malformed); err != nil {", "\td, err := r.ask(ctx, q)\n\tif err = cmp.Or(malformed); err != nil {", "./access", "TestEveryAnswerIsRecorded"},
	{"criteria concern those they single out", "access/search.go", "\t\tr.asks(query)\n", "", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"searches show what the caller sees", "access/search.go", "Visible: r.visible(ctx, q.interaction, q.action), After", "Visible: func(store.Row) (bool, error) { return true, nil }, After", "./access", "TestActorsAreResolved"},
	{"those selected are concerned", "access/search.go", "\tr.told(query, page)\n", "", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"searches are judged once more", "access/search.go", "if err := r.check(ctx, q, page.Matches, page.Included); err != nil {", "if err := error(nil); err != nil {", "./access", "TestStoresThatAskNobodyAreNoticed"},
	{"every version of a page is recorded", "access/search.go", "\t\t\tr.disclose(&versions[i], \"GET\")\n", "\t\t\t_ = versions[i]\n", "./access", "TestEveryAnswerIsRecorded"},
	{"comparing a version is decided", "access/verifyversion.go", "if _, err := r.ask(ctx, q); err != nil {", "if _, err := r.ask(ctx, q); false {", "./access", "TestOperationsAreForThoseWhoMay"},
	{"comparing a version is recorded", "access/verifyversion.go", "\tr.disclose(v, \"GET\")\n", "", "./access", "TestOperationsConcernThePatient"},
	{"histories protect the past", "store/search/history.go", "replaced, err := x.protectPast(r)", "replaced, err := int64(1<<62), error(nil)", "./store/search", "TestLaterLabelsProtectThePast"},
	{"versions protect the past", "store/search/past.go", "if _, err := p.protectPast(row); err != nil {", "if err := error(nil); err != nil {", "./store/sqlite", "TestStore"},
	{"who may read may learn that a delete is refused", "access/apply.go", `seen, err := t.row(ctx, question{"read", "r", s.Ref.Type}, rowOf(&s.before))`, "seen, err := false, error(nil)", "./access", "TestWhatConsentsSayOfRecording"},
	{"deletes of the hidden are recorded as refused", "access/apply.go", "return t.refuseRow(t.absent(ctx, s))", "return t.absent(ctx, s)", "./access", "TestHiddenIsWrittenLikeAbsent"},
	{"ids are chosen by those who see all", "access/apply.go", "\td := t.decide(ctx, q)\n\tc := d", "\td := policy.Decision{}\n\tc := d", "./access", "TestWhoChoosesIDs"},
	{"what a change writes is shown to those who may see it", "access/applyread.go", "may, err := t.row(ctx, s.question, rowOf(&v))", "may, err := true, error(nil)", "./access", "TestWhatConsentsSayOfRecording"},
	{"what was found is shown to those who may see it", "access/conditional.go", "\tseen, err := t.sees(ctx, s.question, rowOf(v))\n", "\tseen, err := true, error(nil)\n", "./access", "TestLaboratoriesRecordForWhomTheyDoNotSee"},
	{"conditions of others see what they see", "access/conditional.go", "return t.visible(ctx, q.interaction, q.action)", "return func(store.Row) (bool, error) { return true, nil }", "./access", "TestOnlyOwnSystemsFindTheHidden"},
	{"the policy binds what own systems find", "access/conditional.go", "d := t.decide(ctx, q)\n\t\tif !d.Allow || !within(d.Constraints, q, row) {", "d := t.decide(ctx, q)\n\t\tif false {", "./access", "TestLaboratoriesRecordForWhomTheyDoNotSee"},
	{"own systems find by identifier what may be corrected", "access/conditional.go", `return t.agreed(ctx, d, []string{"correct"}, row)`, "return true, nil", "./access", "TestLaboratoriesRecordForWhomTheyDoNotSee"},
	{"what ends otherwise is recorded", "access/gate.go", "\t\t\trecordErr = r.record(ctx, err)\n", "\t\t\trecordErr = nil\n", "./access", "TestOvertakenRequests"},
	{"changes are kept", "access/record.go", "\treturn r.gate.Store.Commit(ctx, r.change)\n", "\treturn ledgerbridge.Receipt{}, nil\n", "./access", "TestOvertakenRequests"},
	{"who writes sees no more than Consents let", "access/review.go", `return r.agreed(ctx, r.decide(ctx, q), []string{"access"}, row)`, "return true, nil", "./access", "TestWhatConsentsSayOfRecording"},
	{"consents of all patients of a row are asked", "access/review.go", "return r.agreed(ctx, d, r.actions(q), row)", "return true, nil", "./access", "TestEveryAnswerIsRecorded"},
	{"writers do not see the hidden that they write", "access/applywrite.go", "\tseen, err := t.sees(ctx, s.question, row)\n", "\tseen, err := true, error(nil)\n", "./access", "TestWhatConsentsSayOfRecording"},
	{"references to the hidden tell nothing", "access/applywrite.go", "return t.sees(ctx, s.question, rowOf(&v))", "return true, nil", "./access", "TestReferencesToTheHidden"},
	{"what the store has told is recorded", "access/concern.go", "\tr.concernSelected(page.Selected)\n", "", "./access", "TestQuestionsConcernThoseTheySingleOut"},
	{"in trouble, those named are concerned", "access/concern.go", "\tr.concern(r.mentioned)\n", "", "./access", "TestFailuresAreRecordedAndShowNothing"},
	{"in trouble, the target is concerned", "access/concern.go", "\t\tr.concern([]string{target.String()})\n", "", "./access", "TestFailuresAreRecordedAndShowNothing"},

	// Whose data a resource is, by what it leads to.
	{"what leads to hidden data is hidden", "access/trace.go", "f.Inherited, f.Identified, f.Traced = found.Patients, found.Identified, true", "f.Traced = true", "./access", "TestWhatLeadsToHiddenDataIsHidden"},
	{"what is apart is in one compartment", "fhir/apart.go", "len(f.Patients) > 1, ", "", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"what is apart was never loose", "fhir/apart.go", "f.Loose, ", "", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"what is apart names nobody by identifier", "fhir/apart.go", "len(f.Logical) > 0, ", "", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"what is apart has no attachments", "fhir/apart.go", "len(f.Contents) > 0, ", "", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"containers are not apart", "fhir/apart.go", " Container(f.Type):", " false:", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"what shows a part is not apart", "fhir/apart.go", "return Shows(f.Type, in.Type) }", "return false }", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"later versions count for what is apart", "fhir/apart.go", " && !slices.ContainsFunc(f.Later, leads)", "", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"what refers to a Binary is not apart", "fhir/apart.go", `return typ == "Binary"`, "return false", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"what is nobody's and leads on is not apart", "fhir/apart.go", "return !WhoAndWhere(typ)", "return false", "./consent", "TestWhatIsApartLeadsNowhere"},
	{"Binaries belong to what names them", "consent/reach.go", "\t\tw.back(f)\n", "", "./access", "TestBinariesBelongToWhatNamesThem"},
	{"a securityContext says whose a Binary is", "consent/reach.go", " && !w.belongs(f) {", " {", "./access", "TestBinariesBelongToWhatNamesThem"},
	{"attachments are content", "consent/reach.go", "for _, ref := range f.Contents {", "for _, ref := range f.Contents[:0] {", "./access", "TestConsentsReachWhatContainersHold"},
	{"identifiers name patients", "consent/reach.go", "w.identify(w.directory.Identified(identifier))", "_ = identifier", "./access", "TestIdentifiersNamePatients"},
	{"an identifier of many may mean anybody", "consent/reach.go", "w.More = w.More || len(patients) > MostIdentified", "", "./access", "TestLookupsAreBounded"},
	{"patients of what a resource leads to are bounded", "consent/reach.go", "w.More = w.More || len(w.Patients) > MostPatients", "", "./access", "TestResourcesOfTooManyPatientsAreRefused"},
	{"what a request inherits is bounded", "access/applywrite.go", "if t.inheriting += len(s.facts.Inherited); t.inheriting > mostInherited {", "if false {", "./access", "TestInheritedPatientsAreBounded"},
	{"lookups are bounded", "access/directory.go", "len(d.identified) >= d.most {", "len(d.identified) < 0 {", "./access", "TestLookupsAreBounded"},
	{"what leads too far is hidden", "access/review.go", "if reached != nil && reached.More {", "if false {", "./access", "TestWhatLeadsTooFar"},
	{"what leads too far is refused", "access/applywrite.go", "if err == nil && reached != nil && reached.More {", "if err == nil && reached != nil && false {", "./access", "TestWhatLeadsTooFar"},
	{"a change is followed as it will be", "access/apply.go", "t.directory.planned[s.Ref] = s", "_ = s", "./access", "TestTransactionsAreFollowed"},
	{"writers do not probe", "consent/reach.go", "case slices.Contains(from.Blind, ref):", "case false:", "./access", "TestWritersDoNotProbe"},
	{"later references protect the past", "store/search/past.go", "protected.Later, protected.Loose = l.leads, l.loose || len(facts.Patients) == 0", "", "./access", "TestLaterReferencesProtectThePast"},
	{"records rest on what was seen", "access/record.go", ", Seen: r.directory.seen()", "", "./access", "TestRecordsNameWhomResourcesLeadTo"},
	{"what was seen is looked at again", "store/mongo/epoch.go", "group, err := u.stillSeen(ctx, group)", "err := ctx.Err()", "./store/mongo", "TestShared"},
	{"names of Binaries are kept", "store/sqlite/commit.go", "u.indexNames(at.stamp, store.Names(&w.Facts))", "error(nil)", "./store/sqlite", "TestStore"},
	{"names of Binaries are kept in a database", "store/mongo/commit.go", "\tu.putNames(pastID(w.id, w.Expect+1), &w.Facts)\n", "", "./store/mongo", "TestStore"},
	{"missing names are found", "store/sqlite/named.go", "k.named[consentRow{binary, v.Stamp}] = true", "_ = binary", "./store/sqlite", "TestCheckFindsNames"},
	{"missing names are found in a database", "store/mongo/checkversions.go", "unnamed, err = k.missingNames(ctx, group)", "err = ctx.Err()", "./store/mongo", "TestCheckFindsNames"},
	{"former base URLs stay the server's own", "store/bases.go", "append([]string{current}, known...)", "append([]string{current}, known[:0]...)", "./node", "TestFormerBasesStayOwn"},

	// How Consents are read, and who calls; named after the test.
	{"TestClinicalTrialIsResearch", "agent/purposes.go", "\"CLINTRL\": \"HRESCH\"", "\"CLINTRL\": \"TREAT\"", "./agent", "TestClinicalTrialIsResearch"},
	{"TestRecordingIsNotReading", "consent/evaluate.go", "if s.System && !s.reads() {", "if false {", "./consent", "TestRecordingIsNotReading"},
	{"TestCustodianOfTheRoot", "consent/evaluate.go", "binds := min(r.scope.binds(s.purposes), r.about(s))", "binds := r.scope.binds(s.purposes)", "./consent", "TestCustodianOfTheRoot"},
	{"TestPolicyRuleThatIsNotUnderstood", "consent/evaluate.go", "refused := r.state == unreadable || r.puzzling && s.outside()", "refused := r.state == unreadable", "./consent", "TestPolicyRuleThatIsNotUnderstood"},
	{"TestBreakGlass", "consent/evaluate.go", "case c.s.BreakGlass && c.s.reads() && !p.emergency:", "case false:", "./consent", "TestBreakGlass"},
	{"TestWhatAPermitDoesNotReach", "consent/evaluate.go", "case meant && p.exclusive:", "case false:", "./consent", "TestWhatAPermitDoesNotReach"},
	{"TestPolicyRuleOfARootWithoutType", "consent/evaluate.go", "if p.total && !c.s.BreakGlass && (", "if false && (", "./consent", "TestPolicyRuleOfARootWithoutType"},
	{"TestWhatAPermitDoesNotReach", "consent/evaluate.go", "(who == yes || p.regardless))", "who == yes)", "./consent", "TestWhatAPermitDoesNotReach"},
	{"TestReadingIsAccessUseOrDisclosure", "consent/subject.go", "return s.Guest && s.reads()", "return false", "./consent", "TestReadingIsAccessUseOrDisclosure"},
	{"TestReadingIsAccessUseOrDisclosure", "consent/subject.go", "return s.researches && s.reads()", "return false", "./consent", "TestReadingIsAccessUseOrDisclosure"},
	{"TestRecordingIsNotReading", "consent/subject.go", "case action == s.Action, action == \"access\" && s.reads():", "case action == s.Action, action == \"access\":", "./consent", "TestRecordingIsNotReading"},
	{"TestRecordingIsNotReading", "consent/provision.go", "return certain(s.reads())", "return yes", "./consent", "TestRecordingIsNotReading"},
	{"TestActorsAreResolved", "consent/provision.go", "return slices.ContainsFunc(c.doubts, func(ref string) bool { return !s.somebodyElse(ref) })", "return false", "./access", "TestActorsAreResolved"},
	{"TestContainers", "consent/provision.go", "if t = agree(t, p.part(c, &r.parts[i])); t == maybe {", "if _ = i; t == maybe {", "./consent", "TestContainers"},
	{"TestContainers", "consent/reach.go", "w.parts = append(w.parts, part{in.Type, in, readLabels(in.Labels)})", "_ = in", "./consent", "TestContainers"},
	{"TestPolicyRuleOfARootWithoutType", "consent/compile.go", "p.kind = riddle", "p.kind = speechless", "./consent", "TestPolicyRuleOfARootWithoutType"},
	{"TestNestedPermitAdds", "consent/compile.go", "if p.kind == permits && c.kind == permits {", "if false {", "./consent", "TestNestedPermitAdds"},
	{"TestLimits", "consent/view.go", "case criteria > maxCriteria:", "case false:", "./consent", "TestLimits"},
	{"TestLimits", "consent/view.go", "case count > maxProvisions:", "case false:", "./consent", "TestLimits"},
	{"TestActorsAreResolved", "consent/caller.go", "if at != \"\" && at != i.at {", "if false {", "./access", "TestActorsAreResolved"},
	{"TestMembershipsEndInTime", "consent/caller.go", "i.until = min(i.until, bound)", "_ = bound", "./access", "TestMembershipsEndInTime"},
	{"TestActorsAreResolved", "consent/person.go", "if i.local(m.Member) == \"\" {", "if i.local(m.Member) == \"\" && false {", "./access", "TestActorsAreResolved"},
	{"TestMembershipsBindTheNextRequest", "access/callers.go", "if at < epoch || slices.ContainsFunc(", "if false && slices.ContainsFunc(", "./access", "TestMembershipsBindTheNextRequest"},
	{"TestMembershipsEndInTime", "access/callers.go", "!k.Until.IsZero() && !r.now.Before(k.Until)", "false", "./access", "TestMembershipsEndInTime"},
	{"TestMembershipsBindTheNextRequest", "access/review.go", "if err := r.stillIs(ctx, row.Epoch); err != nil {", "if err := error(nil); err != nil {", "./access", "TestMembershipsBindTheNextRequest"},
	{"TestWhoChangesMustSee", "access/review.go", "return []string{\"correct\", \"access\"}", "return []string{\"correct\"}", "./access", "TestWhoChangesMustSee"},
	{"TestRecordsRestOnTheCaller", "access/record.go", "for _, key := range r.caller.rests() {", "for _, key := range []string(nil) {", "./access", "TestRecordsRestOnTheCaller"},
	{"TestConsentsOfOnePatientAreLimited", "access/applyconsent.go", "case consents > mostConsents:", "case false:", "./access", "TestConsentsOfOnePatientAreLimited"},
	{"TestCriteriaOfOnePatientAreLimited", "access/applyconsent.go", "case criteria > mostCriteria:", "case false:", "./access", "TestCriteriaOfOnePatientAreLimited"},
	{"TestConsentsNameTheirPatient", "access/applywrite.go", "if err := s.aboutSomebody(); err != nil {", "if err := error(nil); err != nil {", "./access", "TestConsentsNameTheirPatient"},
	{"TestMembershipsBindTheNextRequest", "store/governs.go", "keys := []string{f.Type + \"/\" + f.ID}", "keys := []string{\"\"}", "./access", "TestMembershipsBindTheNextRequest"},
	{"TestMembershipsBindTheNextRequest", "store/sqlite/commit.go", "store.Governs(w.Ref.Type) }) {", "w.Ref.Type == \"Consent\" }) {", "./access", "TestMembershipsBindTheNextRequest"},
	{"TestNamesOfExternalIssuersAreQualified", "auth/names.go", "return i.Name + \"|\" + name", "return name", "./auth", "TestNamesOfExternalIssuersAreQualified"},
	{"TestOnlyPersonsCall", "auth/names.go", "return err == nil && (slices", "return err == nil && (true || slices", "./auth", "TestOnlyPersonsCall"},
	{"TestDirectoryFailures", "access/directory.go", "d.err = fmt.Errorf(\"find what a Consent or a resource refers to: %w\", err)", "_ = fmt.Errorf(\"find what a Consent or a resource refers to: %w\", err)", "./access", "TestDirectoryFailures"},

	// AuditEvents.
	{"failures claim no profile", "fhir/auditevent_kind.go", "|| a.failed() ||", "||", "./fhir", "TestAuditEventsOfRefusalsClaimNothing"},
	{"hidden queries are not made up", "access/audit.go", "a.Asked = a.Query != \"\" || rep.patient == \"\" && a.Erased == 0", "a.Asked = true", "./node", "TestAuditEventsMeetBALP"},
	{"one patient alone has a patient's profile", "fhir/auditevent_kind.go", "if len(a.Patients) == 1 && !a.Broad && a.Erased == 0 {", "if len(a.Patients) > 0 {", "./fhir", "TestAuditEventsMeetTheirProfiles"},

	{"no Subscription is taken", "access/applywrite.go", "if err := s.able(); err != nil {", "if err := error(nil); err != nil {", "./node", "TestMetadataClaimsNoMore"},

	// Policies that are broken.
	{"policies pass their own tests", "policy/suite.go", "return p, report.failure()", "_ = report\n\treturn p, nil", "./policy", "TestFailingTestsAreNotActivated"},
	{"tests of policies are watched", "policy/watch.go", "now = s.state()", "now = s.revision()", "./policy", "TestWatchRunsTests"},
	{"literals of answers are known", "policy/lint.go", "return append(errs, lintFlow(compiler)...)", "return errs", "./policy", "TestCompileRefuses"},
	{"failures to decide are counted", "policy/engine.go", "p.count(err)", "p.count(nil)", "./policy", "TestFailuresAreCounted"},
	{"a proposal that is not in force is told", "node/ready.go", " || n.proposed != nil && n.proposed() != nil {", " {", "./node", "TestPolicyOfAllNodes"},
	{"a folder that is not in force is told", "node/ready.go", "if n.policy.Problem() != nil || ", "if ", "./node", "TestPoliciesWhoseTestsFailAreNotActivated"},

	// What one request may cost.
	{"an extraction stops at the limit", "fhir/search/extract_limit.go", "if x.limit > 0 && x.known.len() >= x.limit {", "if false {", "./fhir/search", "TestTooManyValuesAreRefusedInTheirPlace"},
	{"combinations are counted before they are made", "fhir/search/extract_limit.go", "if x.limit > 0 && x.combined > maxCombined {", "if false {", "./fhir/search", "TestTooManyValuesAreRefusedInTheirPlace"},
	{"copies are kept once", "fhir/search/extract_limit.go", "if len(x.keys)+len(x.dates)+len(x.numbers) < manyKeys {", "if true {", "./fhir/search", "TestTooManyValuesAreRefusedInTheirPlace"},
	{"a part of all combinations is read once", "fhir/search/extract_composite.go", "if shared && old.part == first {", "if false {", "./fhir/search", "TestAttacksCostWhatTheyWeigh"},
	{"the hash of a path goes on", "fhir/search/keys_path.go", "p.hash.Write(p.url[p.hashed:end])", "p.hash.Reset()\n\tp.hash.Write(p.url[:end])", "./fhir/search", "TestAttacksCostWhatTheyWeigh"},
	{"_elements is a short list", "fhir/subset.go", "if len(names) > maxElements ||", "if false ||", "./fhir/search", "TestQueriesAreBounded"},
	{"_elements stands once", "server/view.go", "if len(v.elements) > 0 {", "if false {", "./server", "TestBadInput"},
	{"queries have a size", "fhir/search/query.go", "if size > maxSize {", "if false {", "./fhir/search", "TestQueriesAreBounded"},
	{"paths above are bounded", "fhir/search/query_value.go", "if len(list) > maxValues {", "if false {", "./fhir/search", "TestQueriesAreBounded"},
	{"words are alternatives", "fhir/search/query_value.go", "if c.leaves++; c.leaves > maxLeaves {", "if false {", "./fhir/search", "TestQueriesAreBounded"},
	{"alternatives are bounded", "fhir/search/query_criterion.go", "if c.leaves += len(some); c.leaves > maxLeaves {", "if c.leaves += len(some); false {", "./fhir/search", "TestQueriesAreBounded"},

	{"keys are durable before records", "store/sqlite/log.go", "if err := u.keys.durable(row.Parts); err != nil {", "if err := error(nil); err != nil {", "./store/sqlite", "TestKeysAreDurableBeforeRecords"},
	{"keys are settled before a group", "store/sqlite/group.go", "\t_ = w.keys.settle() //", "\t//", "./store/sqlite", "TestKillAroundKeys"},
	{"keys that wait are bounded", "store/sqlite/freshkeys.go", "if len(k.fresh) >= freshMost {", "if false {", "./store/sqlite", "TestKeysWaitInLimits"},
	{"destroyed keys are overwritten", "store/sqlite/keyfile.go", "_, err := k.file.WriteAt(make([]byte, slotSize), int64(n)*slotSize)", "var err error", "./store/sqlite", "TestDestroyedKeyIsNowhere"},
	{"half written keys are destroyed, too", "store/sqlite/keyfile.go", "if f := k.fresh[owner]; f != nil && f.slot != 0 {", "if false {\n\t\tvar f *freshKey", "./store/sqlite", "TestDestroyedKeyDoesNotComeBack"},
	{"half written keys are recognised", "store/sqlite/keyslot.go", "return binary.BigEndian.Uint32(s[:]) == s.checksum() &&", "return", "./store/sqlite", "TestHalfWrittenKeys"},
	{"damaged keys are found", "store/sqlite/checkkeys.go", "c.found(\"slots\"", "_ = n\n\t\t\t(&checker{findings: &store.Findings{}}).found(\"slots\"", "./store/sqlite", "TestDamagedKeys"},
	{"old key files are overwritten", "store/sqlite/oldkeys.go", "_, err = f.Write(make([]byte, info.Size()))", "_ = info", "./store/sqlite", "TestOldKeysAreMoved"},
	{"old keys are moved before they are destroyed", "store/sqlite/oldkeys.go", "\tif err == nil {\n\t\terr = k.settle()\n\t}\n", "", "./store/sqlite", "TestOldKeysAreMovedAfterInterruptions"},
	{"readers of keys write nothing", "store/sqlite/keyfile.go", "if k.readOnly {\n\t\treturn errReadOnly\n\t}\n\tif k.fault", "if k.fault", "./store/sqlite", "TestReaderFollowsKeys"},
	{"readers follow keys", "store/sqlite/keyfile.go", "if errors.Is(err, fs.ErrNotExist) && k.readOnly {", "if false {", "./store/sqlite", "TestReaderFollowsKeys"},
	{"an upgrade is whole or nothing", "store/sqlite/upgrade.go", `c.exec("ROLLBACK")`, `c.exec("COMMIT")`, "./store/sqlite", "TestUpgradeIsWholeOrNothing"},
	{"an upgrade counts epochs again", "store/sqlite/upgrade.go", "\t\tif err := c.renewEpochs(ctx); err != nil {", "\t\tif err := ctx.Err(); err != nil {", "./store/sqlite", "TestUpgradeIsWholeOrNothing"},
	{"an upgrade looks into Bundles", "store/sqlite/upgrade.go", "\t\tif err := c.renewFacts(ctx); err != nil {", "\t\tif err := ctx.Err(); err != nil {", "./node", "TestFolderWithoutEpochsOfTeams"},
	{"an upgrade makes nothing damaged look whole", "store/sqlite/upgrade.go", "if !known || !v.whole() {", "if !known {", "./store/sqlite", "TestUpgradeLeavesDamage"},
	{"an upgrade of a database looks into Bundles", "store/mongo/upgrade.go", "\tif err := s.renewAllFacts(ctx); err != nil {", "\tif err := ctx.Err(); err != nil {", "./store/mongo", "TestUpgrade"},
	{"bundles cost their entries", "server/batch.go", "return s.charge(c, max(entries, 1), 1)", "return nil", "./server", "TestEntriesAreCharged"},
	{"requests cost an entry", "server/authenticate.go", "return func() {}, s.charge(c, 1, 0)", "return func() {}, nil", "./server", "TestLimit"},
	{"large bundles make debts", "server/rate.go", "b.left -= float64(entries - paid)", "b.left -= 1", "./server", "TestLargeBundlesMakeDebts"},
	{"own systems share", "server/rate.go", "if o.each[client] >= mostAtATime {", "if false {", "./server", "TestOwnSystemsShare"},
	{"guest systems have a rate", "server/authenticate.go", "return a.Role == agent.System && a.Organization == s.Organization", "return a.Role == agent.System", "./server", "TestOwnSystemsShare"},
	{"strangers are limited", "server/authenticate.go", "wait > 0 {", "false && wait > 0 {", "./server", "TestStrangersAreLimitedByNetwork"},
	{"a network is one stranger", "server/refused.go", "Prefix(64)", "Prefix(128)", "./server", "TestStrangersAreLimitedByNetwork"},
	{"refused authentications raise an alarm", "server/refused.go", "return r.count == mostRefused+1", "return false", "./server", "TestManyRefusedAuthenticationsRaiseAnAlarm"},
	{"unverified names are marked", "server/refused.go", "if r.Verified {", "if true {", "./server", "TestRefusedAuthenticationsAreLogged"},
	{"the log has no patients who are refused", "server/refused.go", "if strings.Contains(subject, \"Patient/\") {", "if false {", "./server", "TestRefusedAuthenticationsAreLogged"},
	{"unsigned claims are unverified", "auth/auth.go", "refused(claims, issuer != nil, err)", "refused(claims, true, err)", "./auth", "TestRefusedTokensSayWho"},
	{"pages end with their bytes", "store/search/collector.go", "return size >= c.bytes", "return false", "./store/sqlite", "TestStore"},
	{"included documents count", "store/search/include.go", "|| in.bytes > 0 && in.size >= in.bytes {", "{", "./store/sqlite", "TestStore"},
	{"histories end with their bytes", "store/search/history.go", "x.h.Bytes > 0 && x.size >= x.h.Bytes", "false", "./store/sqlite", "TestStore"},
	{"batches end with their room", "server/batch.go", "case call.Room <= 0:", "case false:", "./node", "TestAnswersAreBounded"},
	{"transactions end with their room", "access/applyread.go", "if t.call.room(t.held) > 0 {", "if true {", "./access", "TestTransactionsEndWhenTheAnswerIsFull"},
	{"searches have room", "access/search.go", "Bytes: r.call.room(r.held), ", "", "./access", "TestPagesEndWhenTheAnswerIsFull"},
	{"histories have room", "access/history.go", "Bytes: r.call.room(r.held), ", "", "./access", "TestPagesEndWhenTheAnswerIsFull"},
	{"reports have room", "access/auditwalk.go", " && w.call.room(bytes) > 0;", ";", "./access", "TestPagesEndWhenTheAnswerIsFull"},
	{"what would be created counts", "access/conditional.go", "return t.hold(v.Weight())", "return nil", "./access", "TestTransactionsEndWhenTheAnswerIsFull"},
	{"readiness tries to write", "node/ready.go", "if writes != nil || n.gate.Unrecorded() {", "if n.gate.Unrecorded() {", "./node", "TestReadinessKnowsOfTheDisk"},
	{"readiness knows of failed records", "node/ready.go", "if writes != nil || n.gate.Unrecorded() {", "if writes != nil {", "./node", "TestReadinessKnowsOfFailedRecords"},
	{"readiness asks the policies", "node/ready.go", "if decides != nil {", "if false {", "./node", "TestReadinessKnowsOfThePolicies"},
	{"both files are tried", "store/sqlite/sqlite.go", "s.logWrite.do(ctx, false, func(u *logUnit) error { return probe(u.conn) }),", "", "./node", "TestReadinessKnowsOfTheDisk"},
	{"a client has a share of memory", "server/held.go", "case m.each[client]+bytes > shareHeld:", "case false:", "./server", "TestLargeDocumentsAreBounded"},
	{"all have so much memory", "server/held.go", "case m.all+bytes > mostHeld:", "case false:", "./server", "TestLargeDocumentsAreBounded"},
	{"bodies are held", "server/held.go", "refused := b.hold.count(b.hold.body + b.hold.documents)", "refused := error(nil)", "./server", "TestLargeBodiesAreBounded"},
	{"a read is held", "access/read.go", "return &v, r.hold(v.Weight())", "return &v, nil", "./access", "TestDocumentsAreHeld"},
	{"a page of a search is held", "access/search.go", "if err := r.hold(sizeOf(page.Matches) + sizeOf(page.Included)); err != nil {", "if err := error(nil); err != nil {", "./access", "TestDocumentsAreHeld"},
	{"a page of a history is held", "access/history.go", "if err := r.hold(sizeOf(page.Matches)); err != nil {", "if err := error(nil); err != nil {", "./access", "TestDocumentsAreHeld"},
	{"import obeys 429", "cmd/aceso/import_send.go", "if patience {", "if false {", "./cmd/aceso", "TestImportObeysTooManyRequests"},
	{"older nodes end before an upgrade", "store/mongo/upgrade.go", "if !slices.Contains(first, l) {", "if false {", "./store/mongo", "TestUpgradeWaitsForOthers"},
	{"practitioners say nobody's role", "policy/rego/clinician.rego", "\tnot governing\n}\n\nwritable if {\n\town\n", "}\n\nwritable if {\n\town\n", "./policy", "TestWhoChangesWhatGivesAccess"},
	{"consent systems are listed", "policy/rego/governing.rego", "input.agent.client in data.aceso.consent_systems", "input.agent.client != \"\"", "./policy", "TestWhoChangesWhatGivesAccess"},
	{"Consents are changed by systems", "policy/rego/governing.rego", "\tinput.type == \"Consent\"\n\tinput.interaction == \"create\"", "\tinput.type == \"Consent\"", "./policy", "TestWhoChangesWhatGivesAccess"},
	{"outsiders do not say who is who", "policy/rego/clinician.rego", "\tnot input.type in data.aceso.types.people\n", "", "./policy", "TestDecisions"},
	{"administrators need scopes", "policy/rego/administrator.rego", "\tnot operable\n", "\tfalse\n", "./policy", "TestOperationsNeedTheirScope"},
	{"the office needs scopes", "policy/rego/privacy_officer.rego", "\toffice_operation\n\toperable\n", "\toffice_operation\n", "./policy", "TestOperationsNeedTheirScope"},
	{"a patient's report needs a scope", "policy/rego/patient.rego", "\toperable\n", "", "./policy", "TestBasePolicyPassesItsTests"},
	{"the context of a patient opens no office", "policy/rego/scopes.rego", "\tnot input.agent.role in {\"administrator\", \"privacy-officer\"}\n", "", "./policy", "TestOperationsNeedTheirScope"},
	{"what gives access is one list", "store/governs.go", "\"Consent\", \"Group\", \"Organization\"", "\"Consent\", \"Organization\"", "./node", "TestGoverningTypesAreOneList"},
	{"the hidden is not overwritten", "access/apply.go", "case !may:\n\t\treturn t.withheld(ctx, s)", "case !may && false:\n\t\treturn t.withheld(ctx, s)", "./access", "TestHiddenIsWrittenLikeAbsent"},
	{"a refusal of the visible is told", "access/apply.go", "case seen:\n\t\treturn t.refuseRow(forbidden(rowRefused))", "case seen && false:", "./access", "TestWhatConsentsSayOfRecording"},
	{"If-Match does not tell the hidden", "access/apply.go", "case s.Method == \"DELETE\" && s.IfMatch != 0:", "case false:", "./access", "TestHiddenIsWrittenLikeAbsent"},
	{"few choose ids", "access/apply.go", "return t.subject.System && d.Consent", "return true || d.Consent", "./access", "TestWhoChoosesIDs"},
	{"a body's id is not overwritten", "access/apply.go", "case s.fresh && !v.Deleted:", "case false:", "./access", "TestLaboratoriesRecordForWhomTheyDoNotSee"},
	{"writers are shown what they may see", "access/apply.go", "if s.unseen {", "if false {", "./access", "TestWhatConsentsSayOfRecording"},
	{"refusals that are not told are recorded", "access/applyrecord.go", "\tt.recordRefusals()\n", "", "./access", "TestHiddenIsWrittenLikeAbsent"},
	{"what a transaction wrote is judged like the rest", "access/applyread.go", "case !may:\n\t\treturn t.refuseRow(notFound())", "case !may && false:", "./access", "TestLaboratoriesRecordForWhomTheyDoNotSee"},
	{"research of systems is research", "access/review.go", " && agent.PurposeFamily(a.Purpose) != agent.Research", "", "./access", "TestWhatConsentsSayOfRecording"},
	{"creating is collecting", "access/review.go", "return []string{\"collect\"}", "return nil", "./access", "TestWhatConsentsSayOfRecording"},
	{"references do not tell the hidden", "access/applywrite.go", "if !seen {\n\t\t\ts.facts.Blind", "if !seen && false {\n\t\t\ts.facts.Blind", "./access", "TestReferencesToTheHidden"},
	{"references to the hidden are recorded", "access/applywrite.go", "if err := t.concernVersion(ctx, &v); err != nil {", "if err := ctx.Err(); err != nil {", "./access", "TestHiddenIsWrittenLikeAbsent"},
	{"own systems alone find the hidden", "access/conditional.go", "if !t.subject.System || !identify(criteria) {", "if !identify(criteria) {", "./access", "TestOnlyOwnSystemsFindTheHidden"},
	{"the hidden is found by identifier alone", "access/conditional.go", "if !t.subject.System || !identify(criteria) {", "if !t.subject.System {", "./access", "TestLaboratoriesRecordForWhomTheyDoNotSee"},
	{"what is there already is shown to those who may see it", "access/conditional.go", "if !seen {\n\t\tv.Body = nil", "if !seen && false {\n\t\tv.Body = nil", "./access", "TestLaboratoriesRecordForWhomTheyDoNotSee"},
	{"the parts of others are unknown", "consent/provision.go", " || !within(x.facts.Patients, c.facts.Patients) && !within(x.facts.Patients, c.reached().Patients) {", " {", "./consent", "TestPartsOfOthersAreUnknown"},
	{"a report is about one patient", "access/auditsearch.go", "if err := aboutAnother(s.Params, patient); err != nil {", "if err := error(nil); err != nil {", "./access", "TestReportIsAboutOnePatient"},
	{"a proof has no parameters", "server/audit.go", "if err := noParams(c); err != nil {", "if err := error(nil); err != nil {", "./server", "TestBadInput"},
	{"a comparison has no parameters", "server/verify.go", "if err := noParams(c); err != nil {", "if err := error(nil); err != nil {", "./server", "TestBadInput"},

	// What requests may cost, and who waits for whom.
	{"a batch spends from one budget", "access/work.go", "own.work, own.Receipts = c.spend(), nil", "own.work, own.Receipts = nil, nil", "./access", "TestBatchesSpendFromOneBudget"},
	{"nothing is followed after the end of the budget", "access/follow.go", "if all.Left > 0 && !r.turnedAway {", "if true {", "./access", "TestFollowingIsBounded"},
	{"following is bounded for each record", "access/follow.go", "Most: mostRead, Work: r.leads}", "Most: mostRead}", "./access", "TestFollowingIsBounded"},
	{"following is paid by the request", "access/follow.go", "return func() { all.Left -= began - r.leads.Left }", "return func() { _ = began }", "./access", "TestFollowingIsBounded"},
	{"records that are opened count", "access/auditwalk.go", "if err := w.call.spend().Spend(ctx, store.RowSteps); err != nil {", "if err := error(nil); store.RowSteps < 0 {", "./access", "TestBatchesSpendFromOneBudget"},
	{"long searches wait for their turn", "access/work.go", "if most == 0 || most > shortWork {", "if false {", "./access", "TestLongSearchesTakeTurns"},
	{"long searches give turns", "access/work.go", "w.Turn = turn.Yield", "_ = turn.Yield", "./access", "TestLongSearchesGiveTurns"},
	{"conditions are selective together", "access/conditional.go", "guard.Search(t.guards)", "guard.Search(nil)", "./access", "TestConditionsAreSelective"},
	{"each condition is selective", "store/store.go", "Most: guardRows, Work: w}", "Work: w}", "./access", "TestConditionsAreSelective"},
	{"conditions have no order", "access/conditional.go", "q.Sort, q.Include = nil, nil", "_ = q.Sort", "./access", "TestConditionsAreSelective"},
	{"panics are recorded", "access/gate.go", "\tdefer fhir.Caught(&err)\n", "", "./access", "TestPanicsAreRecorded"},
	{"panics of what is followed are recorded", "access/follow.go", "\tdefer fhir.Caught(&err)\n", "", "./access", "TestPanicsAreRecorded"},
	{"callers have equal parts", "access/fair/fair.go", "if best < 0 || t.caller.used < s.queue[best].caller.used {", "if best < 0 {", "./access/fair", "TestCallersShareEqually"},
	{"a caller has some turns open", "access/fair/fair.go", "s.open >= s.Open || t.caller.open >= s.Each", "false", "./access/fair", "TestOneCallerHasSomeOpen"},
	{"a caller lets some turns wait", "access/fair/fair.go", "c != nil && c.turns-c.open >= s.Waiting", "false", "./access/fair", "TestOneCallerHasSomeOpen"},
	{"few turns wait in all", "access/fair/fair.go", "len(s.queue) >= maxQueue ||", "", "./access/fair", "TestQueueIsBounded"},
	{"a request spends no more than it has", "store/work.go", "if w.Left < 0 {", "if false {", "./store/sqlite", "TestStore"},
	{"searches give turns", "store/work.go", "return w.Turn(ctx)", "return nil", "./store/sqlite", "TestStore"},
	{"a search examines a bounded number of rows", "store/search/spending.go", "if s.steps += int64(steps); s.steps > s.most {", "if s.steps += int64(steps); false {", "./store/sqlite", "TestStore"},
	{"comparisons count", "store/search/eval.go", "\tx.spent.steps++ // looked at with the next row\n", "", "./store/sqlite", "TestStore"},
	{"keys to look up count", "store/search/collect.go", "seeks = len(keys)", "_ = keys", "./store/sqlite", "TestStore"},
	{"rows that _has is looked for count", "store/search/eval.go", "if err := x.count(); err != nil { // to go to the place", "if err := x.ctx.Err(); err != nil { // to go to the place", "./store/sqlite", "TestStore"},
	{"long lists of keys are sets", "store/search/eval.go", "if set := x.keySet(c); set != nil {", "if set := x.keySet(c); false {", "./store/sqlite", "TestStore"},
	{"entries passed over count", "store/sqlite/collect.go", "err = pass(n % passAtOnce)", "err = nil", "./store/sqlite", "TestEntriesPassedOverCount"},
	{"a condition that costs more than before has changed", "store/store.go", "case errors.As(err, &refusal) && refusal.Kind == fhir.TooCostly:", "case errors.As(err, &refusal) && false:", "./store/sqlite", "TestStore"},
	{"unchanged conditions are not searched again", "store/sqlite/commit.go", "if u.s.written.holds(&c.Guards[i]) {", "if false {", "./store/sqlite", "TestStore"},
	{"what is written is noted", "store/sqlite/commit.go", "\tu.s.written.note(w.Ref.Type, at.stamp)\n", "", "./store/sqlite", "TestStore"},
	{"reads do not wait for searches", "store/sqlite/search.go", "from := s.searches", "from := s.read", "./store/sqlite", "TestReadsDoNotWaitForSearches"},
	{"a connection that saw a panic is not used again", "store/sqlite/pool.go", "if sound {", "if true {", "./store/sqlite", "TestStore"},
	{"a panic in a condition ends its change only", "store/sqlite/group.go", "\tdefer fhir.Caught(&err)\n\treturn m.run(u)", "\treturn m.run(u)", "./store/sqlite", "TestStore"},
	{"a panic leaves no statement", "store/sqlite/conn.go", "_ = st.Reset()", "_ = st", "./store/sqlite", "TestPanicsLeaveNoStatement"},
	{"unchanged conditions are not searched again in a database", "store/mongo/commit.go", "if holds, err := u.holds(ctx, g); holds || err != nil {", "if holds, err := u.holds(ctx, g); false && holds || err != nil {", "./store/mongo", "TestStore"},
	{"what a lane does not know may be written", "store/mongo/unchanged.go", "if h.Types.Known != h.End.Stamp || h.Types.From > stamp {", "if false {", "./store/mongo", "TestLanesKnowWhatTheyWrote"},
	{"what a group wrote is noted", "store/mongo/commit.go", "\tu.wrote[w.Ref.Type] = true\n", "", "./store/mongo", "TestStore"},
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
			t.Parallel()
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
