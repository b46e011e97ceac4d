package fhirtest

import (
	"runtime/metrics"
	"testing"
	"time"
)

// A Bound is how much work an input may make: a fixed part, and a part for each byte.
type Bound struct {
	Bytes, BytesPerByte int           // allocated
	CPU, CPUPerByte     time.Duration // of the whole process
}

// Linear is the bound for anything that a client may send: 200 MB and 1 s of CPU for 100 KB.
var Linear = Bound{Bytes: 20 << 20, BytesPerByte: 1800, CPU: 200 * time.Millisecond, CPUPerByte: 8 * time.Microsecond}

// Check fails the test if work on size bytes of input exceeds the bound. Work must be
// repeatable: what else goes on in the process counts, so the best of three attempts does.
func (b Bound) Check(t testing.TB, size int, work func()) {
	t.Helper()
	bytes, cpu := uint64(b.Bytes+size*b.BytesPerByte), b.CPU+time.Duration(size)*b.CPUPerByte
	var usedBytes uint64
	var usedCPU time.Duration
	for range 3 {
		usedBytes, usedCPU = Cost(work)
		if usedBytes <= bytes && (usedCPU <= cpu || instrumented) {
			return
		}
	}
	t.Errorf("%d bytes of input allocate %d bytes (bound %d) and take %v of CPU (bound %v)", size, usedBytes, bytes, usedCPU, cpu)
}

// Cost is what work allocates, and the CPU time of the process meanwhile.
func Cost(work func()) (bytes uint64, cpu time.Duration) {
	before, start := allocated(), CPUTime()
	work()
	return allocated() - before, CPUTime() - start
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
