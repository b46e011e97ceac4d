package main

import (
	"bufio"
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// A network as its user runs it: up until it is told to end, and the commands that
// speak to it.
func TestDevnet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	bin := devnettest.Complete(t, devnet.Options{}).Bin
	ask := func(code int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if got := run(append([]string{"devnet", "--dir", dir}, args...), &out, &out); got != code {
			t.Fatalf("devnet %v: exit %d, want %d\n%s", args, got, code, &out)
		}
		return out.String()
	}
	if said := ask(exitFailed, "status"); !strings.Contains(said, "no network runs in") {
		t.Errorf("status of nothing: %s", said)
	}
	up, said := startDevnet(t, dir, bin)
	if !strings.Contains(said, "warning: one organisation") {
		t.Errorf("up does not warn:\n%s", said)
	}
	profile := regexp.MustCompile(`profile of org1: (.*)`).FindStringSubmatch(said)
	if profile == nil {
		t.Fatalf("up names no profile:\n%s", said)
	}
	if p, err := fabric.ReadProfile(profile[1]); err != nil || !p.Single() {
		t.Errorf("profile: %v", err)
	}
	for _, step := range []struct{ args, has string }{
		{"status", `(?m)^warning: one organisation.*\norderer1 +\d+ .*running\npeer-org1 +\d+ .*running\nchaincode-org1 +\d+ .*running$`},
		{"kill peer-org1", `(?m)^peer-org1 +- .*stopped$`},
		{"start peer-org1", `(?m)^peer-org1 +\d+ .*running$`},
	} {
		if said := ask(exitOK, strings.Fields(step.args)...); !regexp.MustCompile(step.has).MatchString(said) {
			t.Errorf("%s says\n%s", step.args, said)
		}
	}
	if said := ask(exitFailed, "kill", "peer-org9"); !strings.Contains(said, "chaincode-org1") {
		t.Errorf("kill of nobody: %s", said)
	}
	ask(exitOK, "down")
	if err := up.Wait(); err != nil {
		t.Errorf("up ended with %v", err)
	}
	up, _ = startDevnet(t, dir, bin)
	_ = up.Process.Signal(syscall.SIGINT)
	if err := up.Wait(); err != nil {
		t.Errorf("after an interrupt, up ended with %v", err)
	}
	for _, args := range []string{"", "sideways", "kill", "up now", "up --orgs -1", "up --orgs 2 --org-names a,b"} {
		ask(exitUsage, strings.Fields(args)...)
	}
}

// startDevnet runs `aceso devnet up` and returns what it printed when it is ready.
func startDevnet(t *testing.T, dir, bin string) (*exec.Cmd, string) {
	t.Helper()
	up := exec.Command("aceso", "devnet", "up", "--dir", dir, "--bin", bin)
	var progress bytes.Buffer
	up.Stderr = &progress
	out, err := up.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Process.Kill() })
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "ready" {
			return up, said.String()
		}
		said.WriteString(lines.Text() + "\n")
	}
	_ = up.Wait()
	t.Fatalf("up ended:\n%s", &progress)
	return nil, ""
}
