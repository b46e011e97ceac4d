package node

import (
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// Whoever is erased on one node is found by her id on none, whichever node's log it is in.
func TestErasedOnAllNodes(t *testing.T) {
	c := newCluster(t, 3)
	twoPatients(c.nodes[0])
	for _, doctor := range c.users("practitioner", "TREAT") {
		for _, path := range []string{"/Patient/p1", "/Observation?patient=p1,p2", "/Observation?patient=p1&_summary=count", "/Patient/p2"} {
			doctor.Get(path).Want(200)
		}
	}
	const mine = "/AuditEvent?_count=1000&patient=Patient/p1"
	if before := c.users("privacy-officer", "HOPERAT")[2].Get(mine).Want(200).IDs(); len(before) < 9 {
		t.Fatalf("before: %v", before)
	}
	c.nodes[0].stop()
	receipt, parts, err := Erase(t.Context(), c.nodes[0].data, c.options(), fhir.Ref{Type: "Patient", ID: "p1"})
	if err != nil || parts < 9 {
		t.Fatalf("%d parts, %v", parts, err)
	}
	wantOplogEnd(t, c.users("privacy-officer", "HOPERAT")[1], receipt)
	before := "&_lastUpdated=lt" + url.QueryEscape(time.Now().Format(time.RFC3339Nano))
	for i, officer := range c.users("privacy-officer", "HOPERAT")[1:] {
		for _, path := range []string{mine, "/AuditEvent?entity=Patient/p1", "/Patient/p1/$access-report?_count=100"} {
			r := officer.Get(path + before)
			if r.Status == 503 { // its record was sealed with the key that is gone
				r = officer.Get(path + before)
			}
			if ids := r.Want(200).IDs(); len(ids) > 0 {
				t.Errorf("node %d: %s finds %v", i+2, path, ids)
			}
		}
		all := officer.Get("/AuditEvent?_count=1000" + before).Want(200)
		if all.Has("Patient/p1") || all.Has("o-p1") || !all.Has("Patient/p2") {
			t.Errorf("node %d: a record from before names the patient: %s", i+2, all.Body)
		}
	}
	if _, _, err := Erase(t.Context(), c.nodes[0].data, c.options(), fhir.Ref{Type: "Patient", ID: "nobody"}); err == nil {
		t.Error("nobody was erased")
	}
}

// wantOplogEnd fails unless the record of an erasure says where the oplog ended.
func wantOplogEnd(t *testing.T, officer user, receipt ledgerbridge.Receipt) {
	t.Helper()
	found := officer.Get("/AuditEvent?action=D&_count=1000").Want(200)
	named := regexp.MustCompile(`oplog-[1-9][0-9]{9}\.[0-9]+`).FindString(string(found.Body))
	if named == "" {
		t.Errorf("the record %s of the erasure does not name the end of the oplog: %.500s", receipt, found.Body)
	}
}
