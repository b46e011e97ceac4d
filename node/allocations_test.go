package node

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// How many allocations a GET by id may make, policy, record and checkpoints included.
const (
	mostAllocations        = 120
	mostAllocationsOnMongo = 300
)

// A read allocates little: what it makes is what the collector takes from other requests.
func TestReadAllocatesLittle(t *testing.T) {
	readsAllocate(t, startNode(t, t.TempDir()), mostAllocations)
}

// The same with a database, whose stand-in is another process: these are the node's and the
// driver's.
func TestReadOnMongoDBAllocatesLittle(t *testing.T) {
	c := &testCluster{t: t, uri: mongotest.StartApart(t), key: filepath.Join(t.TempDir(), "master.key"), life: time.Minute}
	if _, err := keyring.CreateMaster(c.key); err != nil {
		t.Fatal(err)
	}
	readsAllocate(t, c.start(t.TempDir(), "n1"), mostAllocationsOnMongo)
}

func readsAllocate(t *testing.T, n *testNode, most float64) {
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
	fmt.Printf("%s: %.0f allocations for each GET by id, %.1f KB\n", t.Name(), each, float64(after.TotalAlloc-before.TotalAlloc)/float64(l.Total)/1000)
	if each > most {
		t.Errorf("%.1f allocations, more than %.0f", each, most)
	}
}
