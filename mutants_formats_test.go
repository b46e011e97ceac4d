package aceso_test

func init() { mutants = append(mutants, formatMutants...) }

// formatMutants are the guards of formats and operations.
var formatMutants = []mutant{
	{"document types are refused", "fhir/xml/token.go", "case bytes.HasPrefix(rest, []byte(\"<!\")):\n\t\treturn t.fail(\"a document type is not taken, nor are entities of one\")", "case bytes.HasPrefix(rest, []byte(\"<!\")):\n\t\treturn t.upTo(instruction, 2, \">\")", "./fhir/xml", "TestBadXMLIsRefused"},
	{"elements of XML are bounded", "fhir/xml/scope.go", "if len(s.open) == maxDepth {", "if false {", "./fhir/xml", "TestDepthOfXMLIsBounded"},
	{"namespaces are bounded", "fhir/xml/scope.go", "!ok || len(s.declared) == maxNames", "!ok", "./fhir/xml", "TestDepthOfXMLIsBounded"},
	{"attributes are bounded", "fhir/xml/token.go", "if len(t.attrs) == maxAttrs {", "if false {", "./fhir/xml", "TestDepthOfXMLIsBounded"},
	{"narrative stays in its place", "fhir/xml/div.go", "case len(s.open) == 0 && t.pos == len(div):", "case len(s.open) == 0:", "./fhir/xml", "TestStoredNarrativeIsWritten"},
	{"narrative is XHTML", "fhir/narrative.go", "case !x.spaced:", "case false:", "./fhir", "TestNarrative"},
	{"narrative has no strange attributes", "fhir/narrative.go", "x.strays = x.strays || !isNarrativeAttribute(tag, name)", "_ = tag", "./fhir", "TestNarrative"},
	{"bombs are unpacked to the limit", "server/body.go", "body, length = http.MaxBytesReader(c.Writer, z, limit), -1", "body, length = z, -1", "./server", "TestPackedBodiesAreBounded"},
	{"raw Binaries fit as documents", "server/binary.go", "(s.MaxBody-4096)/4*3", "s.MaxBody", "./server", "TestRawBinariesAreBounded"},
	{"browsers do not run Binaries", "server/binary.go", "\th.Set(\"Content-Disposition\", \"attachment\")\n", "", "./server", "TestBinaryIsReadAsWhatItHolds"},
	{"other versions of FHIR are refused", "server/body.go", "case err == nil && !r4(params):", "case false:", "./server", "TestXMLIsTaken"},
	{"everything of a hidden patient is nothing", "access/everything.go", "v, err := r.fetch(ctx, q, e.Ref, 0)\n\t\tif err != nil {\n\t\t\treturn nil, err\n\t\t}", "v, err := r.fetch(ctx, q, e.Ref, 0)\n\t\tif err != nil {\n\t\t\tv, err = &Version{}, nil\n\t\t}", "./access", "TestEverythingIsRecorded"},
	{"everything is checked once more", "access/everything.go", "if err := r.check(ctx, q, page.Matches, page.Included); err != nil {\n\t\treturn page, err\n\t}", "", "./access", "TestEverythingOfAForgetfulStore"},
	{"links of everything are bound to the patient", "access/everything.go", "l.Everything == nil || l.Everything.Ref != e.Ref", "l.Everything == nil", "./access", "TestLinksOfEverythingAreBound"},
	{"everything discloses in the record", "access/everything.go", "\tr.discloseResult(res)\n\treturn res, nil", "\treturn res, nil", "./access", "TestEverythingIsRecorded"},
	{"pages of everything disclose in the record", "access/everything.go", "\tr.discloseResult(res)\n\tres.Next, err", "\tres.Next, err", "./access", "TestPagesOfEverythingAreRecorded"},
	{"definitions of operations are the server's", "server/apply.go", "if err = mayWrite(op.Ref); err == nil {", "if true {", "./server", "TestOperationDefinitionsAreServed"},
	{"definitions in Bundles are the server's", "server/transaction.go", "return op, mayWrite(e.Ref)", "return op, nil", "./server", "TestOperationDefinitionsAreServed"},
	{"everything is decided", "access/everything.go", "d, err := r.ask(ctx, q)", "d := r.decide(ctx, q)\n\t\tr.begin(q, d)", "./access", "TestEverythingIsRecorded"},
	{"everything shows what may be seen", "access/everything.go", "Visible: r.visible(ctx, q.interaction, q.action), Sight: r.sight(ctx, q.interaction, q.action), Within: r.requires(ctx, q.interaction, q.action), After: after,", "Visible: func(store.Row) (bool, error) { return true, nil }, After: after,", "./access", "TestEverythingIsWhatReadsShow"},
	{"everything concerns the hidden", "access/everything.go", "\tr.concernSelected(page.Selected)\n", "", "./access", "TestEverythingConcernsTheHidden"},
	{"entries apart are not in transactions", "fhir/bundle.go", "\t\tb.checkApart()\n", "", "./server", "TestBatchesAnswerRequestsApart"},
	{"entries apart are checked", "fhir/entry.go", "\t\te.checkApart(f.Request)\n", "", "./server", "TestBatchesAnswerRequestsApart"},
	{"entries apart with HEAD have no body", "server/batch.go", "b.Entries[i].Method == http.MethodHead", "false", "./server", "TestBatchesAnswerRequestsApart"},
	{"entries apart without bodies fill a batch, too", "server/batch.go", "\t\troom -= int64(len(e.Body))\n\t\tif b.Entries[i].Method == http.MethodHead {\n\t\t\te.Body = nil\n\t\t}\n", "\t\tif b.Entries[i].Method == http.MethodHead {\n\t\t\te.Body = nil\n\t\t}\n\t\troom -= int64(len(e.Body))\n", "./server", "TestBatchesOfTheServersOwnAnswersAreBounded"},
	{"entries apart have records of their own", "server/entry.go", "handle(s, c, done.call)", "handle(s, c, &access.Call{Agent: done.call.Agent, Hold: done.call.Hold})", "./node", "TestEntriesApartAreRecordedAsByThemselves"},
	{"entries apart have their conditions", "server/entry.go", "\"If-Match\": e.Tags, ", "", "./server", "TestEntriesApartHaveTheirConditions"},
	{"entries apart hold memory", "server/entry.go", "call.Hold(int64(len(a.body)))", "error(nil)", "./server", "TestLargeEntriesApartAreBounded"},
	{"histories lead back", "access/history.go", "return res, r.back(res, l)", "return res, nil", "./server", "TestPagesLeadBack"},
	{"histories lead to what was asked", "access/history.go", "Self: h.Self, ", "", "./server", "TestPagesLeadBack"},
	{"everything leads to what was asked", "server/everything.go", "append(s.links(path, result.Self, request.Link, result.Next), s.backLinks(path, request.Link, result)...)", "s.links(path, result.Self, request.Link, result.Next)", "./server", "TestEverythingLeadsToTheFirstPage"},
}
