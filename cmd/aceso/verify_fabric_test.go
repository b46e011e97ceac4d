package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/ledgerbridge/local"
)

// verifies runs `aceso verify` in this process.
func verifies(args ...string) (code int, out string) {
	var all bytes.Buffer
	code = run(append([]string{"verify"}, args...), &all, &all)
	return code, all.String()
}

// A record of the hospital is proven to somebody with nothing but a folder that the
// laboratory wrote; and the laboratory checks everybody's logs.
func testProofs(t *testing.T, net *devnet.Network, hospital, lab string) {
	n := startChild(t, hospital, onFabric(net, "hospital")...)
	answer := n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	bundle := n.anchoredProof(answer)
	export(t, hospital, n.anchoredProof(n.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "exported")).Want(200)))
	n.allAnchored()
	n.terminate()
	file, trust := filepath.Join(t.TempDir(), "record.json"), filepath.Join(t.TempDir(), "trust")
	write := func(data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(bundle)
	if code, out := verifies("trust", "--profile", net.Profile("lab"), "--out", trust); code != exitWhole {
		t.Fatalf("trust: exit %d\n%s", code, out)
	}
	code, out := verifies("record", file, "--trust", trust, "--receipt", answer.Receipt().String())
	if code != exitWhole || !strings.Contains(out, "anchored on channel "+devnet.Channel+" by transaction ") {
		t.Fatalf("a true proof: exit %d\n%s", code, out)
	}
	for i := 0; i < len(bundle); i += 41 {
		bad := bytes.Clone(bundle)
		bad[i] ^= 1
		write(bad)
		if code, _ := verifies("record", file, "--trust", trust); code == exitWhole {
			t.Fatalf("byte %d changed (%q), and the proof is accepted", i, bundle[max(0, i-20):min(len(bundle), i+20)])
		}
	}
	write(bundle)
	testPartialTrust(t, file, trust)
	testInspection(t, net, lab)
}

// While its peer is down, a node proves what it can by itself. Of a peer whose block
// file was edited by one hexadecimal digit meanwhile, nobody notices anything but
// who looks.
func testEditedBlockFile(t *testing.T, net *devnet.Network, registry string) {
	const peer = "peer-registry"
	n := startChild(t, registry, onFabric(net, "registry")...)
	answer := n.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	n.allAnchored()
	if err := net.Kill(peer); err != nil {
		t.Fatal(err)
	}
	proof := func() []byte {
		return n.as("privacy-officer", "HOPERAT").Get("/AuditEvent/" + answer.Event() + "/$proof").Want(200).Body
	}
	bundle := proof()
	if !bytes.Contains(bundle, []byte(`"state":"anchored"`)) || bytes.Contains(bundle, []byte(`"evidence"`)) {
		t.Errorf("the proof while the peer is down: %s", bundle)
	}
	saved := filepath.Join(t.TempDir(), "proof.json")
	if err := os.WriteFile(saved, bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := verifies(append([]string{"record", saved}, trustedKeys(t, registry)...)...); code != exitUnchecked {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code, out := verifies("ledger", "--profile", net.Profile("lab")); code != exitUnchecked || !strings.Contains(out, "not checked: "+peer) {
		t.Errorf("a peer is down: exit %d\n%s", code, out)
	}
	file := filepath.Join(devnettest.Folder(net, peer), "data", "ledgersData", "chains", "chains", devnet.Channel, "blockfile_000000")
	editDigit(t, file, []byte("registry/n1/accesses.0"))
	if err := net.StartProcess(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	until(t, "the peer serves again", func() bool { return bytes.Contains(proof(), []byte(`"evidence"`)) })
	code, out := verifies("ledger", "--profile", net.Profile("lab"))
	if code != exitTampered || !strings.Contains(out, "tampered: "+peer+", block ") || strings.Contains(out, "tampered: peer-lab") {
		t.Errorf("an edited block file: exit %d\n%s", code, out)
	}
}

// testForkIsSeen: everybody sees the mark; who holds the other history, or less than
// the channel, sees that. The log's keys are not handed to verifiers any more.
func testForkIsSeen(t *testing.T, net *devnet.Network, dir, other string) {
	for _, test := range []struct {
		code int
		says string
		args []string
	}{
		{exitTampered, "source hospital/n1/changes.0: is marked as forked at size ", nil},
		{exitTampered, "records in the data folder are not those that the channel has", []string{"--data", other}},
		{exitTampered, " held checkpoints compared", []string{"--witness", filepath.Join(dir, local.FileName)}},
		{exitUnchecked, "absent has no checkpoints", []string{"--data", filepath.Join(dir, "absent")}},
		{exitUnchecked, "no such file", []string{"--witness", filepath.Join(dir, "absent")}},
	} {
		code, out := verifies(append([]string{"ledger", "--profile", net.Profile("lab")}, test.args...)...)
		if code != test.code || !strings.Contains(out, test.says) {
			t.Errorf("%v: exit %d\n%s", test.args, code, out)
		}
	}
	if _, out := verifies("ledger", "--profile", net.Profile("lab"), "--data", dir); strings.Contains(out, "data folder") ||
		strings.Contains(lineOf(out, "source hospital/n1/changes.0: forked"), " 0 held") {
		t.Errorf("the hospital's own folder: %s", out)
	}
	testTrustAfterFork(t, net, dir)
}

// testTrustAfterFork: what was anchored stays proven.
func testTrustAfterFork(t *testing.T, net *devnet.Network, hospital string) {
	trust := filepath.Join(t.TempDir(), "trust")
	code, out := verifies("trust", "--profile", net.Profile("lab"), "--out", trust)
	if code != exitWhole || !strings.Contains(out, "hospital/n1/changes.0 is marked as forked") || strings.Contains(out, "accesses.0 is marked") {
		t.Errorf("trust after a fork: exit %d\n%s", code, out)
	}
	if code, out := verifies("record", exported(hospital), "--trust", trust); code != exitWhole {
		t.Errorf("a record that was anchored before: exit %d\n%s", code, out)
	}
}

// editDigit changes the first hexadecimal digit after a text in a file.
func editDigit(t *testing.T, file string, after []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, after)
	if at < 0 {
		t.Fatalf("%s is not in %s", after, file)
	}
	at += len(after) + bytes.IndexAny(data[at+len(after):], "0123456789abcdef")
	data[at] ^= 1 // another digit, or a letter next to it
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// anchoredProof waits for the record of an answer to be anchored.
func (n *testNode) anchoredProof(answer response) (bundle []byte) {
	n.T.Helper()
	officer := n.as("privacy-officer", "HOPERAT")
	until(n.T, "the record is anchored", func() bool {
		bundle = officer.Get("/AuditEvent/" + answer.Event() + "/$proof").Want(200).Body
		return bytes.Contains(bundle, []byte(`"evidence":`))
	})
	return bundle
}

// export keeps a proof for later; exported is where.
func export(t *testing.T, dir string, bundle []byte) {
	t.Helper()
	if err := os.WriteFile(exported(dir), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
}

func exported(dir string) string { return filepath.Join(dir, "exported.json") }

// testPartialTrust: who trusts less than is needed is told what is missing.
func testPartialTrust(t *testing.T, file, trust string) {
	var key string
	text, err := os.ReadFile(filepath.Join(trust, "keys.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "hospital/n1/accesses.0+") {
			key = strings.TrimSpace(line)
		}
	}
	root := func(folder, msp string) string {
		return fmt.Sprintf("%s=%s", msp, filepath.Join(trust, folder, msp+".pem"))
	}
	hospital, lab, registry, orderer := root("organizations", "hospital"), root("organizations", "lab"), root("organizations", "registry"), root("orderers", "orderer1")
	members := slices.Clip([]string{"--org-root", hospital, "--org-root", lab, "--org-root", registry})
	for _, test := range []struct {
		code int
		says string
		args []string
	}{
		{exitWhole, "anchored on", append(members, "--orderer-root", orderer)},
		{exitWhole, "anchored on", append(members, "--orderer-root", orderer, "--channel", devnet.Channel)},
		{exitUnchecked, "roots that you trust", nil},
		{exitUnchecked, "no roots of orderers", members},
		{exitUnchecked, "no roots were given for ", []string{"--org-root", hospital, "--orderer-root", orderer}},
		{exitUnchecked, "2 are needed", append(members, "--orderer-root", orderer, "--orderer-signatures", "2")},
		{exitTampered, "not of", append(members, "--orderer-root", orderer, "--channel", "other")},
		{exitUnchecked, "not of the form", []string{"--org-root", "hospital"}},
		{exitUnchecked, "count as two organisations", []string{"--org-root", hospital, "--org-root", "lab=" + filepath.Join(trust, "organizations", "hospital.pem")}},
	} {
		code, out := verifies(append([]string{"record", file, "--key", key}, test.args...)...)
		if code != test.code || !strings.Contains(out, test.says) {
			t.Errorf("%v: exit %d\n%s", test.args, code, out)
		}
	}
}

// testInspection: the laboratory accepts what everybody anchored, and compares its own
// checkpoints with it.
func testInspection(t *testing.T, net *devnet.Network, lab string) {
	ledger := func() (int, string) { return verifies("ledger", "--profile", net.Profile("lab"), "--data", lab) }
	code, out := ledger()
	if code != exitWhole {
		t.Fatalf("exit %d\n%s", code, out)
	}
	for _, org := range hospitals {
		if !strings.Contains(out, "source "+org+"/n1/changes.0: open, ") || !strings.Contains(out, " of "+org+": ") {
			t.Errorf("nothing is said of %s\n%s", org, out)
		}
	}
	if strings.Contains(lineOf(out, "source lab/n1/changes.0"), " 0 held checkpoints") {
		t.Errorf("the laboratory's own checkpoints were not compared\n%s", out)
	}
}

func lineOf(text, prefix string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}
