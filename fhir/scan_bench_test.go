package fhir

import (
	"os"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir/fhirtest"
)

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestScanAllocatesNothing(t *testing.T) {
	for _, name := range []string{"observation.json", "patient.json", "bundle.json"} {
		data := readTestdata(t, name)
		s := &scanner{d: definitions()}
		for _, check := range []bool{true, false} {
			n := testing.AllocsPerRun(100, func() {
				if err := s.scan(data, check); err != nil {
					t.Fatal(err)
				}
			})
			if n != 0 {
				t.Errorf("%s, check %v: %v allocations", name, check, n)
			}
		}
	}
}

// BenchmarkScan reports how many times faster a scan is than decoding the same
// bytes with encoding/json and UseNumber, both measured in turns.
func BenchmarkScan(b *testing.B) {
	for _, name := range []string{"observation.json", "patient.json", "bundle.json"} {
		data := readTestdata(b, name)
		for _, mode := range []struct {
			name  string
			check bool
		}{{"parse", true}, {"open", false}} {
			b.Run(name+"/"+mode.name, func(b *testing.B) { benchmarkScan(b, data, mode.check) })
		}
	}
}

func benchmarkScan(b *testing.B, data []byte, check bool) {
	s := &scanner{d: definitions()}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.scan(data, check); err != nil {
			b.Fatal(err)
		}
	}
	var ours, theirs time.Duration
	for range 20 {
		ours += timed(b, 100, func() error { return s.scan(data, check) }) / 10
		theirs += timed(b, 10, func() error { return fhirtest.Decode(data) })
	}
	b.ReportMetric(float64(theirs)/float64(ours), "x-encoding/json")
}

func timed(b *testing.B, rounds int, f func() error) time.Duration {
	start := fhirtest.CPUTime()
	for range rounds {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	return fhirtest.CPUTime() - start
}
