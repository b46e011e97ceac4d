package group

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// request is a member that knows whether it was committed.
type request struct{ n, size, committed int }

// held is a queue whose commits wait until they are released.
type held struct {
	Queue[*request]
	t       *testing.T
	begun   chan struct{}
	release chan struct{}
	groups  [][]int // what was committed, of each group
}

func hold(t *testing.T) *held {
	h := &held{t: t, begun: make(chan struct{}), release: make(chan struct{})}
	h.Commit = func(members []*request) {
		h.begun <- struct{}{}
		<-h.release
		var group []int
		for _, m := range members {
			m.committed++
			group = append(group, m.n)
		}
		h.groups = append(h.groups, group)
	}
	h.Start()
	return h
}

// do joins the queue in the background, before it returns.
func (h *held) do(ctx context.Context, m *request) (ended chan error) {
	h.t.Helper()
	ended, before := make(chan error, 1), len(h.waiting)
	go func() { ended <- h.Do(ctx, m) }()
	for end := time.Now().Add(time.Minute); len(h.waiting) == before; time.Sleep(10 * time.Microsecond) {
		if time.Now().After(end) {
			h.t.Fatal("nobody joined")
		}
	}
	return ended
}

// first lets a group begin, so that all others wait.
func (h *held) first() (ended chan error) {
	ended = make(chan error, 1)
	go func() { ended <- h.Do(context.Background(), &request{}) }()
	<-h.begun
	return ended
}

// finish lets all groups pass.
func (h *held) finish() {
	go func() {
		for range h.begun {
		}
	}()
	close(h.release)
	h.Close()
	close(h.begun)
}

// sizes are how many members each group had.
func (h *held) sizes() (n []int) {
	for _, g := range h.groups {
		n = append(n, len(g))
	}
	return n
}

// What waits is committed in the order in which it came, at most Limit at once.
func TestOrderAndLimit(t *testing.T) {
	h := hold(t)
	ended := []chan error{h.first()}
	for n := range Limit + 10 {
		ended = append(ended, h.do(t.Context(), &request{n: n + 1}))
	}
	h.finish()
	for n, e := range ended {
		if err := <-e; err != nil {
			t.Errorf("member %d: %v", n, err)
		}
	}
	if n := h.sizes(); !slices.Equal(n, []int{1, Limit, 10}) {
		t.Errorf("groups of %d", n)
	}
	if all := slices.Concat(h.groups...); !slices.IsSorted(all) || len(all) != Limit+11 {
		t.Errorf("committed in the order %d", all)
	}
}

// A group that is full takes no more.
func TestSizeOfGroups(t *testing.T) {
	h := hold(t)
	h.Size, h.Full = func(m *request) int { return m.size }, 10
	h.first()
	for n, size := range []int{4, 4, 4, 20, 1, 9, 1, 1} {
		h.do(t.Context(), &request{n: n + 1, size: size})
	}
	h.finish()
	if n := h.sizes(); !slices.Equal(n, []int{1, 3, 1, 2, 2}) {
		t.Errorf("groups of %d", n)
	}
}

// Close commits what waits and refuses what comes.
func TestClose(t *testing.T) {
	h := hold(t)
	var ended []chan error
	h.first()
	for n := range 5 {
		ended = append(ended, h.do(t.Context(), &request{n: n}))
	}
	h.finish()
	for _, e := range ended {
		if err := <-e; err != nil {
			t.Error(err)
		}
	}
	late := &request{}
	if err := h.Do(t.Context(), late); !errors.Is(err, ErrClosed) || late.committed > 0 {
		t.Errorf("after Close: %v", err)
	}
	h.Close()
	new(Queue[int]).Close()
}

// Who hangs up while waiting is not committed, whether in the queue or before it.
func TestHangUp(t *testing.T) {
	h := hold(t)
	h.first()
	ctx, cancel := context.WithCancel(t.Context())
	gone, stays := &request{n: 1}, &request{n: 2}
	goneEnded, staysEnded := h.do(ctx, gone), h.do(t.Context(), stays)
	for range cap(h.waiting) - 2 {
		h.do(t.Context(), &request{})
	}
	full := make(chan error, 1)
	go func() { full <- h.Do(ctx, gone) }()
	cancel()
	if err := <-full; !errors.Is(err, context.Canceled) {
		t.Errorf("at a full queue: %v", err)
	}
	h.finish()
	if err := <-goneEnded; !errors.Is(err, context.Canceled) || gone.committed != 0 {
		t.Errorf("who hung up: %v, committed %d times", err, gone.committed)
	}
	if err := <-staysEnded; err != nil || stays.committed != 1 {
		t.Errorf("who stayed: %v, committed %d times", err, stays.committed)
	}
}

// All who come are woken, once they are committed.
func TestManyClients(t *testing.T) {
	var committed atomic.Int64
	q := &Queue[*request]{Commit: func(members []*request) {
		for _, m := range members {
			m.committed++
		}
		committed.Add(int64(len(members)))
	}}
	q.Start()
	const clients, each = 64, 300
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for range each {
				m := &request{}
				if err := q.Do(t.Context(), m); err != nil || m.committed != 1 {
					t.Errorf("%v, committed %d times", err, m.committed)
				}
			}
		})
	}
	wait.Wait()
	q.Close()
	if committed.Load() != clients*each {
		t.Errorf("%d committed", committed.Load())
	}
}

// Close and those who come at the same time: each is committed or refused.
func TestCloseMeanwhile(t *testing.T) {
	for range 200 {
		q := &Queue[*request]{Commit: func(members []*request) {
			for _, m := range members {
				m.committed++
			}
		}}
		q.Start()
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				m := &request{}
				if err := q.Do(t.Context(), m); (err == nil) != (m.committed == 1) {
					t.Errorf("%v, committed %d times", err, m.committed)
				}
			})
		}
		q.Close()
		wait.Wait()
	}
}

// Idle is called once after each time that something was committed.
func TestIdle(t *testing.T) {
	idle := make(chan struct{}, 10)
	q := &Queue[*request]{Commit: func([]*request) {}, Idle: func() { idle <- struct{}{} }, IdleAfter: time.Millisecond}
	q.Start()
	for range 3 {
		<-idle
		time.Sleep(5 * time.Millisecond)
		if len(idle) > 0 {
			t.Error("called again though nothing was committed")
		}
		if err := q.Do(t.Context(), &request{}); err != nil {
			t.Error(err)
		}
	}
	q.Close()
}
