package main

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node"
)

// After an erasure, and a restart, no record from before is found by the patient's id, or
// names the patient; what concerned others is still theirs.
func TestErasedPatientsAreNotFound(t *testing.T) {
	dir := t.TempDir()
	n := startNode(t, dir)
	twoPatients(n)
	doctor, officer := n.as("practitioner", "TREAT"), n.as("privacy-officer", "HOPERAT")
	for path, status := range map[string]int{
		"/Patient/p1": 200, "/Patient/p1/_history": 200, "/Observation?patient=p1,p2": 200, "/Observation?patient=Patient/p1&_summary=count": 200, "/Condition?patient:Patient.family=familyp1,familyp2": 200,
		"/Patient?_has:Observation:patient:_id=o-p1,o-p2": 200, "/Patient/p1/_history/9": 404, "/Patient/p2": 200, "/Patient/p1/$access-report": 403,
	} {
		doctor.Get(path).Want(status)
	}
	const mine = "/AuditEvent?_count=1000&patient=Patient/p1"
	if before := officer.Get(mine).Want(200).IDs(); len(before) < 8 {
		t.Fatalf("before: %v", before)
	}
	n.stop()
	var said bytes.Buffer
	if code := run([]string{"erase", "--data", dir, "--patient", "p1"}, &said, &said); code != 0 {
		t.Fatalf("exit %d: %s", code, &said)
	}
	n = startNode(t, dir)
	before := "&_lastUpdated=lt" + url.QueryEscape(time.Now().Format(time.RFC3339Nano))
	officer = n.as("privacy-officer", "HOPERAT")
	for _, path := range []string{mine, "/AuditEvent?entity=Patient/p1", "/AuditEvent?entity=Observation/o-p1", "/Patient/p1/$access-report?_count=100", "/Patient/p1/$access-report?broad=true"} {
		if ids := officer.Get(path + before).Want(200).IDs(); len(ids) > 0 {
			t.Errorf("%s finds %v", path, ids)
		}
	}
	all := officer.Get("/AuditEvent?_count=1000" + before).Want(200)
	if len(all.IDs()) < 17 || all.Has("Patient/p1") || all.Has("o-p1") {
		t.Errorf("%d records, of which some name the patient: %s", len(all.IDs()), all.Body)
	}
	others := n.as("patient", "PATRQT", func(g *node.Grant) { g.Patient = "p2" }).Get("/Patient/p2/$access-report?_count=1000" + before).Want(200)
	if len(others.IDs()) < 6 || !others.Has("Observation/o-p2") {
		t.Errorf("the other patient's report: %s", others.Body)
	}
	n.stop()
	if code, out := verifyLog(dir); code != 0 {
		t.Errorf("verify log: exit %d\n%s", code, out)
	}
	said.Reset()
	if code := run([]string{"erase", "--data", dir, "--patient", "nobody"}, &said, &said); code != exitFailed || !strings.Contains(said.String(), "nothing is known of this patient") {
		t.Errorf("erase nobody: exit %d: %s", code, &said)
	}
}
