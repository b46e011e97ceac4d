package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// rotates runs `aceso keys rotate` in this process.
func rotates(args ...string) (code int, out string) {
	var all bytes.Buffer
	code = run(append([]string{"keys", "rotate"}, args...), &all, &all)
	return code, all.String()
}

// rotateAll rotates the key of every use that allows it.
func rotateAll(t *testing.T, dir, says string) {
	t.Helper()
	for _, use := range rotatable() {
		code, out := rotates(use, "--data", dir)
		if code != exitOK || !strings.HasPrefix(out, use+"-") || !strings.Contains(out, says) {
			t.Errorf("%s: exit %d, want one with %q\n%s", use, code, says, out)
		}
	}
}

// wantKeys verifies everything in a folder, and that its log keys are so many.
func wantKeys(t *testing.T, dir string, keys int) {
	t.Helper()
	if code, out := verifies("log", "--data", dir); code != exitWhole {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code, out := verifies("keys", "--data", dir); code != exitWhole || strings.Count(out, "\n") != keys {
		t.Errorf("exit %d, want %d keys\n%s", code, keys, out)
	}
}

// Keys are rotated while the node serves. From its next start on it uses the new ones;
// what was signed and sealed with the older ones still counts.
func TestKeysRotate(t *testing.T) {
	dir := t.TempDir()
	n := startChild(t, dir)
	twoPatients(n.testNode)
	old := n.as("practitioner", "TREAT")
	page := old.Get("/Patient?_count=1").Want(200).Next()
	event := old.Get("/Patient/p1").Want(200).Event()

	rotateAll(t, dir, "If the server is running, restart it")
	old.Get("/Patient/p1").Want(200)
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(401) // signed with a key that the server does not know yet
	n.terminate()

	n = startChild(t, dir)
	user{Node: &n.Node, Token: old.Token}.Get("/Patient/p1").Want(200)
	user{Node: &n.Node, Token: old.Token}.Get(page).Want(200)
	n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + event).Want(200)
	n.as("system", "HOPERAT").Put("/Patient/p3", patientJSON("p3", "Three")).Want(201)
	n.terminate()
	wantKeys(t, dir, 4) // two of each log
	newest, _ := lastCheckpoint(t, dir, accessLog)
	_, keys := verifies("keys", "--data", dir)
	for i, want := range []int{exitWhole, exitTampered} { // the newest comes first, and signed
		if code, out := verifies("checkpoint", newest, "--key", strings.Fields(keys)[2+i]); code != want {
			t.Errorf("key %d: exit %d, want %d\n%s", i, code, want, out)
		}
	}
}

func TestKeysRotateRefuses(t *testing.T) {
	dir := t.TempDir()
	startChild(t, dir).terminate()
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitFailed, "match no older record", []string{"pseudonyms", "--data", dir}},
		{exitFailed, "unknown use", []string{"master", "--data", dir}},
		{exitFailed, "has never been served", []string{"log", "--data", t.TempDir()}},
		{exitUsage, "issuer, id-tokens, log, links, requests, parts", []string{"--data", dir}},
	} {
		if code, out := rotates(c.args...); code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s", c.args, code, c.code, c.says, out)
		}
	}
	wantKeys(t, dir, 2)
}

// Nodes that share a database share its keys, but for those that sign their logs.
func TestKeysRotateForAllNodes(t *testing.T) {
	uri, _ := mongotest.Database(t)
	key := filepath.Join(t.TempDir(), "master.key")
	if _, err := keyring.CreateMaster(key); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ACESO_STORE", uri)
	t.Setenv("ACESO_MASTER_KEY_FILE", key)
	options := node.Database{URI: uri, MasterKey: key}
	start := func(dir, name string) *childNode {
		n := startChild(t, dir, "--node", name)
		n.database = options
		return n
	}
	first, second := t.TempDir(), t.TempDir()
	n1, n2 := start(first, "n1"), start(second, "n2")
	twoPatients(n1.testNode)
	old := n1.as("practitioner", "TREAT")
	event := old.Get("/Patient/p1").Want(200).Event()

	if code, out := rotates("log", "--data", first); code != exitOK || !strings.Contains(out, "Restart this node; the others") {
		t.Errorf("exit %d\n%s", code, out)
	}
	n1.terminate()
	n1 = start(first, "n1")
	n1.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	user{Node: &n2.Node, Token: old.Token}.Get("/AuditEvent/" + event).Want(403)
	n2.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + event + "/$proof").Want(200) // checks n1's checkpoint by the new key
	n1.terminate()
	n2.terminate()
	for _, use := range []string{"issuer", "links", "requests", "parts"} {
		if code, out := rotates(use, "--data", second); code != exitOK || !strings.Contains(out, "Stop all nodes of the database") {
			t.Errorf("%s: exit %d\n%s", use, code, out)
		}
	}
	n1, n2 = start(first, "n1"), start(second, "n2")
	user{Node: &n2.Node, Token: old.Token}.Get("/Patient/p1").Want(200)
	n1.as("system", "HOPERAT").Put("/Patient/p3", patientJSON("p3", "Three")).Want(201)
	n2.as("practitioner", "TREAT").Get("/Patient/p3").Want(200)
	n2.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + event).Want(200)
	n1.terminate()
	n2.terminate()
	wantKeys(t, first, 6) // n1's logs have two keys each, n2's one
	wantKeys(t, second, 6)
}
