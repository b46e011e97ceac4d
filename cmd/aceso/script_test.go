package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"aceso": main})
}

// TestScripts runs testdata/*.txtar: the command line as its users know it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"waitfor": waitFor, "cat2env": fileToVariable,
	}})
}

// waitFor FILE REGEXP waits until a file has a matching line, and puts its first
// group into $match.
func waitFor(s *testscript.TestScript, _ bool, args []string) {
	line := regexp.MustCompile(args[1])
	for range 600 {
		data, _ := os.ReadFile(s.MkAbs(args[0]))
		if m := line.FindSubmatch(data); m != nil {
			s.Setenv("match", string(m[len(m)-1]))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	data, _ := os.ReadFile(s.MkAbs(args[0]))
	s.Fatalf("%s never had a line like %s:\n%s", args[0], args[1], data)
}

// fileToVariable FILE NAME puts the content of a file into a variable.
func fileToVariable(s *testscript.TestScript, _ bool, args []string) {
	s.Setenv(args[1], strings.TrimSpace(s.ReadFile(args[0])))
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// TestReadme runs the tour of the README as a reader would, on a free port.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: the tour needs %s", tool)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := shellBlock.FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no sh block")
	}
	script := "set -euo pipefail; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
	for _, b := range blocks {
		script += string(b[1])
	}
	script = strings.ReplaceAll(script, "127.0.0.1:8080", fmt.Sprint("127.0.0.1:", freePort(t)))
	shell := exec.Command("bash", "-c", script+"wait\n")
	shell.Dir = t.TempDir()
	out, err := shell.CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(shell.Dir, "serve.log"))
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, log)
	}
	for _, want := range []string{`"patient-01"`, `"8867-4"`, `"total":10`, `"AuditEvent"`, "is whole"} {
		if !strings.Contains(strings.ReplaceAll(string(out), `": `, `":`), want) {
			t.Errorf("the tour does not show %s", want)
		}
	}
	if page, _ := os.ReadFile(filepath.Join(shell.Dir, "ledger.html")); !strings.Contains(string(page), "accesses.0<wbr></code>") {
		t.Errorf("the page of the ledger is\n%s", page)
	}
	if t.Failed() {
		t.Logf("%s\n%s", out, log)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
