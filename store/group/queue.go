// Package group lets many requests share one commit: what waits while a group is being
// committed is the next group.
//
// It does not know what a commit is, and does not try again: a store's commit decides
// what the failure of one member means to the others.
package group

import (
	"cmp"
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

// ErrClosed is the answer to what comes after Close.
var ErrClosed = errors.New("store is closed")

// Limit is how many members a group has at most.
const Limit = 512

// Queue hands its members over in groups, in the order in which they came. Set the
// exported fields before Start.
type Queue[M any] struct {
	// Commit ends the members of a group, whether they succeed or fail. It is called by
	// one goroutine, and after the last member has joined: a snapshot that Commit takes
	// is younger than the call of Do of each member. It MUST NOT keep the slice.
	Commit func(members []M)
	// Size is how much a member adds to a group, which is full at Full. nil: nothing.
	Size func(M) int
	Full int
	// Idle is called by the same goroutine when no group came for IdleAfter; may be nil.
	Idle      func()
	IdleAfter time.Duration

	waiting chan waiter[M]
	stopped chan struct{}
	members []M          // of the group being committed; only touched by loop
	closing sync.RWMutex // held for reading while joining
	closed  bool
}

type waiter[M any] struct {
	member M
	ctx    context.Context
	done   chan error
}

// Start begins to commit.
func (q *Queue[M]) Start() {
	q.waiting = make(chan waiter[M], 4*Limit)
	q.stopped = make(chan struct{})
	go q.loop()
}

// Do returns when the group of m has been committed; m itself says how it ended. An error
// means that m was not handed over: ctx ended while it waited, or the queue is closed.
func (q *Queue[M]) Do(ctx context.Context, m M) error {
	w := waiter[M]{m, ctx, make(chan error)}
	if err := q.join(w); err != nil {
		return err
	}
	return <-w.done
}

func (q *Queue[M]) join(w waiter[M]) error {
	q.closing.RLock()
	defer q.closing.RUnlock()
	if q.closed {
		return ErrClosed
	}
	select {
	case q.waiting <- w: // usually: then nobody waits for the context
		return nil
	default:
	}
	select {
	case q.waiting <- w:
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

// Close commits what waits. A queue that was not started has nothing to do.
func (q *Queue[M]) Close() {
	q.closing.Lock()
	first := !q.closed
	q.closed = true
	q.closing.Unlock()
	if q.waiting == nil {
		return
	}
	if first {
		close(q.waiting)
	}
	<-q.stopped
}

func (q *Queue[M]) loop() {
	defer close(q.stopped)
	after := cmp.Or(q.IdleAfter, math.MaxInt64)
	idle := time.NewTimer(after)
	defer idle.Stop()
	var group []waiter[M]
	for {
		select {
		case w, ok := <-q.waiting:
			if !ok {
				return
			}
			group = q.gather(append(group[:0], w))
			q.commit(group)
			clear(group)
			idle.Reset(after)
		case <-idle.C:
			if q.Idle != nil {
				q.Idle()
			}
		}
	}
}

// gather adds what waits already; it does not wait for more.
func (q *Queue[M]) gather(group []waiter[M]) []waiter[M] {
	size := q.size(group[0])
	for len(group) < Limit && (q.Size == nil || size < q.Full) {
		select {
		case w, ok := <-q.waiting:
			if !ok {
				return group
			}
			group = append(group, w)
			size += q.size(w)
		default:
			return group
		}
	}
	return group
}

func (q *Queue[M]) size(w waiter[M]) int {
	if q.Size == nil {
		return 0
	}
	return q.Size(w.member)
}

// commit leaves out those who have hung up.
func (q *Queue[M]) commit(group []waiter[M]) {
	stayed := group[:0]
	for _, w := range group {
		if err := w.ctx.Err(); err != nil {
			w.done <- err
			continue
		}
		stayed, q.members = append(stayed, w), append(q.members, w.member)
	}
	if len(stayed) == 0 {
		return
	}
	q.Commit(q.members)
	clear(q.members)
	q.members = q.members[:0]
	for _, w := range stayed {
		w.done <- nil
	}
}
