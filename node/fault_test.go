package node

import (
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
)

// newOutage loads what the requests of an outage ask for.
func newOutage(t *testing.T, n *testNode) *nodetest.Outage {
	t.Helper()
	o := &nodetest.Outage{T: t, System: n.as("system", "HOPERAT"), Doctor: n.as("practitioner", "TREAT"), Office: n.as("privacy-officer", "HOPERAT")}
	o.Patient = n.as("patient", "PATRQT", func(g *Grant) { g.Patient = "p1" })
	o.Begin()
	return o
}

// Whichever file cannot be committed to: what needs it is refused and leaves no
// trace, what does not need it goes on, and all is well once the fault is gone.
func TestCommitFails(t *testing.T) {
	for _, fault := range []error{syscall.EIO, syscall.ENOSPC, fs.ErrClosed} {
		for _, file := range []string{"access.db", "aceso.db", ""} {
			t.Run(fmt.Sprintf("%v %s", fault, file), func(t *testing.T) {
				var failing atomic.Bool
				dir := t.TempDir()
				n := startNode(t, dir, func(n *Node, _ *Options) {
					n.folder.Fault = func(op string) error {
						if failing.Load() && strings.HasPrefix(op, file) {
							return fault
						}
						return nil
					}
				})
				o := newOutage(t, n)
				failing.Store(true)
				if file != "aceso.db" {
					o.Refused(o.Reads())
					o.BatchRefused()
				}
				if file != "access.db" {
					o.Refused(o.Writes(0))
				}
				if file == "aceso.db" {
					o.Doctor.Get("/Patient/p1").Want(200)
				}
				failing.Store(false)
				o.Over(1)
				n.stop()
				wantWhole(t, Folder(dir), Database{})
			})
		}
	}
}
