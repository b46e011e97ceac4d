package fhir_test

import (
	"encoding/base64"
	"encoding/json"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/balptest"
)

// known is an access of which everything is known.
func known(interaction, action string) fhir.Access {
	return fhir.Access{
		ID: "n1.accesses.0.1", Recorded: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC), Interaction: interaction, Type: "Observation",
		Action: action, Status: 200, Decision: "permit", Reason: "own-treatment", Policy: "p1", Record: "hospital/n1/accesses.0/1;c=00",
		Request: "r-1", Agent: "Practitioner/1", Name: "Dr. Berg", Role: "practitioner", Address: "10.0.0.1", Organization: "hospital",
		Client: "ward", Purpose: "TREAT", Node: "n1", Base: "https://hospital.example/fhir", Site: "hospital", Asked: true,
		Query: "code=x", Patients: []string{"Patient/1"}, Items: []string{"Observation/1/_history/2"}, Consents: []string{"Consent/1/_history/1"},
		Target: "Observation/1",
	}
}

// told renders an access, and holds it against R4, BALP and the code systems.
func told(t *testing.T, a fhir.Access) (claim string, event map[string]any) {
	t.Helper()
	body, err := fhir.AuditEvent(a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fhir.Parse(body); err != nil {
		t.Errorf("not valid R4: %v\n%s", err, body)
	}
	claim, faults := balptest.Check(body)
	for _, f := range faults {
		t.Errorf("%s\n%s", f, body)
	}
	if err := json.Unmarshal(body, &event); err != nil {
		t.Fatal(err)
	}
	return claim, event
}

// Each kind of interaction meets the profile that BALP has for it, and claims it.
func TestAuditEventsMeetTheirProfiles(t *testing.T) {
	for interaction, want := range map[string][2]string{
		"read": {"R", "Read"}, "vread": {"R", "Read"}, "audit-read": {"R", "Read"},
		"create": {"C", "Create"}, "update": {"U", "Update"}, "patch": {"U", "Update"}, "delete": {"D", "Delete"},
		"search-type": {"E", "Query"}, "search-system": {"E", "Query"}, "audit-search": {"E", "Query"},
		"history-instance": {"R", ""}, "history-type": {"E", ""}, "history-system": {"E", ""}, "transaction": {"E", ""},
		"access-report": {"R", ""}, "proof": {"R", ""}, "verify": {"R", ""}, "ledger": {"R", ""}, "metrics": {"R", ""}, "erase": {"D", ""},
		"authorize": {"E", ""}, "token": {"E", ""}, "refresh": {"E", ""}, "sign-in": {"E", ""}, "sign-out": {"E", ""}, "revoke": {"E", ""}, "client-write": {"E", ""}, "policy-write": {"E", ""}, "purge": {"D", ""}, "purge-approve": {"E", ""}, "policy-approve": {"E", ""},
	} {
		t.Run(interaction, func(t *testing.T) {
			a := known(interaction, want[0])
			expect := func(what, profile string) {
				t.Helper()
				if want[1] == "" {
					profile = ""
				}
				if claim, _ := told(t, a); claim != profile {
					t.Errorf("%s: claims %q, want %q", what, claim, profile)
				}
			}
			expect("of one patient", "Patient"+want[1])
			a.Patients = append(a.Patients, "Patient/2")
			expect("of two patients", want[1])
			a.Patients = nil
			expect("of no patient", want[1])
			a.Agent, a.Client = "", ""
			expect("without user", want[1])
			a.Broad = true
			expect("of a broad question", want[1])
			a.Address = ""
			expect("from nowhere", "")
		})
	}
}

// Refusals and failures are told as what they are, and claim no profile: those are of
// successes.
func TestAuditEventsOfRefusalsClaimNothing(t *testing.T) {
	for _, c := range []struct {
		decision string
		status   int
		outcome  string
		code     string
	}{
		{"deny", 403, "4", "forbidden"}, {"deny", 404, "4", "forbidden"},
		{"permit", 404, "4", "not-found"}, {"permit", 400, "4", "invalid"}, {"permit", 412, "4", "conflict"}, {"permit", 499, "4", "invalid"},
		{"permit", 500, "8", "exception"}, {"permit", 503, "8", "transient"}, {"deny", 503, "8", "forbidden"}, {"permit", 204, "0", ""},
	} {
		a := known("delete", "D")
		a.Decision, a.Status = c.decision, c.status
		claim, event := told(t, a)
		if event["outcome"] != c.outcome || claim != "" && c.code != "" {
			t.Errorf("%s %d: outcome %v, claims %q", c.decision, c.status, event["outcome"], claim)
		}
		text, _ := json.Marshal(event["contained"])
		if c.code != "" && !strings.Contains(string(text), `"code":"`+c.code+`"`) {
			t.Errorf("%s %d: %s", c.decision, c.status, text)
		}
	}
}

// What is hidden from the reader, or was erased, takes the profile with it.
func TestAuditEventsOfErasedParts(t *testing.T) {
	read, search := known("read", "R"), known("search-type", "E")
	read.Items, read.Target, read.Patients, read.Consents, read.Erased = nil, "", nil, nil, 1
	search.Asked, search.Query, search.Target, search.Erased, search.Patients, search.Items = false, "", "", 1, nil, nil
	for _, a := range []fhir.Access{read, search} {
		if claim, event := told(t, a); claim != "" || !strings.Contains(toJSON(event), `"name":"erased"`) {
			t.Errorf("%s claims %q\n%v", a.Interaction, claim, event)
		}
	}
}

// The query is what was asked, in the form of a request, whole and in base64.
func TestAuditEventsHaveTheQuery(t *testing.T) {
	search, all, compartment, report, none := known("search-type", "E"), known("search-type", "E"), known("search-type", "E"), known("access-report", "R"), known("read", "R")
	search.Target, all.Target, all.Query, compartment.Target, report.Target, none.Query = "", "", "", "Patient/1", "Patient/1", ""
	for want, a := range map[string]fhir.Access{
		"Observation?code=x": search, "Observation?": all, "Patient/1/Observation?code=x": compartment, "Patient/1/$access-report?code=x": report, "": none,
	} {
		_, event := told(t, a)
		got := ""
		for _, e := range event["entity"].([]any) {
			if q, ok := e.(map[string]any)["query"].(string); ok {
				text, err := base64.StdEncoding.DecodeString(q)
				if err != nil {
					t.Error(err)
				}
				got += string(text)
			}
		}
		if got != want {
			t.Errorf("query %q, want %q", got, want)
		}
	}
}

// Whatever a record holds or lacks, its AuditEvent is valid and claims only what it meets.
func TestAuditEventsOfAnyRecord(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	pick := func(words ...string) string { return words[random.Intn(len(words))] }
	some := func(words ...string) []string { return words[:random.Intn(len(words)+1)] }
	claims := map[string]int{}
	for range 5000 {
		i := random.Intn(10)
		a := known(strings.Fields("read vread create update delete search-type history-type transaction verify audit-search")[i], string("RRCUDEEERE"[i]))
		a.Status, a.Decision = []int{200, 201, 204, 400, 403, 404, 500, 503}[random.Intn(8)], pick("permit", "permit", "deny")
		if a.Decision == "deny" && a.Status < 400 {
			a.Status = 403
		}
		a.Agent, a.Client, a.Address = pick("", "Practitioner/1", "dr. who", "a/b/c"), pick("", "ward", "Device/1"), pick("", "10.0.0.1", "fe80::1", "ward.example")
		a.Organization, a.Purpose, a.Role, a.Request = pick("", "hospital", "not an id"), pick("", "TREAT"), pick("", "system"), pick("", "r-1")
		a.Patients, a.Items = some("Patient/1", "Patient/2"), some("Observation/1/_history/1", "Patient/1/_history/3")
		a.Consents, a.Target, a.Query = some("Consent/1/_history/1"), pick("", "Patient/1", "Observation/1", "AuditEvent/n1.changes.0.1"), pick("", "code=x")
		a.Asked, a.Broad, a.Erased = random.Intn(2) > 0, random.Intn(2) > 0, random.Intn(2)
		claim, _ := told(t, a)
		claims[claim]++
		if t.Failed() {
			return
		}
	}
	if len(claims) != 11 {
		t.Errorf("claimed: %v", claims)
	}
}

// The rules can fail.
func TestProfilesNotice(t *testing.T) {
	body, err := fhir.AuditEvent(known("read", "R"))
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		`"code":"110152"`: `"code":"110154"`, `"code":"read"`: `"code":"audit-read"`, `"action":"R"`: `"action":"E"`,
		`"outcome":"0"`: `"outcome":"4"`, `"reference":"Patient/1"`: `"reference":"Group/1"`, `"code":"XrequestId"`: `"code":"xrequestid"`,
		`"requestor":true`: `"requestor":false`, `BasicAudit.PatientRead`: `BasicAudit.PatientWrite`, `"network":`: `"media":`,
		`{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"2"`: `{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"4"`,
	} {
		if !strings.Contains(string(body), from) {
			t.Errorf("%s is not there: %s", from, body)
		}
		if _, faults := balptest.Check([]byte(strings.Replace(string(body), from, to, 1))); len(faults) == 0 {
			t.Errorf("%s instead of %s is not noticed", to, from)
		}
	}
}

func toJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
