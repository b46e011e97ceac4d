package node

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/server"
)

// auditEvent reads the AuditEvent of an answer's record as the privacy officer.
func (n *testNode) auditEvent(r response) map[string]any {
	n.T.Helper()
	return n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + r.Event()).Want(200).JSON()
}

// A read, a search, a refusal and a write each leave one record that says who,
// what, for which purpose, under which policy, and what was decided.
func TestEveryAccessIsOneAuditEvent(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor, guest := n.as("practitioner", "TREAT"), n.as("practitioner", "TREAT", func(g *Grant) { g.Organization = "elsewhere" })
	for _, c := range []struct {
		name, interaction, action, outcome, decision string
		answer                                       response
		says                                         []string
	}{
		{"read", "read", "R", "0", "permit", doctor.Get("/Patient/p1").Want(200), []string{"Patient/p1/_history/1"}},
		{"search", "search-type", "E", "0", "permit", doctor.Get("/Patient?family=Familyp1").Want(200), []string{"Patient/p1/_history/1", base64.StdEncoding.EncodeToString([]byte("Patient?family=Familyp1"))}},
		{"refused row", "read", "R", "4", "deny", guest.Get("/Patient/p1").Want(404), []string{"Patient/p1"}},
		{"write", "update", "U", "0", "permit", doctor.Put("/Patient/p1", patientJSON("p1", "New")).Want(200), []string{"Patient/p1/_history/2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + c.answer.Event()).Want(200)
			event := r.JSON()
			if event["action"] != c.action || event["outcome"] != c.outcome {
				t.Errorf("action %v, outcome %v", event["action"], event["outcome"])
			}
			for _, want := range append(c.says, `"code":"`+c.interaction+`"`, "Practitioner/practitioner", `"code":"TREAT"`, "urn:aceso:policy:", c.decision, "Patient/p1") {
				if !r.Has(want) {
					t.Errorf("the AuditEvent does not say %s:\n%s", want, r.Body)
				}
			}
			if !r.Has(c.answer.Header.Get(server.RecordHeader)) {
				t.Error("the AuditEvent does not name the receipt that the client holds")
			}
			found := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent?entity=Patient/p1&_count=1000")
			times := 0
			for _, id := range found.IDs() {
				if id == "AuditEvent/"+c.answer.Event() {
					times++
				}
			}
			if times != 1 {
				t.Errorf("the record is found %d times under entity=Patient/p1", times)
			}
		})
	}
}

// The proof of a record convinces somebody who has nothing but the keys; any
// changed byte, and a bundle made by somebody else, do not.
func TestProofsAreVerifiedOffline(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor, officer := n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT")
	for _, answer := range []response{doctor.Get("/Patient/p1").Want(200), doctor.Put("/Patient/p1", patientJSON("p1", "New")).Want(200), doctor.Get("/Patient").Want(200)} {
		bundle := officer.Get("/AuditEvent/" + answer.Event() + "/$proof").Want(200).Body
		key := n.keys()
		if got, err := ledgerbridge.VerifyRecord(bundle, key, nil); got.Verdict != ledgerbridge.OK {
			t.Fatalf("a true proof: %s, %v", got.Verdict, err)
		}
		for i := 0; i < len(bundle); i += 7 {
			forged := bytes.Clone(bundle)
			forged[i] ^= 1
			if got, _ := ledgerbridge.VerifyRecord(forged, key, nil); got.Verdict == ledgerbridge.OK {
				t.Fatalf("byte %d changed (%q), and the proof is accepted", i, bundle[max(0, i-20):min(len(bundle), i+20)])
			}
		}
	}
}

func TestProofsOfOthersAreRejected(t *testing.T) {
	n, forger := startNode(t, t.TempDir()), startNode(t, t.TempDir())
	twoPatients(n)
	twoPatients(forger) // a whole node of the same name, consistent in itself
	answer := forger.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	bundle := forger.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + answer.Event() + "/$proof").Want(200).Body
	if got, err := ledgerbridge.VerifyRecord(bundle, n.keys(), nil); got.Verdict != ledgerbridge.Tampered {
		t.Errorf("a forged bundle: %s, %v", got.Verdict, err)
	}
	if got, err := ledgerbridge.VerifyRecord(bundle, forger.keys(), nil); got.Verdict != ledgerbridge.OK {
		t.Errorf("with the forger's own key: %s, %v", got.Verdict, err)
	}
}

// keys are those of the node's logs, as a verifier is given them.
func (n *testNode) keys() []string {
	n.T.Helper()
	keys, err := LogKeys(n.T.Context(), n.data, n.database)
	if err != nil {
		n.T.Fatal(err)
	}
	return keys
}

// The longest name of a node leaves room for every number in the id of an AuditEvent;
// with a longer one no record could be read.
func TestLongestNode(t *testing.T) {
	const longest = 36
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Name = strings.Repeat("n", longest) })
	r := n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "x")).Want(201)
	n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + r.Event() + "/$proof").Want(200)
	if last := strings.Repeat("n", longest) + ".accesses.0.9007199254740991"; fhir.CheckID(last) != nil {
		t.Errorf("the last record would be %q", last)
	}
	data, err := CreateFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), data, Options{Organization: "hospital", Name: strings.Repeat("n", longest+1), BaseURL: "http://127.0.0.1/fhir", Log: quiet()})
	if err == nil || !strings.Contains(err.Error(), "more than 36 letters") {
		t.Errorf("a longer name: %v", err)
	}
}

// What is stored is compared with what the change log says was written.
func TestVersionsAreVerified(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	doctor.Put("/Patient/p1", patientJSON("p1", "New")).Want(200)
	for _, v := range []string{"1", "2"} {
		r := doctor.Get("/Patient/p1/_history/" + v + "/$verify").Want(200)
		if !r.Has(`"name":"result","valueString":"ok"`) {
			t.Errorf("version %s: %s", v, r.Body)
		}
	}
}

// A patient learns who accessed the data, for which purpose, and nothing of others.
func TestAccessReport(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	read := doctor.Get("/Patient/p1").Want(200)
	both := doctor.Get("/Patient").Want(200)
	other := doctor.Get("/Patient/p2").Want(200)
	patient := n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p1"; g.Subject = "Patient/p1" })
	report := patient.Get("/Patient/p1/$access-report?_count=100").Want(200)
	for want, present := range map[string]bool{read.Event(): true, both.Event(): true, other.Event(): false, "p2": false, "Practitioner/practitioner": true, "TREAT": true} {
		if strings.Contains(string(report.Body), `"`+want) != present && report.Has(want) != present {
			t.Errorf("report has %s: %v\n%s", want, !present, report.Body)
		}
	}
	patient.Get("/Patient/p2/$access-report").Want(404)
	doctor.Get("/Patient/p1/$access-report").Want(403)
	patient.Get("/AuditEvent").Want(403)
	n.as("administrator", "HOPERAT").Get("/AuditEvent").Want(403)
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		n.as("system", "HOPERAT").Do(method, "/AuditEvent/"+read.Event(), `{"resourceType":"AuditEvent"}`).Want(405)
	}
}
