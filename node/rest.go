package node

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// When a node has come to rest: in a pause it allocates less than calm, and since it gave
// memory back it has allocated more than burst.
const (
	pause = 10 * time.Second
	calm  = 4 << 20
	burst = 64 << 20
)

// rest gives memory back to the system when a node has come to rest, until ctx ends. By
// itself the collector keeps what a burst has needed for minutes, and looks at what is no
// longer used only when as much again was allocated.
func rest(ctx context.Context, pause time.Duration, allocated func() uint64, release func()) {
	last, released := allocated(), uint64(0)
	for range every(ctx, pause) {
		now := allocated()
		if now-last < calm && now-released > burst {
			release()
			released = now
		}
		last = now
	}
}

// heapAllocated is how many bytes this process has ever allocated.
func heapAllocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// giveBack collects garbage and lets the system have what is free.
func giveBack() { debug.FreeOSMemory() }
