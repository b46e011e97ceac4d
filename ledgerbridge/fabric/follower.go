package fabric

import (
	"context"
	"errors"
	"sync"
)

// follower reads the events of a channel in one stream and hands each to the followers
// of its log. A log that is far behind has a stream of its own until it has caught up,
// so that the others need not wait for it.
type follower struct {
	stream  func(ctx context.Context, block uint64, visit func(Event) error) error // until ctx ends, visit fails or it breaks
	running sync.WaitGroup

	mu   sync.Mutex
	logs map[*followed]bool
	stop func() // ends the stream; nil while nobody follows
	safe uint64 // a stream that begins at this block misses nothing
	next uint64 // no event from this block on was handed out yet
}

// followed is a log with a follower.
type followed struct {
	origin string
	from   uint64 // block
	events chan Event
	done   <-chan struct{}
}

// follow visits the events of one log until ctx ends or visit fails.
func (f *follower) follow(ctx context.Context, origin string, block uint64, visit func(Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	block, err := f.catchUp(ctx, origin, block, visit)
	if err != nil {
		return err
	}
	l := &followed{origin, block, make(chan Event, 100), ctx.Done()}
	f.join(l)
	defer f.leave(l)
	for {
		select {
		case e := <-l.events:
			if ctx.Err() != nil { // events before this one may be missing
				return ctx.Err()
			}
			if err := visit(e); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errCaughtUp = errors.New("caught up")

// catchUp visits what the common stream has behind it, and returns where to join it.
func (f *follower) catchUp(ctx context.Context, origin string, block uint64, visit func(Event) error) (uint64, error) {
	f.mu.Lock()
	there, streams := f.safe, f.stop != nil
	f.mu.Unlock()
	if !streams || block >= there {
		return block, nil
	}
	err := f.stream(ctx, block, func(e Event) error {
		switch {
		case e.Block >= there:
			return errCaughtUp
		case e.Origin != origin:
			return nil
		}
		return visit(e)
	})
	if errors.Is(err, errCaughtUp) {
		return there, nil
	}
	return block, err
}

// join begins the stream again a little earlier if the log would miss something.
func (f *follower) join(l *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	block := l.from
	if f.stop != nil {
		if block >= f.next {
			f.logs[l] = true
			return
		}
		f.stop()
		for other := range f.logs {
			other.from = max(other.from, f.safe)
		}
		block = min(block, f.safe)
	}
	ctx, stop := context.WithCancel(context.Background())
	f.stop, f.safe, f.next = stop, block, block
	f.logs[l] = true
	f.running.Go(func() { f.run(ctx) })
}

func (f *follower) leave(l *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if delete(f.logs, l); len(f.logs) == 0 {
		f.end()
	}
}

// end ends the stream; mu is held.
func (f *follower) end() {
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

// close returns when no stream is open any more.
func (f *follower) close() {
	f.mu.Lock()
	f.end()
	f.mu.Unlock()
	f.running.Wait()
}

// run opens the stream, again whenever it breaks, until ctx ends.
func (f *follower) run(ctx context.Context) {
	for try := 0; ctx.Err() == nil; try++ {
		f.mu.Lock()
		block := f.safe
		f.mu.Unlock()
		_ = f.stream(ctx, block, func(e Event) error {
			try = 0
			return f.hand(ctx, e)
		})
		sleep(ctx, usualPause(try))
	}
}

// hand gives an event to those who follow its log.
func (f *follower) hand(ctx context.Context, e Event) error {
	f.mu.Lock()
	if ctx.Err() != nil { // another stream began
		f.mu.Unlock()
		return ctx.Err()
	}
	f.next = e.Block + 1
	var takers []*followed
	for l := range f.logs {
		if l.origin == e.Origin && l.from <= e.Block {
			takers = append(takers, l)
		}
	}
	f.mu.Unlock()
	for _, l := range takers {
		select {
		case l.events <- e:
		case <-l.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() == nil {
		f.safe = e.Block
	}
	return ctx.Err()
}
