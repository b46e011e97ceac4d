package node

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/aceso-health/aceso/node/nodetest"
)

// mostAllocations is how many a GET by id may make, policy, record and checkpoints included.
const mostAllocations = 120

// A read allocates little: what it makes is what the collector takes from other requests.
func TestReadAllocatesLittle(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	doctor := n.as("practitioner", "TREAT")
	l := nodetest.Load{Address: n.Server.Listener.Addr().String(), Connections: nodetest.Connections, Total: 500}
	for _, p := range []string{"p1", "p2"} {
		l.Requests = append(l.Requests, nodetest.GetRequest(doctor, "/Observation/o-"+p))
	}
	send := func() {
		if _, err := nodetest.Measure(l, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	send()
	var before, after runtime.MemStats
	l.Total = 3000
	runtime.ReadMemStats(&before)
	send()
	runtime.ReadMemStats(&after)
	each := float64(after.Mallocs-before.Mallocs) / float64(l.Total)
	fmt.Printf("GET by id: %.0f allocations, %.1f KB\n", each, float64(after.TotalAlloc-before.TotalAlloc)/float64(l.Total)/1000)
	if each > mostAllocations {
		t.Errorf("%.1f allocations, more than %d", each, mostAllocations)
	}
}
