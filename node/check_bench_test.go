package node

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store"
)

// BenchmarkChecks measures what the checks of everything cost, and those that go on from
// there, at the sizes that ACESO_BENCH_CHECKS names.
func BenchmarkChecks(b *testing.B) {
	sizes := scaleSizes(b)
	onEachStore(b, func(b *testing.B, n *testNode) {
		w := &ward{n: n}
		for _, size := range sizes {
			w.fill(b, size)
			benchmarkChecks(b, w)
		}
	})
}

func benchmarkChecks(b *testing.B, w *ward) {
	n, size := w.n, w.patients*perPatient
	whole := func(f store.Finding) error { return &f }
	verifyLog := func(x Extent) error {
		_, err := VerifyLog(b.Context(), n.data, n.database, Evidence{}, x, whole)
		return err
	}
	checkStore := func(x Extent) error {
		return CheckStore(b.Context(), n.data, n.database, Check{Sample: 1}, x, whole)
	}
	for _, c := range []struct {
		name  string
		check func() error
	}{
		{"verify log --all", func() error { return verifyLog(Extent{All: true}) }},
		{"store check --all", func() error { return checkStore(Extent{All: true}) }},
		{"verify log", func() error { return verifyLog(Extent{}) }},
		{"store check", func() error { return checkStore(Extent{}) }},
		{"scrubber's round", func() error { return n.node.verify(b.Context(), Extent{}, scrubTurns, false, whole) }},
		{"start", func() error { return n.node.continued(b.Context()) }},
	} {
		b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
			if c.name == "verify log" || c.name == "store check" { // a thousand new resources
				for i := range 10 {
					r, err := n.as("system", "HOPERAT").Try(http.MethodPost, "", nodetest.UsualWard.Bundle(w.patients+i))
					if err != nil || r.Status != http.StatusOK {
						b.Fatal(err, r.Status)
					}
				}
			}
			runtime.GC()
			cpu, start := fhirtest.CPUTime(), time.Now()
			if err := c.check(); err != nil {
				b.Fatal(err)
			}
			millions := float64(size) / 1e6
			b.ReportMetric(time.Since(start).Seconds()/millions, "s/M")
			b.ReportMetric((fhirtest.CPUTime()-cpu).Seconds()/millions, "cpu-s/M")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys-m.HeapReleased)/1e6, "heap-MB")
		})
	}
}
