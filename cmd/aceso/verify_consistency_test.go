package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
)

const accessLog = "hospital/n1/accesses.0"

// lastCheckpoint is a file with the newest checkpoint of a log in a data folder.
func lastCheckpoint(t *testing.T, dir, source string) (file string, size int64) {
	t.Helper()
	l, err := local.OpenRead(filepath.Join(dir, local.FileName), source)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	head, err := l.Head(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	return writeTemporary(t, string(head.Checkpoint)), head.Size
}

func writeTemporary(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// forgedCheckpoint is one of another history, signed by the key in a data folder.
func forgedCheckpoint(t *testing.T, dir, source string, size string) string {
	t.Helper()
	ring, err := keyring.Load(filepath.Join(dir, "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, private, err := ring.Signer(keyring.Log)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ledgerbridge.NewSigner(source, private)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: source + "\n" + size + "\n" + strings.Repeat("A", 43) + "=\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return writeTemporary(t, string(signed))
}

// Somebody kept a checkpoint and a receipt yesterday. Today they prove with the log, or
// with a proof that its node wrote and without the log, that nothing before was changed.
func TestVerifyConsistency(t *testing.T) {
	dir := t.TempDir()
	n := startChild(t, dir)
	twoPatients(n.testNode)
	receipt := n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200).Receipt().String()
	for range 4 {
		n.as("practitioner", "TREAT").Get("/Patient/p2").Want(200)
	}
	n.terminate()
	yesterday := copyFolder(t, dir)
	earlier, _ := lastCheckpoint(t, dir, accessLog)
	n = startChild(t, dir)
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	fresh := n.as("practitioner", "TREAT").Get("/Patient/p2").Want(200).Receipt().String()
	n.terminate()
	later, _ := lastCheckpoint(t, dir, accessLog)
	changes, _ := lastCheckpoint(t, dir, "hospital/n1/changes.0")

	code, key := verifies("keys", "--data", dir)
	if code != exitWhole {
		t.Fatal(key)
	}
	key = strings.Fields(key)[1] // of the access log
	proof, audit := filepath.Join(t.TempDir(), "proof"), filepath.Join(t.TempDir(), "audit")
	forged := forgedCheckpoint(t, dir, accessLog, "3")
	for _, c := range []struct {
		what string
		code int
		says string
		args []string
	}{
		{"two checkpoints", 0, "extends the one at", []string{earlier, later, "--data", dir, "--out", proof}},
		{"the last one", 0, "extends the one at", []string{earlier, "--data", dir}},
		{"trusting a key", 0, "extends the one at", []string{earlier, "--data", dir, "--key", key}},
		{"a checkpoint and itself", 0, "extends the one at", []string{later, later, "--data", dir}},
		{"a receipt", 0, "as the receipt states it", []string{"--receipt", receipt, later, "--data", dir, "--out", audit}},
		{"a receipt and the last one", 0, "as the receipt states it", []string{"--receipt", fresh, "--data", dir}},
		{"offline", 0, "extends the one at", []string{earlier, later, "--proof", proof, "--key", key}},
		{"a receipt, offline", 0, "as the receipt states it", []string{"--receipt", receipt, later, "--proof", audit, "--key", key}},

		{"another history", 1, "does not continue", []string{forged, later, "--data", dir}},
		{"another history, offline", 1, "does not continue", []string{forged, later, "--proof", proof, "--key", key}},
		{"the proof of something else", 1, "does not continue", []string{earlier, later, "--proof", audit, "--key", key}},
		{"another record", 1, "does not hold", []string{"--receipt", receipt[:len(receipt)-64] + strings.Repeat("0", 64), "--data", dir}},
		{"a backup was restored", 1, "restored from a backup", []string{later, "--data", yesterday}},
		{"not signed", 1, "no valid signature", []string{earlier, later, "--data", dir, "--key", otherKey(t)}},

		{"exchanged", 2, "exchange them", []string{later, earlier, "--data", dir}},
		{"two logs", 2, "different logs", []string{changes, later, "--data", dir}},
		{"nothing kept", 2, "one earlier checkpoint", []string{"--data", dir}},
		{"offline without a key", 2, "that you trust", []string{earlier, later, "--proof", proof}},
		{"a receipt that no checkpoint covers yet", 2, "inclusion of row", []string{"--receipt", fresh, earlier, "--data", dir}},
		{"a damaged proof", 2, "not a hash", []string{earlier, later, "--proof", later, "--key", key}},
		{"no log", 2, "does not hold the log", []string{"--receipt", strings.Replace(receipt, "/n1/", "/n2/", 1), "--data", dir}},
	} {
		code, out := verifies(append([]string{"consistency"}, c.args...)...)
		if code != c.code || !strings.Contains(out, c.says) || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: exit %d, want %d\n%s", c.what, code, c.code, out)
		}
	}
}

// otherKey is a key of the access log that never signed for it.
func otherKey(t *testing.T) string {
	t.Helper()
	ring, err := keyring.Open(filepath.Join(t.TempDir(), "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := ring.Newest(keyring.Log)
	if err != nil {
		t.Fatal(err)
	}
	text, err := ledgerbridge.VerifierKey(accessLog, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return text
}
