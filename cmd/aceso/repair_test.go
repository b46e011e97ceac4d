package main

import (
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
)

// The search keys of a folder are repaired, but not under a running node.
func TestRepairedFolder(t *testing.T) {
	dir := t.TempDir()
	n := startNode(t, dir)
	n.as("system", "HOPERAT").Put("/Patient/p", patientJSON("p", "Family")).Want(201)
	n.stop()
	edit(t, filepath.Join(dir, "aceso.db"), func(c *sqlite.Conn) bool {
		query(t, c, "DELETE FROM ix WHERE v LIKE '%family%'", nil)
		return true
	})
	n = startNode(t, dir)
	search := func(n *testNode) string {
		return string(n.as("practitioner", "TREAT").Get("/Patient?family=family&_summary=count").Want(200).Body)
	}
	if strings.Contains(search(n), `"total":1`) {
		t.Fatal("nothing was damaged")
	}
	repair := []string{"store", "check", "--repair", "--data", dir}
	if code, out := runAceso(repair...); code != exitUnchecked || !strings.Contains(out, "is missing") || !strings.Contains(out, "nothing was repaired: ") || !strings.Contains(out, "in use by another process") {
		t.Errorf("under a running node: exit %d, says %q", code, out)
	}
	n.stop()
	if code, out := runAceso(repair...); code != exitTampered || !strings.Contains(out, "were repaired") {
		t.Errorf("exit %d, says %q", code, out)
	}
	if code, out := runAceso(repair...); code != exitWhole {
		t.Errorf("again: exit %d, says %q", code, out)
	}
	n = startNode(t, dir)
	if found := search(n); !strings.Contains(found, `"total":1`) {
		t.Errorf("found %s", found)
	}
	n.stop()
}
