package node

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// clientFolder has a script for each client, and their modules once they were installed.
const clientFolder = "../testdata/npm"

// Ordinary FHIR clients work with a node as they are.
func TestClients(t *testing.T) {
	const most = "crud patch history search batch transaction "
	for name, steps := range map[string]string{
		"fhir-kit-client": most + "conditional everything validate binary",
		"medplum":         most + "conditional everything validate binary",
		"bonfhir":         most + "conditional everything validate binary",
		"fhir.js":         most + "conditional meta binary",
		"fhirclient":      most + "everything",
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(runClient(t, name), " "); got != steps {
				t.Errorf("steps done: %s\nwanted: %s", got, steps)
			}
		})
	}
}

// runClient runs the script of a client against a node of its own, and returns the steps
// that it says are done.
func runClient(t *testing.T, name string) []string {
	t.Helper()
	node, err := exec.LookPath("node")
	if _, missing := os.Stat(filepath.Join(clientFolder, "node_modules")); err != nil || missing != nil {
		t.Skip("SKIPPED: no Node.js on the PATH, or its modules are not installed (make clients), so no client was tried")
	}
	n, base := addressedNode(t)
	run := exec.CommandContext(t.Context(), node, name+".mjs")
	run.Dir = clientFolder
	run.Env = []string{"PATH=" + os.Getenv("PATH"), "ACESO_BASE=" + base, "ACESO_TOKEN=" + n.as("system", "HOPERAT").Token}
	var complaints strings.Builder
	run.Stderr = &complaints
	out, err := run.Output()
	if err != nil {
		t.Errorf("%v\n%s", err, &complaints)
	}
	return strings.Fields(string(out))
}

// addressedNode starts a node whose links lead to itself.
func addressedNode(t *testing.T) (*testNode, string) {
	t.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + at.Addr().String() + "/fhir"
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.BaseURL = base })
	s := &httptest.Server{Listener: at, Config: &http.Server{Handler: n.node.handler}}
	s.Start()
	t.Cleanup(s.Close)
	return n, base
}
