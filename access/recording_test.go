package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy"
)

// post is the operation that creates a document without its id.
func (h *house) post(document string) Operation {
	h.Helper()
	res := h.parse(document)
	return Operation{Method: "POST", Ref: fhir.Ref{Type: res.Type()}, Resource: h.parse(strings.Replace(document, `"id":"`+res.ID()+`",`, "", 1))}
}

func (h *house) update(document string) Operation {
	h.Helper()
	res := h.parse(document)
	return Operation{Method: "PUT", Ref: fhir.Ref{Type: res.Type(), ID: res.ID()}, Resource: res}
}

// transaction makes the operations entries of a Bundle.
func transaction(ops ...Operation) []Operation {
	for i := range ops {
		ops[i].Expression = fmt.Sprintf("Bundle.entry[%d]", i)
	}
	return ops
}

// actionDoc is a Consent of Patient/p about one action.
func actionDoc(typ, action string) string {
	return consentDoc("c", `{'type':'`+typ+`','action':[{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/consentaction','code':'`+action+`'}]}]}`)
}

func removal(text string) Operation { return Operation{Method: "DELETE", Ref: ref(text)} }

func conditionalRemoval(typ, criteria string) Operation {
	return Operation{Method: "DELETE", Ref: fhir.Ref{Type: typ}, Conditional: true, Criteria: params(criteria)}
}

func matching(op Operation, version int64) Operation {
	op.IfMatch = fhir.Match{version}
	return op
}

func list(id string, targets ...string) string {
	var entries []string
	for _, t := range targets {
		entries = append(entries, `{"item":{"reference":"`+t+`"}}`)
	}
	return fmt.Sprintf(`{"resourceType":"List","id":"%s","status":"current","mode":"working","entry":[%s]}`, id, strings.Join(entries, ","))
}

// outcomes are the statuses of the answer, and whether the bodies are there.
func (h *house) outcomes(c *Call, ops ...Operation) string {
	h.Helper()
	effects, err := h.Apply(h.Context(), c, ops)
	if err != nil {
		return fmt.Sprint(status(err))
	}
	var all []string
	for _, e := range effects {
		word := fmt.Sprint(e.Status)
		if e.Version != nil && e.Version.Body != nil {
			word += " body"
		}
		all = append(all, word)
	}
	return strings.Join(all, ", ")
}

// Recording is never refused to the house; what others record, a Consent must name, and a
// denial of collect or correct binds all but own systems.
func TestWhatConsentsSayOfRecording(t *testing.T) {
	researcher := func(h *house) *Call { return h.as(agent.Practitioner, "HRESCH") }
	study := func(h *house) *Call { c := h.system(); c.Agent.Purpose = "CLINTRL"; return c }
	guest := func(h *house) *Call {
		c := h.as(agent.Practitioner, "TREAT")
		c.Agent.Organization = "elsewhere"
		return c
	}
	foreign := func(h *house) *Call { c := h.system(); c.Agent.Organization = "elsewhere"; return c }
	doctor := func(h *house) *Call { return h.as(agent.Practitioner, "TREAT") }
	for _, c := range []struct {
		who                    string
		call                   func(*house) *Call
		consent                string
		create, update, delete string
	}{
		{"system", (*house).system, "", "201 body", "200 body", "204"},
		{"system", (*house).system, consentDoc("c", `{'type':'deny'}`), "201", "200", "204"},
		{"system", (*house).system, actionDoc("deny", "collect"), "201 body", "200 body", "204"},
		{"system", (*house).system, actionDoc("deny", "correct"), "201 body", "200 body", "204"},
		{"doctor", doctor, "", "201 body", "200 body", "204"},
		{"doctor", doctor, consentDoc("c", `{'type':'deny'}`), "201", "404", "204 nothing"},
		{"doctor", doctor, actionDoc("deny", "access"), "201", "404", "204 nothing"},
		{"doctor", doctor, actionDoc("deny", "collect"), "403", "200 body", "204"},
		{"doctor", doctor, actionDoc("deny", "correct"), "201 body", "404", "403"},
		{"researcher", researcher, "", "403", "404", "204 nothing"},
		{"researcher", researcher, consentDoc("c", `{'type':'permit'}`), "403", "404", "403"},
		{"researcher", researcher, actionDoc("permit", "access"), "403", "404", "403"},
		{"researcher", researcher, actionDoc("permit", "collect"), "201", "404", "204 nothing"},
		{"researcher", researcher, actionDoc("permit", "correct"), "403", "404", "204 nothing"},
		{"study", study, consentDoc("c", `{'type':'permit'}`), "403", "404", "403"},
		{"study", study, actionDoc("permit", "collect"), "201", "404", "204 nothing"},
		{"guest", guest, consentDoc("c", `{'type':'permit'}`), "403", "404", "403"},
		{"guest", guest, actionDoc("permit", "collect"), "201", "404", "204 nothing"},
		{"foreign system", foreign, consentDoc("c", `{'type':'permit'}`), "403", "404", "403"},
		{"foreign system", foreign, "", "403", "404", "204 nothing"},
	} {
		h := newHouse(t)
		h.put(patientDoc("p"), observationDoc("o", "p"))
		if c.consent != "" {
			h.put(c.consent)
		}
		name := c.who + " " + c.consent
		if got := h.outcomes(c.call(h), h.post(observationDoc("x", "p"))); got != c.create {
			t.Errorf("%s creates: %s, want %s", name, got, c.create)
		}
		if got := h.outcomes(c.call(h), h.update(observationDoc("o", "p"))); got != c.update {
			t.Errorf("%s updates: %s, want %s", name, got, c.update)
		}
		want, nothing := strings.CutSuffix(c.delete, " nothing")
		got := h.outcomes(c.call(h), removal("Observation/o"))
		if v, err := h.Store.Get(t.Context(), ref("Observation/o")); err != nil || got != want || v.Deleted != (got == "204" && !nothing) {
			t.Errorf("%s deletes: %s, want %s; deleted %v, %v", name, got, c.delete, v.Deleted, err)
		}
	}
}

// A permit that names all of them lets research and guests write.
func TestPermitsThatNameWriting(t *testing.T) {
	h := newHouse(t)
	h.put(patientDoc("p"), observationDoc("o", "p"),
		consentDoc("c", `{'type':'permit','action':[{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/consentaction','code':'access'}]},{'coding':[{'system':'http://terminology.hl7.org/CodeSystem/consentaction','code':'correct'}]}]}`))
	study := h.system()
	study.Agent.Purpose = "CLINTRL"
	for name, c := range map[string]*Call{"researcher": h.as(agent.Practitioner, "HRESCH"), "study": study} {
		if got := h.outcomes(c, h.update(observationDoc("o", "p"))); got != "200 body" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Whoever may not know of a resource cannot tell it from one that is not there, whatever
// they try; the record tells, and names the patient.
func TestHiddenIsWrittenLikeAbsent(t *testing.T) {
	h := ward(t)
	own := amended(observationDoc("s1", "seen"))
	fails := Operation{Method: "GET", Ref: ref("Observation/none")}
	told := h.told()
	for _, c := range []struct {
		name           string
		hidden, absent []Operation
		want           string // what both answer
		record         string // what the record of the hidden one ends with
	}{
		{"update", []Operation{h.update(observationDoc("h1", "seen"))}, []Operation{h.update(observationDoc("no", "seen"))}, "404", "deny 404 update Observation/h1  [hidden] []"},
		{"update of a version", []Operation{matching(h.update(observationDoc("h1", "seen")), 1)}, []Operation{matching(h.update(observationDoc("no", "seen")), 1)}, "404", "deny 404 update Observation/h1  [hidden] []"},
		{"delete", []Operation{removal("Observation/h1")}, []Operation{removal("Observation/no")}, "204", "deny 404 delete Observation/h1  [hidden] []"},
		{"delete of a version", []Operation{matching(removal("Observation/h1"), 1)}, []Operation{matching(removal("Observation/no"), 1)}, "412", "deny 412 delete Observation/h1  [hidden] []"},
		{"conditional delete", []Operation{conditionalRemoval("Observation", "_id=h1")}, []Operation{conditionalRemoval("Observation", "_id=no")}, "204", "permit 204 delete  _id=h1 [hidden] []"},
		{"conditional delete of a version", []Operation{matching(conditionalRemoval("Observation", "_id=h1"), 1)}, []Operation{matching(conditionalRemoval("Observation", "_id=no"), 1)}, "412", "permit 412 delete  _id=h1 [hidden] []"},
		{"delete and update", transaction(removal("Observation/h1"), h.update(own)), transaction(removal("Observation/no"), h.update(own)), "204, 200 body", "permit 200 transaction   [hidden seen] [PUT Observation/s1]"},
		{"delete and delete", transaction(removal("Observation/h1"), removal("Observation/none")), transaction(removal("Observation/no"), removal("Observation/none")), "204, 204", "deny 404 transaction   [hidden] []"},
		{"delete and fail", transaction(removal("Observation/h1"), fails), transaction(removal("Observation/no"), fails), "404", "permit 404 transaction Observation/none  [hidden] []"},
		{"list and fail", transaction(h.post(list("l", "Observation/s1", "Observation/h1")), fails), transaction(h.post(list("l", "Observation/s1", "Observation/no")), fails), "404", "permit 404 transaction Observation/none  [hidden seen] []"},
		{"list", []Operation{h.post(list("l", "Observation/s1", "Observation/h1"))}, []Operation{h.post(list("l", "Observation/s1", "Observation/no"))}, "201 body", ""},
	} {
		hidden := h.outcomes(h.as(agent.Practitioner, "TREAT"), c.hidden...)
		record := told()
		absent := h.outcomes(h.as(agent.Practitioner, "TREAT"), c.absent...)
		if hidden != absent || hidden != c.want {
			t.Errorf("%s: hidden %s, absent %s, want %s", c.name, hidden, absent, c.want)
		}
		if n := len(told()); len(record) != 1 || n != 1 || c.record != "" && record[0] != c.record {
			t.Errorf("%s:\n got %q and %d\nwant %q", c.name, record, n, c.record)
		}
	}
	if v, err := h.Store.Get(t.Context(), ref("Observation/h1")); err != nil || v.Version != 1 || v.Deleted {
		t.Errorf("what is hidden was changed: %+v, %v", v, err)
	}
}

// A partial refusal stands in the record of a transaction that did other things.
func TestPartialRefusalsAreRecorded(t *testing.T) {
	h := ward(t)
	c := h.as(agent.Practitioner, "TREAT")
	if got := h.outcomes(c, transaction(removal("Observation/h1"), h.update(observationDoc("s1", "seen")))...); got != "204, 200 body" {
		t.Fatal(got)
	}
	res, err := h.SearchAuditEvents(t.Context(), h.as(agent.PrivacyOfficer, "HOPERAT"), SearchRequest{Params: params("reason=row-refused&patient=hidden")})
	if err != nil || len(res.Matches) != 1 || !strings.Contains(string(res.Matches[0].Body), "Patient/hidden") {
		t.Errorf("%+v, %v", res, err)
	}
}

// What refers to hidden data has their patients, unless its writer could not know them.
func TestReferencesToTheHidden(t *testing.T) {
	h := ward(t)
	for _, c := range []struct {
		name string
		call *Call
		want string
	}{
		{"own system", h.system(), "[Patient/hidden Patient/seen]"},
		{"practitioner", h.as(agent.Practitioner, "TREAT"), "[Patient/seen]"},
	} {
		effects, err := h.Apply(t.Context(), c.call, []Operation{h.post(list("l", "Observation/s1", "Observation/h1"))})
		if err != nil {
			t.Fatal(err)
		}
		v, err := h.Store.Get(t.Context(), effects[0].Version.Ref)
		if _, err := h.review(h.system()).trace(t.Context(), &v.Facts); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(v.Facts.Whose()); err != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.name, got, err)
		}
		_, err = h.Read(t.Context(), h.as(agent.Practitioner, "TREAT"), v.Ref)
		if seen := err == nil; seen != (c.name == "practitioner") {
			t.Errorf("%s: shown %v", c.name, seen)
		}
	}
}

// A denial that looks into containers sees no more of what is hidden than of what is not
// there.
func TestContainersDoNotTellTheHidden(t *testing.T) {
	h := ward(t)
	h.put(strings.Replace(denialDoc("c2", "seen"), `{"type":"deny"}`, `{"type":"deny","code":[{"coding":[{"system":"http://loinc.org","code":"1"}]}]}`, 1))
	coded := strings.Replace(list("l", "Observation/s1", "Observation/X"), `"status"`, `"code":{"coding":[{"system":"http://loinc.org","code":"2"}]},"subject":{"reference":"Patient/seen"},"status"`, 1)
	var told []string
	for _, id := range []string{"h1", "no"} {
		told = append(told, h.outcomes(h.as(agent.Practitioner, "TREAT"), h.post(strings.Replace(coded, "Observation/X", "Observation/"+id, 1))))
	}
	if told[0] != told[1] || told[0] != "201" {
		t.Errorf("hidden %s, absent %s", told[0], told[1])
	}
	if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), h.post(strings.Replace(coded, "Observation/X", "Observation/s1", 1))); got != "201 body" {
		t.Errorf("known: %s", got)
	}
}

// A laboratory's system records for a patient who has opted out, as it does for others:
// it finds patient and result by identifier, and is shown nothing.
func TestLaboratoriesRecordForWhomTheyDoNotSee(t *testing.T) {
	h := ward(t)
	numbered := strings.Replace(observationDoc("h2", "hidden"), `"status"`, `"identifier":[{"system":"urn:lab","value":"7"}],"status"`, 1)
	h.put(numbered)
	lab := func() *Call { c := h.system(); c.Agent.Client = "lab"; return c }
	result := strings.Replace(observationDoc("x", "hidden"), "Patient/hidden", "Patient?identifier=urn:mrn|hidden", 1)
	changed := amended(observationDoc("h1", "hidden"))
	amended := func(criteria string) Operation {
		op := h.post(numbered)
		op.Method, op.Conditional, op.Criteria = "PUT", true, params(criteria)
		return op
	}
	once := func(criteria string) Operation {
		op := h.post(numbered)
		op.Conditional, op.Criteria = true, params(criteria)
		return op
	}
	for _, c := range []struct {
		name string
		ops  []Operation
		want string
	}{
		{"by the patient's number", transaction(h.post(result)), "201"},
		{"with what it wrote", transaction(h.update(changed), Operation{Method: "GET", Ref: ref("Observation/h1")}), "404"},
		{"amended", []Operation{amended("identifier=urn:lab|7")}, "200"},
		{"once", []Operation{once("identifier=urn:lab|7")}, "200"},
		{"by more than identifiers", []Operation{once("identifier=urn:lab|7&status=final")}, "201"},
		{"under a number of its own", []Operation{h.update(observationDoc("lab-1", "hidden"))}, "201"},
		{"by id, of what is there", []Operation{conditionalPut(h, "identifier=urn:lab|8", "h2")}, "409"},
		{"deleted", []Operation{removal("Observation/h2")}, "204"},
	} {
		if got := h.outcomes(lab(), c.ops...); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if err := read("Observation/lab-1")(h, lab()); kindOf(err) != fhir.NotFound {
		t.Errorf("shown to the laboratory: %v", err)
	}
}

// needsPermits is a policy by which even own systems find what Consents permit, only.
type needsPermits struct{ Decider }

func (p needsPermits) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	d, err := p.Decider.Decide(ctx, in)
	if in.Interaction == "search-type" {
		d.Consent = policy.Permits
	}
	return d, err
}

// What own systems find by identifier is bound by the policy: by its constraints, and by
// what it says of Consents.
func TestThePolicyBindsWhatOwnSystemsFind(t *testing.T) {
	h := ward(t)
	numbered := func(number, document string) string {
		return strings.Replace(document, `"status"`, `"identifier":[{"system":"urn:lab","value":"`+number+`"}],"status"`, 1)
	}
	h.put(numbered("hers", observationDoc("hers", "seen")),
		numbered("nobody's", strings.Replace(observationDoc("nobody", ""), `,"subject":{"reference":"Patient/"}`, "", 1)))
	launched := func() *Call {
		c := h.system()
		c.Agent.Scopes[0].Context, c.Agent.Patient = "patient", "Patient/seen"
		return c
	}
	finds := func(c *Call, number string) bool {
		op := h.post(observationDoc("x", "seen"))
		op.Conditional, op.Criteria = true, params("identifier=urn:lab|"+number)
		return h.outcomes(c, op) == "200 body"
	}
	if !finds(h.system(), "hers") || !finds(h.system(), "nobody's") || !finds(launched(), "hers") {
		t.Error("a system does not find what is there")
	}
	if finds(launched(), "nobody's") {
		t.Error("a system that acts for a patient finds more than her data")
	}
	h.policy.Decider = needsPermits{h.policy.Decider}
	if finds(h.system(), "hers") {
		t.Error("a system finds what no Consent permits")
	}
}

func conditionalPut(h *house, criteria, id string) Operation {
	op := h.update(observationDoc(id, "hidden"))
	op.Conditional, op.Criteria, op.Ref.ID = true, params(criteria), ""
	return op
}

// Practitioners find by identifier only what they see.
func TestOnlyOwnSystemsFindTheHidden(t *testing.T) {
	h := ward(t)
	study := h.system()
	study.Agent.Purpose = "HRESCH"
	for name, c := range map[string]*Call{"practitioner": h.as(agent.Practitioner, "TREAT"), "study": study} {
		op := h.post(strings.Replace(observationDoc("x", "seen"), "Patient/seen", "Patient?identifier=urn:mrn|hidden", 1))
		if got := h.outcomes(c, transaction(op)...); got != "422" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Only own systems from which nothing is hidden choose ids: to others, an id that is
// taken and one that is free are the same.
func TestWhoChoosesIDs(t *testing.T) {
	h := ward(t)
	launched := h.system()
	launched.Agent.Scopes[0].Context, launched.Agent.Patient = "patient", "Patient/seen"
	study := h.system()
	study.Agent.Purpose = "HRESCH"
	for name, c := range map[string]*Call{"launched": launched, "study": study, "practitioner": h.as(agent.Practitioner, "TREAT")} {
		for _, id := range []string{"h1", "free"} {
			if got := h.outcomes(c, h.update(observationDoc(id, "seen"))); got != "404" {
				t.Errorf("%s: PUT %s: %s", name, id, got)
			}
		}
	}
	if got := h.outcomes(h.system(), h.update(observationDoc("free", "seen"))); got != "201 body" {
		t.Errorf("own system: %s", got)
	}
}

// A practitioner whom a Consent restricts cannot end it.
func TestTheRestrictedDoNotEndTheRestriction(t *testing.T) {
	h := ward(t)
	for _, op := range []Operation{removal("Consent/c1"), h.update(denialDoc("c1", "seen")), h.update(careTeam("t", "", "Practitioner/1"))} {
		if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), op); got != "403" {
			t.Errorf("%s %s: %s", op.Method, op.Ref, got)
		}
	}
	if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), h.post(denialDoc("c2", "seen"))); !slices.Contains([]string{"201", "201 body"}, got) {
		t.Errorf("records a Consent: %s", got)
	}
	own := strings.Replace(denialDoc("c1", "hidden"), `"active"`, `"inactive"`, 1)
	if got := h.outcomes(h.patient("Patient/hidden"), h.update(own)); got != "200 body" {
		t.Errorf("the patient ends it: %s", got)
	}
}
