package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/node/nodetest"
)

// childNode is a node in a process of its own, so that it can be killed, traced and
// starved. Its users are those of testNode.
type childNode struct {
	*testNode
	cmd  *exec.Cmd
	logs *os.File
}

// startChild runs `aceso serve` on a folder until the test ends. The binary is the
// one that TestMain puts into the PATH.
func startChild(t testing.TB, dir string, flags ...string) *childNode {
	t.Helper()
	c := &childNode{testNode: &testNode{Node: nodetest.Node{T: t}, data: node.Folder(dir)}}
	c.cmd = serveProcess(dir, flags...)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.logs, err = os.CreateTemp(t.TempDir(), "log"); err != nil {
		t.Fatal(err)
	}
	c.cmd.Stderr = c.logs
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	origin, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !found {
		t.Fatalf("serve printed %q (%v)\n%s", line, err, c.log())
	}
	go io.Copy(io.Discard, lines)
	c.Server = &httptest.Server{URL: origin}
	c.Client.Transport = &http.Transport{MaxIdleConnsPerHost: 100}
	return c
}

func serveProcess(dir string, flags ...string) *exec.Cmd {
	args := []string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--org", "hospital", "--node", "n1", "--base-url", "http://127.0.0.1/fhir"}
	return exec.Command("aceso", append(args, flags...)...)
}

// log is what the process wrote on standard error.
func (c *childNode) log() string {
	data, err := os.ReadFile(c.logs.Name())
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// kill ends the process as a crash would.
func (c *childNode) kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	c.Client.CloseIdleConnections()
	_ = c.logs.Close()
}

// terminate ends the process as an operator would.
func (c *childNode) terminate() {
	c.T.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.T.Fatal(err)
	}
	c.Client.CloseIdleConnections()
	if err := c.cmd.Wait(); err != nil {
		c.T.Fatalf("serve ended with %v\n%s", err, c.log())
	}
	_ = c.logs.Close()
}

// tracer is strace, attached to a running node.
type tracer struct {
	t   testing.TB
	cmd *exec.Cmd
}

// attach starts strace on all threads of the node and returns when it has them.
// A machine that does not allow it skips the test.
func (c *childNode) attach(args ...string) *tracer {
	c.T.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		c.T.Skip("SKIPPED: strace is not installed, so this machine does not show the order of system calls")
	}
	tr := &tracer{c.T, exec.Command(path, append([]string{"-f", "-p", fmt.Sprint(c.cmd.Process.Pid)}, args...)...)}
	said, err := tr.cmd.StderrPipe()
	if err != nil {
		c.T.Fatal(err)
	}
	if err := tr.cmd.Start(); err != nil {
		c.T.Fatal(err)
	}
	c.T.Cleanup(tr.detach)
	lines := bufio.NewReader(said)
	line, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(line, "attached") {
		c.T.Skipf("SKIPPED: strace may not trace here: %s %v", line, err)
	}
	go io.Copy(io.Discard, lines)
	return tr
}

// detach lets the node go on by itself.
func (tr *tracer) detach() {
	if tr.cmd.ProcessState != nil {
		return
	}
	_ = tr.cmd.Process.Signal(os.Interrupt)
	_ = tr.cmd.Wait()
}

// A second process on the same folder is refused with a sentence; looking at the
// records is not.
func TestTwoProcessesOnOneFolder(t *testing.T) {
	dir := t.TempDir()
	first := startChild(t, dir)
	first.as("system", "HOPERAT").Put("/Patient/p1", patientJSON("p1", "One")).Want(201)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for name, args := range map[string][]string{
		"serve": serveProcess(dir).Args[1:],
		"erase": {"erase", "--data", dir, "--patient", "p1"},
	} {
		said, err := exec.CommandContext(ctx, "aceso", args...).CombinedOutput()
		if err == nil || !strings.Contains(string(said), "in use by another process") {
			t.Errorf("a second process, %s: %v\n%s", name, err, said)
		}
	}
	first.as("practitioner", "TREAT").Get("/Patient/p1").Want(200)
	if code, out := verifyLog(dir); code != 0 {
		t.Errorf("verify log beside a running server: exit %d\n%s", code, out)
	}
	first.terminate()
}
