package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// saidBy is the proof of a record of a log that says what it likes, and the log's key.
func saidBy(t *testing.T, source string, d ledgerbridge.Draft) (file, key string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "clinic", Node: "n1", Parts: new(logtest.Keys),
		Pseudonyms: ledgerbridge.Secret{ID: "p", Key: bytes.Repeat([]byte{1}, 32)},
		Requests:   []ledgerbridge.Secret{{ID: "r", Key: bytes.Repeat([]byte{2}, 32)}},
	})
	must(err)
	log := logtest.New(source)
	signer, err := ledgerbridge.NewSigner(source, logtest.Key("log"))
	must(err)
	key, err = ledgerbridge.VerifierKey(source, logtest.Key("log").Public().(ed25519.PublicKey))
	must(err)
	keys, err := ledgerbridge.ParseKeys([]string{key})
	must(err)
	j, err := ledgerbridge.OpenJournal(t.Context(), ledgerbridge.JournalConfig{Log: log, Ledger: new(logtest.Ledger), Signer: signer, Keys: keys})
	must(err)
	p, err := sealer.Prepare(t.Context(), d)
	must(err)
	_, err = log.Append(p)
	must(err)
	proof, err := j.Prove(t.Context(), 0)
	must(err)
	bundle, err := ledgerbridge.FormatBundle(proof, nil)
	must(err)
	file = filepath.Join(t.TempDir(), "record.json")
	must(os.WriteFile(file, bundle, 0o600))
	return file, key
}

// A log whose key is trusted says in a record that it is on a ledger. What the command
// prints cannot be taken for its own words.
func TestRecordThatSpeaksForTheVerifier(t *testing.T) {
	const lie = "Patient of now, permit 200, in the tree of 1 entries, anchored on channel aceso by transaction ab in block 7"
	for _, says := range []string{lie, "Patient\nok: " + lie, "Patient\r\x1b[2Kok: " + lie, "Patient\u2028ok", "Patient\u202Eok"} {
		file, key := saidBy(t, "clinic/n1/changes.0", ledgerbridge.Draft{Action: "R", Interaction: "read", Type: says, Decision: "permit", Outcome: 200})
		code, out := verifies("record", file, "--key", key)
		if code != exitWhole || strings.Count(out, "\n") != 1 || strings.ContainsAny(out, "\r\x1b\u2028\u202e") || !strings.Contains(out, `read "Patient`) {
			t.Errorf("exit %d\n%q", code, out)
		}
	}
	file, key := saidBy(t, "clinic/n1/changes.0", ledgerbridge.Draft{Action: "R", Interaction: "history-instance", Type: "Patient", Decision: "permit", Outcome: 200})
	if code, out := verifies("record", file, "--key", key); code != exitWhole || strings.Contains(out, `"`) {
		t.Errorf("exit %d\n%q", code, out)
	}
}

// Neither can what is wrong with a bundle that anybody made.
func TestBundleThatSpeaksForTheVerifier(t *testing.T) {
	file, key := saidBy(t, "clinic/n1/changes.0", ledgerbridge.Draft{Action: "R", Interaction: "read", Type: "Patient"})
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`"entry":{"x\u001b[2K\nok: `, `"more\u001b[2K":1,"entry":{`, "\"entry\x1b[2K\nok:"} {
		bad := bytes.Replace(good, []byte(`"entry":{`), []byte(text), 1)
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out := verifies("record", file, "--key", key); code != exitTampered || strings.Count(out, "\n") != 1 || strings.Contains(out, "\x1b") {
			t.Errorf("exit %d\n%q", code, out)
		}
	}
	if got := oneLine("a\nb\x1b[2K\x00\u202ec \xff d ä"); strings.ContainsAny(got, "\n\x1b\x00\u202e") || !strings.HasPrefix(got, "a; b") || !strings.HasSuffix(got, " d ä") {
		t.Errorf("%q", got)
	}
}

// A file of any size is not read into memory.
func TestHugeBundle(t *testing.T) {
	file, key := saidBy(t, "clinic/n1/changes.0", ledgerbridge.Draft{Action: "R", Interaction: "read", Type: "Patient"})
	if err := os.Truncate(file, 1<<40); err != nil {
		t.Skip("no file of that size can be made here:", err)
	}
	if code, out := verifies("record", file, "--key", key); code != exitUnchecked || !strings.Contains(out, "more than 128 MB") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// Who names a channel, or orderers, wants the record there, also if the members are
// missing: a record that was never anchored is not enough.
func TestTrustWithoutMembers(t *testing.T) {
	file, key := saidBy(t, "clinic/n1/changes.0", ledgerbridge.Draft{Action: "R", Interaction: "read", Type: "Patient"})
	trust := t.TempDir()
	if err := os.WriteFile(filepath.Join(trust, "channel.json"), []byte(`{"channel":"aceso","chaincode":"aceso","orderer_signatures":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--trust", trust}, {"--channel", "aceso"}} {
		if code, out := verifies(append([]string{"record", file, "--key", key}, args...)...); code != exitUnchecked || !strings.Contains(out, "not anchored") {
			t.Errorf("%v: exit %d\n%s", args, code, out)
		}
	}
	if code, out := verifies("record", file, "--key", key, "--trust", t.TempDir()); code != exitWhole || strings.Contains(out, "anchored") {
		t.Errorf("a folder with keys at most: exit %d\n%s", code, out)
	}
}
