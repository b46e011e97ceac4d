package main

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/server"
)

// auditEvent reads the AuditEvent of an answer's record as the privacy officer.
func (n *testNode) auditEvent(r response) map[string]any {
	n.t.Helper()
	return n.as("privacy-officer", "HOPERAT").get("/AuditEvent/" + r.event()).want(200).json()
}

// A read, a search, a refusal and a write each leave one record that says who,
// what, for which purpose, under which policy, and what was decided.
func TestEveryAccessIsOneAuditEvent(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor, guest := n.as("practitioner", "TREAT"), n.as("practitioner", "TREAT", func(g *grant) { g.organization = "elsewhere" })
	for _, c := range []struct {
		name, interaction, action, outcome, decision string
		answer                                       response
		says                                         []string
	}{
		{"read", "read", "R", "0", "permit", doctor.get("/Patient/p1").want(200), []string{"Patient/p1/_history/1"}},
		{"search", "search-type", "E", "0", "permit", doctor.get("/Patient?family=Familyp1").want(200), []string{"Patient/p1/_history/1", base64.StdEncoding.EncodeToString([]byte("family=Familyp1"))}},
		{"refused row", "read", "R", "4", "deny", guest.get("/Patient/p1").want(404), []string{"Patient/p1"}},
		{"write", "update", "U", "0", "permit", doctor.put("/Patient/p1", patientJSON("p1", "New")).want(200), []string{"Patient/p1/_history/2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := n.as("privacy-officer", "HOPERAT").get("/AuditEvent/" + c.answer.event()).want(200)
			event := r.json()
			if event["action"] != c.action || event["outcome"] != c.outcome {
				t.Errorf("action %v, outcome %v", event["action"], event["outcome"])
			}
			for _, want := range append(c.says, `"code":"`+c.interaction+`"`, "Practitioner/practitioner", `"code":"TREAT"`, "urn:aceso:policy:", c.decision, "Patient/p1") {
				if !r.has(want) {
					t.Errorf("the AuditEvent does not say %s:\n%s", want, r.body)
				}
			}
			if !r.has(c.answer.header.Get(server.RecordHeader)) {
				t.Error("the AuditEvent does not name the receipt that the client holds")
			}
			found := n.as("privacy-officer", "HOPERAT").get("/AuditEvent?entity=Patient/p1&_count=1000")
			times := 0
			for _, id := range found.ids() {
				if id == "AuditEvent/"+c.answer.event() {
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
	for _, answer := range []response{doctor.get("/Patient/p1").want(200), doctor.put("/Patient/p1", patientJSON("p1", "New")).want(200), doctor.get("/Patient").want(200)} {
		bundle := officer.get("/AuditEvent/" + answer.event() + "/$proof").want(200).body
		key := n.verifierKey(answer.receipt().Source, n.data)
		if code, out := verifyRecord(t, bundle, key); code != 0 {
			t.Fatalf("a true proof: exit %d\n%s", code, out)
		}
		for i := 0; i < len(bundle); i += 7 {
			forged := bytes.Clone(bundle)
			forged[i] ^= 1
			if code, _ := verifyRecord(t, forged, key); code == 0 {
				t.Fatalf("byte %d changed (%q), and the proof is accepted", i, bundle[max(0, i-20):min(len(bundle), i+20)])
			}
		}
	}
}

func TestProofsOfOthersAreRejected(t *testing.T) {
	n, forger := startNode(t, t.TempDir()), startNode(t, t.TempDir())
	twoPatients(n)
	twoPatients(forger) // a whole node of the same name, consistent in itself
	answer := forger.as("practitioner", "TREAT").get("/Patient/p1").want(200)
	bundle := forger.as("privacy-officer", "HOPERAT").get("/AuditEvent/" + answer.event() + "/$proof").want(200).body
	if code, out := verifyRecord(t, bundle, n.verifierKey(answer.receipt().Source, n.data)); code != 1 {
		t.Errorf("a forged bundle: exit %d, want 1\n%s", code, out)
	}
	if code, out := verifyRecord(t, bundle, n.verifierKey(answer.receipt().Source, forger.data)); code != 0 {
		t.Errorf("with the forger's own key: exit %d\n%s", code, out)
	}
}

// verifierKey is the public key of a source in the form a verifier is given.
func (n *testNode) verifierKey(source string, data dataFolder) string {
	n.t.Helper()
	ring, err := keyring.Load(data.keys())
	if err != nil {
		n.t.Fatal(err)
	}
	key, err := ring.Newest(keyring.Log)
	if err != nil {
		n.t.Fatal(err)
	}
	text, err := ledgerbridge.VerifierKey(source, key.Public())
	if err != nil {
		n.t.Fatal(err)
	}
	return text
}

func verifyRecord(t *testing.T, bundle []byte, key string) (int, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "record.json")
	if err := os.WriteFile(path, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := run([]string{"verify", "record", path, "--key", key}, &out, &out)
	return code, out.String()
}

// The longest name of a node leaves room for every number in the id of an AuditEvent;
// with a longer one no record could be read.
func TestLongestNode(t *testing.T) {
	const longest = 36
	n := startNode(t, t.TempDir(), func(_ *openedNode, o *serveOptions) { o.node = strings.Repeat("n", longest) })
	r := n.as("system", "HOPERAT").put("/Patient/p1", patientJSON("p1", "x")).want(201)
	n.as("privacy-officer", "HOPERAT").get("/AuditEvent/" + r.event() + "/$proof").want(200)
	if last := strings.Repeat("n", longest) + ".accesses.0.9007199254740991"; fhir.CheckID(last) != nil {
		t.Errorf("the last record would be %q", last)
	}
	data, err := createDataFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	longer := &openedNode{log: slog.New(slog.DiscardHandler)}
	err = longer.start(t.Context(), data, serveOptions{organization: "hospital", node: strings.Repeat("n", longest+1), baseURL: "http://127.0.0.1/fhir"})
	if err == nil || !strings.Contains(err.Error(), "more than 36 letters") {
		t.Errorf("a longer name: %v", err)
	}
}

// What is stored is compared with what the change log says was written.
func TestVersionsAreVerified(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	doctor.put("/Patient/p1", patientJSON("p1", "New")).want(200)
	for _, v := range []string{"1", "2"} {
		r := doctor.get("/Patient/p1/_history/" + v + "/$verify").want(200)
		if !r.has(`"name":"result","valueString":"ok"`) {
			t.Errorf("version %s: %s", v, r.body)
		}
	}
}

// A patient learns who accessed the data, for which purpose, and nothing of others.
func TestAccessReport(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	read := doctor.get("/Patient/p1").want(200)
	both := doctor.get("/Patient").want(200)
	other := doctor.get("/Patient/p2").want(200)
	patient := n.as("patient", "PATRQT", func(g *grant) { g.patient = "p1"; g.subject = "Patient/p1" })
	report := patient.get("/Patient/p1/$access-report?_count=100").want(200)
	for want, present := range map[string]bool{read.event(): true, both.event(): true, other.event(): false, "p2": false, "Practitioner/practitioner": true, "TREAT": true} {
		if strings.Contains(string(report.body), `"`+want) != present && report.has(want) != present {
			t.Errorf("report has %s: %v\n%s", want, !present, report.body)
		}
	}
	patient.get("/Patient/p2/$access-report").want(404)
	doctor.get("/Patient/p1/$access-report").want(403)
	patient.get("/AuditEvent").want(403)
	n.as("administrator", "HOPERAT").get("/AuditEvent").want(403)
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		n.as("system", "HOPERAT").do(method, "/AuditEvent/"+read.event(), `{"resourceType":"AuditEvent"}`).want(405)
	}
}
