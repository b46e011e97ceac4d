// Package fair lets callers take turns at long work, so that each who has some gets an
// equal part of the machine however much of it others bring.
//
// It does not know what the work is, does not bound how long it takes, and gives no turn
// to work that does not ask for one: who begins a Turn must call Yield often and Done in
// the end.
package fair

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// ErrFull is the answer to a caller with too much waiting.
var ErrFull = errors.New("too much work is waiting")

// Shares hands out turns. Set the fields before the first Begin.
type Shares struct {
	Running int // turns at the same time; the others wait
	Open    int // turns that have begun and are not done, waiting or not
	Each    int // of these, how many one caller may have
	Waiting int // turns of one caller that may wait to begin

	mu      sync.Mutex
	callers map[string]*caller // who have a turn, open or not
	queue   []*Turn            // that wait, in the order in which they came
	running int
	open    int
}

// maxQueue bounds how many turns wait in all.
const maxQueue = 4096

// caller is whose turns share one part.
type caller struct {
	name  string
	used  int64 // times that a turn went on, from where the caller who had used least was at Begin
	turns int   // open or waiting
	open  int
}

// Turn is one piece of work.
type Turn struct {
	shares *Shares
	caller *caller
	begun  bool
	next   chan struct{} // closed when it may go on
}

// Begin waits for the first turn of a piece of work.
func (s *Shares) Begin(ctx context.Context, name string) (*Turn, error) {
	s.mu.Lock()
	c := s.callers[name]
	if len(s.queue) >= maxQueue || c != nil && c.turns-c.open >= s.Waiting {
		s.mu.Unlock()
		return nil, ErrFull
	}
	if c == nil {
		c = s.join(name)
	}
	c.turns++
	t := &Turn{shares: s, caller: c}
	s.enqueue(t)
	s.mu.Unlock()
	if err := t.wait(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// Busy says whether somebody waits for a turn.
func (s *Shares) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) > 0
}

// join adds a caller, who has had as much as those who have had least.
func (s *Shares) join(name string) *caller {
	c := &caller{name: name}
	first := true
	for _, other := range s.callers {
		if first || other.used < c.used {
			c.used, first = other.used, false
		}
	}
	if s.callers == nil {
		s.callers = map[string]*caller{}
	}
	s.callers[name] = c
	return c
}

// Yield lets those go first who have had less. If ctx ends while it waits, the turn is
// over, and so is the work.
func (t *Turn) Yield(ctx context.Context) error {
	runtime.Gosched() // requests that are not long go first
	s := t.shares
	s.mu.Lock()
	t.caller.used++
	if best := s.best(); best < 0 || s.queue[best].caller.used >= t.caller.used {
		s.mu.Unlock()
		return ctx.Err()
	}
	s.running--
	s.enqueue(t)
	s.mu.Unlock()
	return t.wait(ctx)
}

// Done ends the work.
func (t *Turn) Done() {
	s := t.shares
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.next == nil { // ended while it waited
		return
	}
	s.running--
	s.leave(t)
}

// enqueue lets a turn wait, and begin at once if there is room.
func (s *Shares) enqueue(t *Turn) {
	t.next = make(chan struct{})
	s.queue = append(s.queue, t)
	s.dispatch()
}

// leave forgets a turn that does not run.
func (s *Shares) leave(t *Turn) {
	if t.begun {
		s.open--
		t.caller.open--
	}
	if t.caller.turns--; t.caller.turns == 0 {
		delete(s.callers, t.caller.name)
	}
	t.next = nil
	s.dispatch()
}

// dispatch lets turns go on while there is room.
func (s *Shares) dispatch() {
	for s.running < s.Running {
		i := s.best()
		if i < 0 {
			return
		}
		t := s.queue[i]
		s.queue = append(s.queue[:i], s.queue[i+1:]...)
		if !t.begun {
			t.begun = true
			s.open++
			t.caller.open++
		}
		s.running++
		close(t.next)
	}
}

// best is the turn in the queue that goes on next: of the caller who has had least, the
// first to wait; -1 if none may.
func (s *Shares) best() int {
	best := -1
	for i, t := range s.queue {
		if !t.begun && (s.open >= s.Open || t.caller.open >= s.Each) {
			continue
		}
		if best < 0 || t.caller.used < s.queue[best].caller.used {
			best = i
		}
	}
	return best
}

// wait returns when the turn may go on. If ctx ends first, the turn is over.
func (t *Turn) wait(ctx context.Context) error {
	select {
	case <-t.next:
		return nil
	case <-ctx.Done():
	}
	s := t.shares
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.queue {
		if other == t {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			s.leave(t)
			return ctx.Err()
		}
	}
	s.running-- // it was let go on meanwhile
	s.leave(t)
	return ctx.Err()
}
