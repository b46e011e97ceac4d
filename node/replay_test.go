package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/policy/replay"
)

// office asks the interface of policies as an officer.
func (n *testNode) office(path string, body any) (int, []byte) {
	n.T.Helper()
	return n.officeAs(n.as("privacy-officer", "HOPERAT"), path, body)
}

func (n *testNode) officeAs(officer user, path string, body any) (int, []byte) {
	n.T.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		n.T.Fatal(err)
	}
	r, err := http.NewRequestWithContext(n.T.Context(), http.MethodPost, strings.TrimSuffix(n.Server.URL, "/")+"/admin/policies"+path, bytes.NewReader(text))
	if err != nil {
		n.T.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+officer.Token)
	r.Header.Set("Content-Type", "application/json")
	a, err := n.Client.Do(r)
	if err != nil {
		n.T.Fatal(err)
	}
	defer a.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(a.Body); err != nil {
		n.T.Fatal(err)
	}
	return a.StatusCode, out.Bytes()
}

// drafted is a revision with one more file, that was checked.
func (n *testNode) drafted(files map[string]string, why string) string {
	n.T.Helper()
	status, body := n.office("", map[string]any{"files": files, "reason": why})
	var r struct{ Hash string }
	if err := json.Unmarshal(body, &r); err != nil || status != http.StatusCreated {
		n.T.Fatalf("draft: %d, %s", status, body)
	}
	n.office("/"+r.Hash+"/check", map[string]any{})
	return r.Hash
}

func (n *testNode) replayed(hash string) *replay.Report {
	n.T.Helper()
	status, body := n.office("/"+hash+"/replay", map[string]any{"limit": 10_000})
	report := new(replay.Report)
	if err := json.Unmarshal(body, report); err != nil || status != 200 {
		n.T.Fatalf("replay: %d, %v, %s", status, err, body)
	}
	return report
}

// journaled brings all records under checkpoints.
func (n *testNode) journaled() {
	n.T.Helper()
	for _, j := range []*ledgerbridge.Journal{n.node.changes, n.node.accesses} {
		if _, err := j.Checkpoint(n.T.Context()); err != nil {
			n.T.Fatal(err)
		}
	}
}

// builtIn are the files of the built-in policies without their tests, one of them changed.
func builtIn(t *testing.T, file, from, to string) map[string]string {
	t.Helper()
	_, archive, err := policy.Pack(policy.Base())
	if err != nil {
		t.Fatal(err)
	}
	files, err := policy.Files(archive)
	if err != nil || !strings.Contains(files[file], from) {
		t.Fatalf("%s has no %q, %v", file, from, err)
	}
	files[file] = strings.Replace(files[file], from, to, 1)
	for name := range files {
		if strings.HasSuffix(name, "_test.rego") {
			delete(files, name)
		}
	}
	return files
}

// Drafts with a known effect: a replay finds exactly the decisions and rows that they change,
// and every sample's proof verifies.
func TestReplayFindsWhatADraftChanges(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor, researcher := n.as("practitioner", "TREAT"), n.as("practitioner", "HRESCH")
	const reads, finds, refused = 7, 5, 4
	for range reads {
		doctor.Get("/Patient/p1").Want(200)
	}
	rows := 0
	for range finds {
		rows += len(doctor.Get("/Observation?patient=p1,p2").Want(200).IDs())
	}
	for range refused {
		researcher.Get("/Patient/p1")
	}
	own := n.as("patient", "PATRQT", func(g *Grant) { g.Subject, g.Patient = "Patient/p1", "Patient/p1" })
	own.Get("/Patient/p1").Want(200)
	n.journaled()
	const practitioner, treatment = `decision := clinician if input.agent.role == "practitioner"`, `permit("own-treatment", "forbids", launch_rows)`
	for _, c := range []struct {
		name                           string
		files                          map[string]string
		differs, denies, shown, hidden int
	}{
		{"nothing", builtIn(t, "decision.rego", "# The decision", "# A decision"), 0, 0, 0, 0},
		{"a role", builtIn(t, "decision.rego", practitioner, `decision := {"allow": false, "reason": "role-unknown"} if input.agent.role == "practitioner"`), reads + finds + refused, reads + finds + refused, 0, 0},
		{"a constraint", builtIn(t, "clinician.rego", treatment, `permit("own-treatment", "forbids", {"types": ["Observation"]})`), reads + finds, 0, 0, reads},
		{"an obligation", builtIn(t, "clinician.rego", treatment, `object.union(permit("own-treatment", "forbids", launch_rows), {"obligations": ["record"]})`), reads + finds, 0, 0, 0},
		{"a consent mode", builtIn(t, "clinician.rego", treatment, `permit("own-treatment", "permits", launch_rows)`), reads + finds, 0, 0, reads + rows},
	} {
		report := n.replayed(n.drafted(c.files, c.name))
		if report.Differs != c.differs || report.Denies != c.denies || report.Permits != 0 || report.Shown != c.shown || report.Hidden != c.hidden || report.Failed+report.Erased+report.NotJudged != 0 {
			t.Errorf("%s: %+v, want %+v", c.name, report, c)
		}
		if by := report.By["role"]; c.differs > 0 && (len(by) != 1 || by[0] != (replay.Count{Value: "practitioner", Count: c.differs})) {
			t.Errorf("%s: by role %v", c.name, by)
		}
		wantSamples(t, n, report, min(c.differs, replay.MostSamples))
		n.journaled()
	}
	if mine := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent?patient=Patient/p1&agent=Practitioner/privacy-officer").Want(200).IDs(); len(mine) < 4 {
		t.Errorf("%d records say that p1 was looked at in replays", len(mine))
	}
}

// Who may not read policies, or search records, replays nothing; how much is read is bounded.
func TestReplaysAreDecided(t *testing.T) {
	n := startNode(t, t.TempDir())
	hash := n.drafted(builtIn(t, "decision.rego", "# The decision", "# A decision"), "a word")
	for limit, want := range map[int]string{0: "A replay reads 1 to 100,000 records of each log.", 100_001: "A replay reads 1 to 100,000 records of each log.", 1: ""} {
		if status, body := n.office("/"+hash+"/replay", map[string]any{"limit": limit}); (status == 200) != (want == "") || !bytes.Contains(body, []byte(want)) {
			t.Errorf("limit %d: %d, want %q: %s", limit, status, want, body)
		}
	}
	for range 60 {
		n.as("practitioner", "TREAT").Get("/Patient?_count=1").Want(200)
	}
	n.journaled()
	for want, files := range map[string]map[string]string{
		"The draft cannot decide more than 50 of the questions that were asked. Test it first.": builtIn(t, "decision.rego", `decision := clinician if input.agent.role == "practitioner"`, `decision := {"allow": true, "reason": concat("", ["x", input.agent.role])} if input.agent.role == "practitioner"`),
		"The revision is a draft that has not passed its check: check it first.":                builtIn(t, "decision.rego", "default decision", "default default decision"),
	} {
		if status, body := n.office("/"+n.drafted(files, "wrong")+"/replay", map[string]any{}); status/100 != 4 || !bytes.Contains(body, []byte(want)) {
			t.Errorf("%d, want %q: %s", status, want, body)
		}
	}
	if status, body := n.officeAs(n.as("privacy-officer", "HOPERAT", func(g *Grant) { g.Scope = "user/CapabilityStatement.r" }), "/"+hash+"/replay", map[string]any{}); status != 403 {
		t.Errorf("who may not search records: %d, %s", status, body)
	}
	if status, body := n.officeAs(n.as("practitioner", "TREAT"), "/"+hash+"/replay", map[string]any{}); status != 403 {
		t.Errorf("a nurse: %d, %s", status, body)
	}
	if status, body := n.office("/"+strings.Repeat("0", 64)+"/replay", map[string]any{}); status != 404 {
		t.Errorf("no such revision: %d, %s", status, body)
	}
}

// A log of which rows are missing, or other ones than the tree says, tells nothing about a draft.
func TestReplayOfACutLogIsRefused(t *testing.T) {
	for name, damage := range map[string]string{
		"cut at its end": "DELETE FROM parts WHERE id >> 16 >= (SELECT max(seq) - 2 FROM entries); DELETE FROM entries WHERE seq >= (SELECT max(seq) - 2 FROM entries)",
		"a gap":          "DELETE FROM entries WHERE seq = 3",
		"another row":    "UPDATE entries SET entry = (SELECT entry FROM entries WHERE seq = 2), salt = (SELECT salt FROM entries WHERE seq = 2), commitment = (SELECT commitment FROM entries WHERE seq = 2) WHERE seq = 3",
	} {
		n := startNode(t, t.TempDir())
		twoPatients(n)
		for range 12 {
			n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
		}
		hash := n.drafted(builtIn(t, "decision.rego", "# The decision", "# A decision"), "a word")
		n.journaled()
		c, err := sqlite.OpenConn(n.data.file("access.db"), sqlite.OpenReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sqlitex.ExecuteScript(c, damage, nil), c.Close()); err != nil {
			t.Fatal(err)
		}
		if status, body := n.office("/"+hash+"/replay", map[string]any{}); status != http.StatusConflict || !bytes.Contains(body, []byte("The log is not whole, so it cannot be said what a draft would have decided: run aceso verify log.")) {
			t.Errorf("%s: %d, %s", name, status, body)
		}
	}
}

func wantSamples(t *testing.T, n *testNode, report *replay.Report, want int) {
	t.Helper()
	trusted, err := LogKeys(t.Context(), n.data, n.database)
	if err != nil || len(report.Samples) != want {
		t.Errorf("%d samples, want %d, %v", len(report.Samples), want, err)
	}
	for _, s := range report.Samples {
		r, err := ledgerbridge.VerifyRecord(s.Proof, trusted, nil)
		if err != nil || r.Verdict != ledgerbridge.OK || !strings.HasSuffix(s.Record, fmt.Sprint(r.Receipt.Seq)) {
			t.Errorf("sample %s: %+v, %v", s.Record, r.Verdict, err)
		}
	}
}

// The record of a replay names whom its report lists, also if none of the examples is about
// them.
func TestReplayNamesWhomItLists(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	for range replay.MostSamples + 1 {
		doctor.Get("/Patient/p1").Want(200)
	}
	doctor.Get("/Patient/p2").Want(200)
	n.journaled()
	report := n.replayed(n.drafted(builtIn(t, "decision.rego", `decision := clinician if input.agent.role == "practitioner"`, `decision := {"allow": false, "reason": "role-unknown"} if input.agent.role == "practitioner"`), "a role"))
	if len(report.By["patient"]) != 2 {
		t.Errorf("lists %v", report.By["patient"])
	}
	if mine := n.as("privacy-officer", "HOPERAT").Get("/AuditEvent?patient=Patient/p2&agent=Practitioner/privacy-officer").Want(200).IDs(); len(mine) != 1 {
		t.Errorf("records of the replay that name the one who is in no example: %v", mine)
	}
}
