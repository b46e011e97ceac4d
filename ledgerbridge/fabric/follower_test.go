package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// tape is a channel whose blocks each have one event, of the logs a, b and c in turn.
type tape struct {
	mu      sync.Mutex
	blocks  int
	changed chan struct{} // closed and replaced when something happens
	broken  int           // how often all streams broke
	open    int           // streams
	began   []uint64      // where they did
}

func (t *tape) change(do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do()
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tape) grow(n int) { t.change(func() { t.blocks += n }) }

func logOf(block uint64) string { return string(rune('a' + block%3)) }

func (t *tape) stream(ctx context.Context, block uint64, visit func(Event) error) error {
	t.mu.Lock()
	broken := t.broken
	t.open++
	t.began = append(t.began, block)
	t.mu.Unlock()
	defer func() { t.mu.Lock(); t.open--; t.mu.Unlock() }()
	for ctx.Err() == nil {
		t.mu.Lock()
		blocks, changed, over := uint64(t.blocks), t.changed, t.broken > broken
		t.mu.Unlock()
		if over {
			return errors.New("broken")
		}
		for ; block < blocks; block++ {
			if err := visit(Event{Block: block, Origin: logOf(block)}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (t *tape) streams() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// reader follows one log.
type reader struct {
	mu    sync.Mutex
	seen  []uint64
	stop  func()
	ended chan error
}

func read(f *follower, origin string, block uint64, fails func(uint64) error) *reader {
	ctx, stop := context.WithCancel(context.Background())
	r := &reader{stop: stop, ended: make(chan error, 1)}
	go func() {
		r.ended <- f.follow(ctx, origin, block, func(e Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.seen = append(r.seen, e.Block)
			if e.Origin != origin {
				return fmt.Errorf("event of %s for %s", e.Origin, origin)
			}
			return fails(e.Block)
		})
	}()
	return r
}

func never(uint64) error { return nil }

func (r *reader) last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Max(append(r.seen, 0))
}

// saw says whether every block of the log from one on was visited, in order; a block
// may come again.
func (r *reader) saw(origin string, from, to uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var want []uint64
	for b := from; b < to; b++ {
		if logOf(b) == origin {
			want = append(want, b)
		}
	}
	got := slices.Clone(r.seen)
	slices.Sort(got)
	return slices.Equal(slices.Compact(got), want)
}

func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain: " + what)
		}
	}
}

// Logs that are followed from different blocks on share one stream, whatever comes and
// goes, and none misses an event.
func TestOneStreamForAllLogs(t *testing.T) {
	channel := &tape{changed: make(chan struct{}), blocks: 100}
	f := &follower{stream: channel.stream, logs: map[*followed]bool{}}
	a := read(f, "a", 60, never)
	soon(t, "log a", func() bool { return a.saw("a", 60, 100) })
	b := read(f, "b", 0, never) // far behind
	soon(t, "log b", func() bool { return b.saw("b", 0, 100) })
	c := read(f, "c", 90, never)
	soon(t, "log c", func() bool { return c.saw("c", 90, 100) })
	other := read(f, "a", 100, never) // nothing yet
	soon(t, "one stream", func() bool { return channel.streams() == 1 })
	channel.grow(50)
	soon(t, "all logs", func() bool {
		return a.saw("a", 60, 150) && b.saw("b", 0, 150) && c.saw("c", 90, 150) && other.saw("a", 100, 150)
	})
	channel.change(func() { channel.broken++; channel.blocks += 50 })
	soon(t, "all logs after the stream broke", func() bool {
		return a.saw("a", 60, 200) && b.saw("b", 0, 200) && c.saw("c", 90, 200) && other.saw("a", 100, 200)
	})
	if n := channel.streams(); n != 1 {
		t.Errorf("%d streams are open", n)
	}
	if began := channel.began; slices.Max(began[1:]) < 90 || !slices.Contains(began, 0) || slices.Index(began[slices.Index(began, 0)+1:], 0) >= 0 {
		t.Errorf("streams began at %v: only the one of log b had to at 0", began)
	}
	for _, r := range []*reader{a, b, c, other} {
		r.stop()
		if err := <-r.ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	soon(t, "no stream", func() bool { return channel.streams() == 0 })
	f.close()
}

// One that fails is told its own error, and may come back from where it wants; the
// others go on.
func TestOneFollowerFails(t *testing.T) {
	channel := &tape{changed: make(chan struct{}), blocks: 30}
	f := &follower{stream: channel.stream, logs: map[*followed]bool{}}
	defer f.close()
	a := read(f, "a", 0, never)
	defer a.stop()
	full := errors.New("disk full")
	b := read(f, "b", 0, func(block uint64) error {
		if block > 10 {
			return full
		}
		return nil
	})
	if err := <-b.ended; !errors.Is(err, full) {
		t.Error(err)
	}
	again := read(f, "b", 10, never)
	defer again.stop()
	channel.grow(30)
	soon(t, "both", func() bool { return a.saw("a", 0, 60) && again.saw("b", 10, 60) })
}

// Many come and go while blocks come.
func TestFollowersComeAndGo(t *testing.T) {
	channel := &tape{changed: make(chan struct{})}
	f := &follower{stream: channel.stream, logs: map[*followed]bool{}}
	steady := read(f, "a", 0, never)
	var all sync.WaitGroup
	for i := range uint64(8) {
		all.Go(func() {
			for range 20 {
				channel.mu.Lock()
				from := uint64(channel.blocks) * i / 8
				channel.mu.Unlock()
				r := read(f, "b", from, never)
				channel.grow(3)
				channel.mu.Lock()
				to := uint64(channel.blocks)
				channel.mu.Unlock()
				for last := uint64(0); last+3 < to; time.Sleep(time.Millisecond) {
					last = r.last()
				}
				r.stop()
				<-r.ended
				if !r.saw("b", from, r.last()+1) {
					t.Errorf("from %d on it saw %v", from, r.seen)
				}
			}
		})
	}
	all.Wait()
	soon(t, "the one that stays", func() bool { return steady.saw("a", 0, uint64(channel.blocks)) })
	steady.stop()
	<-steady.ended
	f.close()
	if n := channel.streams(); n != 0 {
		t.Errorf("%d streams are open", n)
	}
}
