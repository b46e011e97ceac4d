package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A node gives memory back once after each burst, and not while it is at work.
func TestRestingNodesGiveMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var allocated uint64
		given := 0
		go rest(ctx, time.Second, func() uint64 { return allocated }, func() { given++ })
		for step, c := range []struct {
			bytes uint64
			want  int
		}{{burst / 2, 0}, {calm, 0}, {burst, 0}, {calm, 0}, {0, 1}, {calm - 1, 1}, {burst + 1, 1}, {1, 2}, {0, 2}} {
			synctest.Wait()
			allocated += c.bytes
			time.Sleep(time.Second)
			synctest.Wait()
			if given != c.want {
				t.Errorf("step %d: given back %d times, want %d", step, given, c.want)
			}
		}
		cancel()
		synctest.Wait()
	})
}
