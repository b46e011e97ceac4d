package node

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// wantReadiness asks until the status is as wanted, and checks the words then.
func (n *testNode) wantReadiness(status int, words string) {
	n.T.Helper()
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		got, told := n.readiness()
		if got == status && strings.Contains(told, words) {
			return
		}
		if time.Since(begin) > 20*time.Second {
			n.T.Fatalf("readyz: %d %s, want %d %s", got, told, status, words)
		}
	}
}

// Whichever file cannot be written, the node says that it is not ready before anybody asks
// for data, says nothing about its files, and is ready again when they can be written.
func TestReadinessKnowsOfTheDisk(t *testing.T) {
	for _, file := range []string{"access.db", "aceso.db", "part.keys"} {
		t.Run(file, func(t *testing.T) {
			var failing atomic.Bool
			n := startNode(t, t.TempDir(), func(n *Node, _ *Options) {
				n.folder.Fault = func(op string) error {
					if failing.Load() && strings.HasPrefix(op, file) {
						return syscall.ENOSPC
					}
					return nil
				}
			})
			n.wantReadiness(200, "ready")
			failing.Store(true)
			n.wantReadiness(503, "records cannot be written")
			if _, words := n.readiness(); strings.Contains(words, ".db") || strings.Contains(words, "space") {
				t.Errorf("readyz says %s", words)
			}
			failing.Store(false)
			n.wantReadiness(200, "ready")
		})
	}
}

// A record that cannot be made counts, too, though what there is of the files can be
// written: here there is no room for the keys of new patients.
func TestReadinessKnowsOfFailedRecords(t *testing.T) {
	var full atomic.Bool
	n := startNode(t, t.TempDir(), func(n *Node, _ *Options) {
		n.folder.Fault = func(op string) error {
			if full.Load() && op == "part.keys grow" {
				return syscall.ENOSPC
			}
			return nil
		}
	})
	system := n.as("system", "HOPERAT")
	n.wantReadiness(200, "ready")
	full.Store(true)
	system.Put("/Patient/p1", patientJSON("p1", "A")).Want(503)
	full.Store(false)
	n.wantReadiness(503, "records cannot be written") // though the next one could
	system.Put("/Patient/p1", patientJSON("p1", "A")).Want(201)
	n.wantReadiness(200, "ready")
}

// A database that takes no writes makes its nodes unready.
func TestReadinessKnowsOfTheDatabase(t *testing.T) {
	c := newCluster(t, 1)
	if c.standIn == nil {
		t.Skip("SKIPPED: a real server cannot be told to fail")
	}
	n := c.nodes[0]
	n.wantReadiness(200, "ready")
	full := c.standIn.Fail(mongotest.Fault{Command: "update", Do: mongotest.NotWritablePrimary, Times: -1})
	n.wantReadiness(503, "records cannot be written")
	full.Remove()
	n.wantReadiness(200, "ready")
}

// Policies that cannot decide a question refuse it, and the node says so until it can.
func TestReadinessKnowsOfThePolicies(t *testing.T) {
	dir := policyFolder(t)
	const broken = "\n\ndecision := deny(\"purpose-not-allowed\") if input.agent.client == \"odd\"\n"
	rewrite(t, filepath.Join(dir, "decision.rego"), "package aceso.access", "package aceso.access"+broken)
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Policies = dir })
	twoPatients(n)
	n.wantReadiness(200, "ready")
	n.as("practitioner", "TREAT", func(g *Grant) { g.Client = "odd" }).Get("/Patient/p1").Want(http.StatusForbidden)
	n.wantReadiness(503, "the policies in force cannot decide")
	n.as("practitioner", "TREAT").Get("/Patient/p1").Want(http.StatusOK)
	rewrite(t, filepath.Join(dir, "decision.rego"), broken, "")
	n.wantReadiness(200, "ready")
}

// Policies that are not in force make their node unready: those of its folder, and those
// that it has proposed to all nodes.
func TestReadinessKnowsOfPoliciesNotInForce(t *testing.T) {
	const words = "the policy folder does not compile or fails its tests"
	var refused atomic.Bool
	n := startNode(t, t.TempDir(), func(n *Node, _ *Options) {
		n.proposed = func() error {
			if refused.Load() {
				return errors.New("the proposal fails its tests")
			}
			return nil
		}
	})
	told := func(want string) {
		t.Helper()
		if got := fmt.Sprint(n.node.ready(t.Context())); !strings.Contains(got, want) {
			t.Errorf("readiness says %s, want %s", got, want)
		}
	}
	told("<nil>")
	refused.Store(true)
	told(words)
	refused.Store(false)
	told("<nil>")
	if err := n.node.policy.Reload(t.Context(), fstest.MapFS{}); err == nil {
		t.Fatal("a folder without policies is in force")
	}
	told(words)
}
