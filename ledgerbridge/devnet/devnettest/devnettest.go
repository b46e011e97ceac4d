// Package devnettest starts Hyperledger Fabric networks for tests, in folders that go
// with them. It is not part of the program, and does not download anything.
package devnettest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
	"github.com/aceso-health/aceso/ledgerbridge/devnet"
)

// Main is what TestMain of a package calls that starts networks: the test binary then
// also serves the contract, in a process of its own.
func Main(m *testing.M) int {
	if id := os.Getenv("CHAINCODE_ID"); id != "" {
		return serve(id)
	}
	return m.Run()
}

func serve(id string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", os.Getenv("CHAINCODE_SERVER_ADDRESS"))
	if err == nil {
		err = chaincode.Serve(ctx, l, id, nil)
	}
	if err != nil {
		println(err.Error())
		return 1
	}
	return 0
}

// Signal sends a signal to a process: SIGSTOP halts it, SIGCONT resumes it.
func Signal(n *devnet.Network, name string, s syscall.Signal) error {
	for _, p := range n.Status().Processes {
		if p.Name == name && p.PID > 0 {
			return syscall.Kill(p.PID, s)
		}
	}
	return errors.New(name + " does not run")
}

// Folder is that of an orderer or peer, with its configuration and its data.
func Folder(n *devnet.Network, name string) string { return filepath.Join(n.Status().Dir, name) }

// Start brings up a network until the test ends. What the options leave open: the
// folder is a temporary one, blocks are cut after 50 ms, and the test binary serves
// the contract, for which TestMain must call Main. It skips the test where Fabric
// cannot be built without the Internet.
func Start(t testing.TB, o devnet.Options) *devnet.Network {
	t.Helper()
	n, err := devnet.Start(t.Context(), Complete(t, o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.Stop()
		if t.Failed() {
			logs(t, n)
		}
	})
	return n
}

// Complete fills what the options leave open, as Start does.
func Complete(t testing.TB, o devnet.Options) devnet.Options {
	t.Helper()
	lines := &lines{t: t}
	t.Cleanup(lines.end)
	if o.Progress == nil {
		o.Progress = lines
	}
	if o.Bin == "" {
		o.Bin = tools(t, o)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "network.json")); err != nil && o.BatchTimeout == 0 {
		o.BatchTimeout = 50e6
	}
	if len(o.Chaincode) == 0 {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		o.Chaincode = []string{self}
	}
	return o
}

func tools(t testing.TB, o devnet.Options) string {
	t.Helper()
	if os.Getenv("CHAINCODE_ID") != "" {
		t.Fatal("this process should serve the contract: TestMain must call devnettest.Main")
	}
	dir, err := devnet.Tools(t.Context(), o.Progress, true)
	switch {
	case errors.Is(err, devnet.ErrNoGo), errors.Is(err, devnet.ErrNotDownloaded):
		t.Skipf("SKIPPED: this test did not run: %v (`make fabric` downloads them)", err)
	case err != nil:
		t.Fatal(err)
	}
	return dir
}

// logs shows how the log of each process ends.
func logs(t testing.TB, n *devnet.Network) {
	for _, p := range n.Status().Processes {
		text, _ := os.ReadFile(p.Log)
		all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
		t.Logf("%s, %s:\n%s", p.Name, p.State, bytes.Join(all[max(0, len(all)-10):], []byte("\n")))
	}
}

// lines writes progress into a test's log while the test runs.
type lines struct {
	mu sync.Mutex
	t  testing.TB
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Logf("%s", bytes.TrimSpace(p))
	}
	return len(p), nil
}

func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t = nil
}
