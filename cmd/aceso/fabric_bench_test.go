package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/node/nodetest"
)

// BenchmarkLedger compares GETs of a node that anchors on a real network of three
// organisations, on the same cores, with those of one that has its own checkpoints
// only: in turns, so that both meet the same machine.
func BenchmarkLedger(b *testing.B) {
	if os.Getenv("ACESO_BENCH_FABRIC") == "" {
		b.Skip("SKIPPED: set ACESO_BENCH_FABRIC=1 to start a network for it")
	}
	net := startFabric(b)
	alone := startNode(b, b.TempDir())
	anchored := startNode(b, b.TempDir(), func(o *node.Options) {
		o.Anchor.Profile = net.Profile("hospital")
	})
	for _, n := range []*testNode{alone, anchored} {
		n.as("system", "HOPERAT").Put("/Patient/p", patientJSON("p", "Family")).Want(201)
		for i := range 100 {
			o := fmt.Sprintf("o%d", i)
			n.as("system", "HOPERAT").Put("/Observation/"+o, observationJSON(o, "p", float64(i))).Want(201)
		}
	}
	const turns, each = 5, 4 * time.Second
	for b.Loop() {
		var done [2]int
		for range turns {
			for i, n := range []*testNode{alone, anchored} {
				anchored.allAnchored()
				done[i] += readFor(b, n, each)
			}
		}
		seconds := (turns * each).Seconds()
		b.ReportMetric(float64(done[0])/seconds, "local-req/s")
		b.ReportMetric(float64(done[1])/seconds, "fabric-req/s")
		b.ReportMetric(100*float64(done[1])/float64(done[0]), "%")
	}
}

// readFor reads for that long over all nodetest.Connections, and counts.
func readFor(b *testing.B, n *testNode, long time.Duration) int {
	doctor := n.as("practitioner", "TREAT")
	var sent atomic.Int64
	var done atomic.Int64
	var wg sync.WaitGroup
	end := time.AfterFunc(long, func() { sent.Add(1 << 40) })
	defer end.Stop()
	for range nodetest.Connections {
		wg.Go(func() {
			own, err := nodetest.Drive(&n.Node, 1<<40, &sent, func(i int64) string { return nodetest.GetRequest(doctor, fmt.Sprintf("/Observation/o%d", i%100)) })
			if err != nil {
				b.Error(err)
			}
			done.Add(int64(len(own)))
		})
	}
	wg.Wait()
	return int(done.Load())
}
