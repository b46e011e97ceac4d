package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// ward is a house with two patients: seen, and hidden by her Consent.
func ward(t *testing.T) *house {
	h := newHouse(t)
	h.put(patientDoc("seen"), patientDoc("hidden"), patientDoc("gone"), observationDoc("s1", "seen"), observationDoc("h1", "hidden"), denialDoc("c1", "hidden"))
	if _, err := h.Apply(t.Context(), h.system(), []Operation{{Method: "DELETE", Ref: ref("Patient/gone")}}); err != nil {
		t.Fatal(err)
	}
	return h
}

// asked is one request and its record.
type asked struct {
	name string
	do   func(*house, *Call) error
	kind fhir.Kind // 0: answered
	want string    // the one record
}

func read(text string) func(*house, *Call) error {
	return func(h *house, c *Call) error {
		v, err := h.Read(h.Context(), c, ref(text))
		if (v == nil) == (err == nil) {
			h.Errorf("%v and %v", v, err)
		}
		return err
	}
}

func meta(text string) func(*house, *Call) error {
	return func(h *house, c *Call) error {
		_, err := h.Meta(h.Context(), c, ref(text))
		return err
	}
}

func searchFor(typ, query string) func(*house, *Call) error {
	return func(h *house, c *Call) error {
		_, err := h.Search(h.Context(), c, SearchRequest{Type: typ, Params: params(query)})
		return err
	}
}

func history(typ, id string) func(*house, *Call) error {
	return func(h *house, c *Call) error {
		_, err := h.History(h.Context(), c, HistoryRequest{Type: typ, ID: id})
		return err
	}
}

func apply(ops ...Operation) func(*house, *Call) error {
	return func(h *house, c *Call) error {
		_, err := h.Apply(h.Context(), c, ops)
		return err
	}
}

// Every request leaves one record: what was asked, how it ended, and the patients
// concerned, whatever the caller learns.
func TestEveryAnswerIsRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	vread := func(text string, version int64) func(*house, *Call) error {
		return func(h *house, c *Call) error {
			_, err := h.VRead(h.Context(), c, ref(text), version)
			return err
		}
	}
	create := Operation{Method: "POST", Ref: fhir.Ref{Type: "Observation"}, Resource: h.parse(strings.Replace(observationDoc("", "seen"), `"id":"",`, "", 1))}
	for _, a := range []asked{
		{"read", read("Patient/seen"), 0, "permit 200 read Patient/seen  [seen] [GET Patient/seen]"},
		{"read hidden", read("Observation/h1"), fhir.NotFound, "deny 404 read Observation/h1  [hidden] []"},
		{"read absent", read("Observation/none"), fhir.NotFound, "permit 404 read Observation/none  [] []"},
		{"read gone", read("Patient/gone"), fhir.Gone, "permit 410 read Patient/gone  [gone] []"},
		{"read refused", read("AuditEvent/x"), fhir.Forbidden, "deny 403 read AuditEvent/x  [] []"},
		{"meta", meta("Patient/seen"), 0, "permit 200 meta Patient/seen  [seen] [GET Patient/seen]"},
		{"meta hidden", meta("Observation/h1"), fhir.NotFound, "deny 404 meta Observation/h1  [hidden] []"},
		{"vread", vread("Observation/s1", 1), 0, "permit 200 vread Observation/s1  [seen] [GET Observation/s1]"},
		{"vread hidden", vread("Observation/h1", 1), fhir.NotFound, "deny 404 vread Observation/h1  [hidden] []"},
		{"search", searchFor("Observation", "patient=seen"), 0, "permit 200 search-type  patient=seen [seen] [GET Observation/s1]"},
		{"search names hidden", searchFor("Observation", "patient=hidden"), 0, "permit 200 search-type  patient=hidden [hidden] []"},
		{"search names nobody", searchFor("Observation", "patient=nobody"), 0, "permit 200 search-type  patient=nobody [] []"},
		{"search malformed", searchFor("Observation", "colour=red"), fhir.Invalid, "permit 400 search-type   [] []"},
		{"search refused", searchFor("AuditEvent", "date=gt2020"), fhir.Forbidden, "deny 403 search-type  date=gt2020 [] []"},
		{"history", history("Observation", "s1"), 0, "permit 200 history-instance Observation/s1  [seen] [GET Observation/s1]"},
		{"history hidden", history("Observation", "h1"), fhir.NotFound, "deny 404 history-instance Observation/h1  [hidden] []"},
		{"history absent", history("Observation", "none"), fhir.NotFound, "permit 404 history-instance Observation/none  [] []"},
		{"delete hidden", apply(Operation{Method: "DELETE", Ref: ref("Observation/h1")}), 0, "deny 404 delete Observation/h1  [hidden] []"},
		{"delete with another version", apply(Operation{Method: "DELETE", Ref: ref("Observation/s1"), IfMatch: fhir.Match{7}}), fhir.VersionMismatch, "permit 412 delete Observation/s1  [seen] []"},
		{"condition that matches the hidden", apply(Operation{Method: "DELETE", Ref: fhir.Ref{Type: "Patient"}, Conditional: true, Criteria: params("identifier=urn:mrn|hidden")}), 0,
			"permit 204 delete  identifier=urn:mrn%7Chidden [hidden] []"},
		{"failing transaction", apply(
			Operation{Method: "DELETE", Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params("patient=seen"), Expression: "Bundle.entry[0]"},
			Operation{Method: "GET", Ref: ref("Observation/none"), Expression: "Bundle.entry[1]"}), fhir.NotFound,
			"permit 404 transaction Observation/none Observation?patient=seen [seen] []"},
		{"reading transaction", apply(
			Operation{Method: "GET", Ref: ref("Patient/seen"), Expression: "Bundle.entry[0]"},
			Operation{Method: "GET", Ref: fhir.Ref{Type: "Observation"}, Criteria: params("patient=seen"), Expression: "Bundle.entry[1]"}), 0,
			"permit 200 transaction  Observation?patient=seen [seen] [GET Observation/s1 GET Patient/seen]"},
	} {
		c := h.as(agent.Practitioner, "TREAT")
		err := a.do(h, c)
		if (err == nil) != (a.kind == 0) || err != nil && kindOf(err) != a.kind {
			t.Errorf("%s: %v", a.name, err)
		}
		if got := told(); len(got) != 1 || got[0] != a.want || len(c.Receipts) != 1 {
			t.Errorf("%s:\n got %q with %d receipts\nwant %q", a.name, got, len(c.Receipts), a.want)
		}
	}
	effects, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), []Operation{create})
	if err != nil || len(told()) != 1 {
		t.Errorf("create: %v, %v", effects, err)
	}
}

// A request that the policy refuses as a whole still names whose data it was after.
func TestRefusedRequestsNameThePatient(t *testing.T) {
	h := ward(t)
	h.refuses([]asked{
		{"read", read("Observation/h1"), 0, "deny 403 read Observation/h1  [hidden] []"},
		{"search", searchFor("Observation", "patient=seen,hidden"), 0, "deny 403 search-type  patient=seen,hidden [hidden seen] []"},
		{"history", history("Observation", "s1"), 0, "deny 403 history-instance Observation/s1  [seen] []"},
		{"update", apply(Operation{Method: "PUT", Ref: ref("Observation/s1"), Resource: h.parse(observationDoc("s1", "seen"))}), 0, "deny 403 update Observation/s1  [seen] []"},
	})
}

// refuses asks as a caller whose token allows nothing: each request is refused, and leaves
// its one record.
func (h *house) refuses(requests []asked) {
	h.Helper()
	told := h.told()
	for _, a := range requests {
		c := h.as(agent.Practitioner, "TREAT")
		c.Agent.Scopes = nil
		if err := a.do(h, c); kindOf(err) != fhir.Forbidden {
			h.Errorf("%s: %v", a.name, err)
		}
		if got := told(); len(got) != 1 || got[0] != a.want {
			h.Errorf("%s:\n got %q\nwant %q", a.name, got, a.want)
		}
	}
}

// No record, no data; and what fails otherwise is recorded as a failure.
func TestFailuresAreRecordedAndShowNothing(t *testing.T) {
	h := ward(t)
	told := h.told()
	broken := errors.New("broken")
	update := apply(h.update(amended(observationDoc("s1", "seen"))))
	for _, c := range []struct {
		name   string
		fails  []string
		do     func(*house, *Call) error
		record string // "" if it cannot be made
	}{
		{"store", []string{"Get"}, read("Observation/s1"), "permit 503 read Observation/s1  [*] []"},
		{"search", []string{"Search"}, searchFor("Observation", "patient=seen"), "permit 503 search-type  patient=seen [* seen] []"},
		{"history", []string{"History"}, history("Observation", "s1"), "permit 503 history-instance Observation/s1  [seen] []"},
		{"change log", []string{"Commit"}, update, "permit 503 update Observation/s1  [seen] []"},
		{"record", []string{"Record"}, read("Observation/s1"), ""},
		{"both logs", []string{"Record", "Commit"}, update, ""},
		{"patients named", []string{"Get"}, searchFor("Observation", "patient=seen"), "permit 503 search-type  patient=seen [* seen] []"},
		{"patients named, and the search", []string{"Get", "Search"}, searchFor("Observation", "patient=seen"), "permit 503 search-type  patient=seen [* seen] []"},
		{"patient named", []string{"Get"}, read("Patient/seen"), "permit 503 read Patient/seen  [* seen] []"},
		{"patients led to", []string{"Search"}, searchFor("Observation", "patient.identifier=urn:mrn|seen"), "permit 503 search-type  patient.identifier=urn:mrn%7Cseen [*] []"},
	} {
		h.faulty.fail = map[string]error{}
		for _, method := range c.fails {
			h.faulty.fail[method] = broken
		}
		err := c.do(h, h.as(agent.Practitioner, "TREAT"))
		if kindOf(err) != fhir.Unavailable || strings.Contains(err.(interface{ Error() string }).Error(), "Patient/") {
			t.Errorf("%s: %v", c.name, err)
		}
		h.faulty.fail = nil
		got := told()
		if c.record == "" && len(got) > 0 || c.record != "" && (len(got) != 1 || got[0] != c.record) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.record)
		}
	}
}

// A caller that hangs up does not stop the record.
func TestCallersWhoHangUpAreRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Search(ctx, h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Observation", Params: params("patient=seen")}); err == nil {
		t.Error("an answer for nobody")
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "[seen]") {
		t.Errorf("%q", got)
	}
}

// Whoever hangs up while the store is in trouble, is recorded with whom the request is
// about, by the record's own look-ups.
func TestCallersWhoHangUpInTroubleAreRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	for query, want := range map[string]string{
		"patient.identifier=urn:mrn|seen": "[seen]", "_id=s1": "[seen]", "code=8867-4": "[hidden seen]", "patient.identifier=urn:mrn|hidden": "[hidden]", "patient=seen": "[seen]",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		h.faulty.hangUp = cancel
		if _, err := h.Search(ctx, h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Observation", Params: params(query)}); err == nil {
			t.Error("an answer for nobody")
		}
		if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "permit 503 ") || !strings.HasSuffix(got[0], want+" []") {
			t.Errorf("%s: %q", query, got)
		}
	}
}

// A store that does not answer while the patients are looked up does not keep the record
// from being made.
func TestHangingLookUpsAreRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	h.patience, h.faulty.hangsAfter = time.Second, 1
	if err := searchFor("Patient", "identifier=urn:mrn|seen&active=true")(h, h.as(agent.Practitioner, "TREAT")); kindOf(err) != fhir.Unavailable || h.Unrecorded() {
		t.Errorf("%v, unrecorded %v", err, h.Unrecorded())
	}
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "permit 503 ") || !strings.HasSuffix(got[0], "[*] []") {
		t.Errorf("%q", got)
	}
}

// A request that was overtaken is judged again; only the last attempt is recorded. When
// no attempt is left, that is recorded, with what was asked about whom, and nothing is
// disclosed.
func TestOvertakenRequests(t *testing.T) {
	h := ward(t)
	told := h.told()
	find := searchFor("Observation", "patient=seen")
	move := func(document string) func(*house, *Call) error {
		return apply(Operation{Method: "PUT", Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params("patient=seen"), Resource: h.parse(strings.Replace(document, `"id":"",`, "", 1))})
	}
	for _, c := range []struct {
		name    string
		changed int
		do      func(*house, *Call) error
		kind    fhir.Kind
		want    string
	}{
		{"read once", 1, find, 0, "permit 200 search-type  patient=seen [seen] [GET Observation/s1]"},
		{"read all but once", maximumAttempts - 1, find, 0, "permit 200 search-type  patient=seen [seen] [GET Observation/s1]"},
		{"read", maximumAttempts, find, fhir.Unavailable, "permit 503 search-type  patient=seen [seen] []"},
		{"change once", 1, move(amended(observationDoc("", "seen"))), 0, "permit 200 update Observation/s1 patient=seen [seen] [PUT Observation/s1]"},
		{"change", maximumAttempts, move(observationDoc("", "seen")), fhir.Conflict, "permit 409 update Observation/s1 patient=seen [seen] []"},
	} {
		h.faulty.changed, h.faulty.judged = c.changed, nil
		call := h.as(agent.Practitioner, "TREAT")
		err := c.do(h, call)
		if (err == nil) != (c.kind == 0) || err != nil && kindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := told(); len(got) != 1 || got[0] != c.want || len(call.Receipts) != 1 {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
		if c.kind == fhir.Conflict && !says(err, 409, "The resources concerned are being changed by others. Read them again and repeat.") {
			t.Errorf("%s: %v", c.name, err)
		}
		if n := len(h.faulty.judged); n != c.changed+1 {
			t.Errorf("%s: %d attempts", c.name, n)
		}
	}
}

// The record rests on the patients whose Consents were asked; beyond a thousand, on all.
func TestRecordsRestOnThePatientsJudged(t *testing.T) {
	h := ward(t)
	h.faulty.judged = nil
	if err := searchFor("Observation", "")(h, h.as(agent.Practitioner, "TREAT")); err != nil {
		t.Fatal(err)
	}
	keys := slices.Sorted(slices.Values(h.faulty.judged[0].Keys))
	if fmt.Sprint(keys) != "[Patient/hidden Patient/seen]" || h.faulty.judged[0].All {
		t.Errorf("judged by %+v", h.faulty.judged)
	}
	var crowd []string
	for i := range judgedLimit + 1 {
		crowd = append(crowd, patientDoc(fmt.Sprintf("crowd-%d", i)))
	}
	h.put(crowd...)
	h.faulty.judged = nil
	if err := searchFor("Patient", "_count=1000")(h, h.as(agent.Practitioner, "TREAT")); err != nil {
		t.Fatal(err)
	}
	if j := h.faulty.judged[0]; !j.All || len(j.Keys) > 0 || j.Epoch == 0 {
		t.Errorf("judged by %d keys, all %v, epoch %d", len(j.Keys), j.All, j.Epoch)
	}
}

// Whoever adds an interaction and forgets to ask the policy gets no answer.
func TestNothingIsAnsweredUndecided(t *testing.T) {
	h := ward(t)
	told := h.told()
	data, err := answer(t.Context(), h.Gate, h.as("practitioner", "TREAT"), func(*review) (string, error) { return "data", nil })
	if got := told(); data != "" || kindOf(err) != fhir.Unavailable || len(got) != 0 {
		t.Errorf("%q, %v, %q", data, err, got)
	}
}

// Work that finds in every attempt that what it rests on has changed ends with a record,
// too.
func TestWorkIsOvertaken(t *testing.T) {
	h := ward(t)
	told := h.told()
	attempts := 0
	_, err := answer(t.Context(), h.Gate, h.as("practitioner", "TREAT"), func(r *review) (string, error) {
		attempts++
		_, _ = r.ask(t.Context(), question{"read", "r", "Patient"})
		return "data", store.ErrChanged
	})
	if got := told(); kindOf(err) != fhir.Unavailable || attempts != maximumAttempts || len(got) != 1 || !strings.HasPrefix(got[0], "permit 503 read") {
		t.Errorf("%v after %d attempts, %q", err, attempts, got)
	}
}

// An interaction that no policy knows is refused, not taken for another one.
func TestUnknownInteractionsAreRefused(t *testing.T) {
	h := ward(t)
	told := h.told()
	err := apply(Operation{Method: "PATCH", Ref: ref("Observation/s1"), Resource: h.parse(observationDoc("s1", "seen"))})(h, h.as("practitioner", "TREAT"))
	if got := told(); kindOf(err) != fhir.Forbidden || len(got) != 1 || !strings.HasPrefix(got[0], "deny 403 PATCH Observation/s1") {
		t.Errorf("%v, %q", err, got)
	}
}

// The policy is asked each question once.
func TestPolicyIsAskedOnce(t *testing.T) {
	h := ward(t)
	for name, do := range map[string]func(*house, *Call) error{
		"search": searchFor("Observation", "patient=seen&_include=Observation:subject"), "read": read("Patient/seen"), "history": history("", ""),
		"apply": apply(Operation{Method: "PUT", Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params("patient=seen"), Resource: h.parse(amended(strings.Replace(observationDoc("", "seen"), `"id":"",`, "", 1)))}),
	} {
		h.policy.asked = map[string]int{}
		if err := do(h, h.as(agent.Practitioner, "TREAT")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for question, n := range h.policy.asked {
			if n != 1 {
				t.Errorf("%s asks %q %d times", name, question, n)
			}
		}
	}
}

// A node that takes no changes answers reads, also those of a transaction.
func TestReadOnlyNodeAnswersReads(t *testing.T) {
	h := ward(t)
	h.Writable = func() error { return &fhir.Error{Kind: fhir.Unavailable, Detail: "This server takes no changes."} }
	told := h.told()
	if err := apply(Operation{Method: "GET", Ref: ref("Patient/seen"), Expression: "Bundle.entry[0]"})(h, h.as(agent.Practitioner, "TREAT")); err != nil {
		t.Error(err)
	}
	told()
	err := apply(h.update(amended(observationDoc("s1", "seen"))))(h, h.as(agent.Practitioner, "TREAT"))
	if got := told(); kindOf(err) != fhir.Unavailable || len(got) != 1 || got[0] != "permit 503 update Observation/s1  [seen] []" {
		t.Errorf("%v, %q", err, got)
	}
}

// A paging link serves its caller, purpose and question only.
func TestLinksAreBound(t *testing.T) {
	h := ward(t)
	h.put(observationDoc("s2", "seen"), observationDoc("s3", "seen"))
	first, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Observation", Params: params("patient=seen&_count=1")})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	versions, err := h.History(t.Context(), h.as(agent.Practitioner, "TREAT"), HistoryRequest{Type: "Observation", Count: 1})
	if err != nil || versions.Next == "" {
		t.Fatalf("%+v, %v", versions, err)
	}
	told := h.told()
	for name, try := range map[string]struct {
		c *Call
		s SearchRequest
	}{
		"another purpose": {h.as(agent.Practitioner, "HPAYMT"), SearchRequest{Type: "Observation", Link: first.Next}},
		"another caller":  {h.as(agent.System, "TREAT"), SearchRequest{Type: "Observation", Link: first.Next}},
		"another type":    {h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Condition", Link: first.Next}},
		"a history":       {h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Observation", Link: versions.Next}},
		"nonsense":        {h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Observation", Link: "nonsense"}},
	} {
		if _, err := h.Search(t.Context(), try.c, try.s); kindOf(err) != fhir.Invalid && kindOf(err) != fhir.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
		if got := told(); len(got) != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
	next, err := h.Search(t.Context(), h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: "Observation", Link: first.Next})
	if err != nil || len(next.Matches) != 1 || next.Matches[0].Ref == first.Matches[0].Ref {
		t.Errorf("the next page: %+v, %v", next, err)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "patient=seen&_count=1 [seen]") {
		t.Errorf("%q", got)
	}
}
