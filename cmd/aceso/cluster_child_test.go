package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// Processes: a node that is killed starts again on its folder at once, a second one of
// its name is refused, an erasure reaches the records of all nodes, and a node whose
// place another process has taken ends by itself. Credentials stay in the environment.
func TestNodesAreProcesses(t *testing.T) {
	uri, _ := mongotest.Database(t)
	key := filepath.Join(t.TempDir(), "master.key")
	if _, err := keyring.CreateMaster(key); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ACESO_STORE", uri)
	t.Setenv("ACESO_MASTER_KEY_FILE", key)
	database := node.Database{URI: uri, MasterKey: key}
	start := func(dir, node string) *childNode {
		n := startChild(t, dir, "--node", node)
		n.database = database
		return n
	}
	folder, second := t.TempDir(), t.TempDir()
	first := start(folder, "n1")
	first.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "One")).Want(201)
	first.kill()
	began := time.Now()
	first = start(folder, "n1")
	t.Logf("started again after %v", time.Since(began))
	first.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)

	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	args := serveProcess(t.TempDir()).Args[1:] // node n1
	if said, err := exec.CommandContext(ctx, "aceso", args...).CombinedOutput(); err == nil || !strings.Contains(string(said), "being served by another process") {
		t.Errorf("a second process of the same name: %v\n%s", err, said)
	}

	other := start(second, "n2")
	other.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	first.terminate()
	said, err := exec.CommandContext(ctx, "aceso", "erase", "--data", folder, "--patient", "p1").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(said), "4 parts") { // written, read through both, erased
		t.Errorf("erase: %v\n%s", err, said)
	}
	if r := other.as("practitioner", "TREAT").Get("/Patient/p1"); r.Status != 503 { // sealed with the key that is gone
		r.Want(200)
	}
	other.as("practitioner", "TREAT").Get("/Patient/p1").Want(200) // with a new one
	for _, dir := range []string{folder, second} {
		wantWhole(t, dir)
	}

	taken := start(cloneNode(t, second), "n2") // a copy of the folder, on another machine
	done := make(chan error, 1)
	go func() { done <- other.cmd.Wait() }()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(other.log(), "another process has become node n2") {
			t.Errorf("the node that lost its place ended with %v\n%s", err, other.log())
		}
	case <-time.After(time.Minute):
		t.Error("the node that lost its place goes on")
	}
	taken.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
}

// cloneNode copies what names a node, and its checkpoints.
func cloneNode(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"owner", "node.json", "checkpoints.log"} {
		if out, err := exec.Command("cp", filepath.Join(dir, name), filepath.Join(to, name)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return to
}
