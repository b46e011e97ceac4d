package fair

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// begin begins a turn in the background.
func begin(t *testing.T, s *Shares, name string) chan *Turn {
	t.Helper()
	begun := make(chan *Turn, 1)
	before := s.waiting()
	go func() {
		turn, err := s.Begin(t.Context(), name)
		if err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		begun <- turn
	}()
	for s.waiting() == before && len(begun) == 0 {
		time.Sleep(10 * time.Microsecond)
	}
	return begun
}

func (s *Shares) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// work goes on until n times are done, and notes each in order.
func work(t *testing.T, turn *Turn, n int, note func(string)) {
	defer turn.Done()
	for range n {
		note(turn.caller.name)
		if err := turn.Yield(t.Context()); err != nil {
			t.Error(err)
			return
		}
	}
}

// Ten pieces of one caller's work get as much together as the single one of another, who
// comes last.
func TestCallersShareEqually(t *testing.T) {
	s := &Shares{Running: 1, Open: 16, Each: 2, Waiting: 16}
	var mu sync.Mutex
	var order []string
	note := func(name string) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, name)
	}
	first, err := s.Begin(t.Context(), "many")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for range 10 {
		turn := begin(t, s, "many")
		running.Go(func() { work(t, <-turn, 50, note) })
	}
	turn := begin(t, s, "one")
	running.Go(func() { work(t, <-turn, 50, note) })
	running.Go(func() { work(t, first, 50, note) })
	running.Wait()
	last := 0
	for i, name := range order {
		if name == "one" {
			last = i
		}
	}
	if len(order) != 12*50 || last > 110 {
		t.Errorf("of %d times the last of the other caller was number %d; he needs 50", len(order), last)
	}
	if s.running != 0 || s.open != 0 || len(s.callers) != 0 || len(s.queue) != 0 {
		t.Errorf("left: %d running, %d open, %d callers, %d waiting", s.running, s.open, len(s.callers), len(s.queue))
	}
}

func TestOneCallerHasSomeOpen(t *testing.T) {
	s := &Shares{Running: 8, Open: 3, Each: 2, Waiting: 3}
	a, b := <-begin(t, s, "a"), <-begin(t, s, "a")
	third := begin(t, s, "a")
	c := <-begin(t, s, "b") // others do not wait for a
	fourth := begin(t, s, "b")
	if len(third) > 0 || len(fourth) > 0 {
		t.Fatal("more turns have begun than may")
	}
	more := []chan *Turn{third, begin(t, s, "a"), begin(t, s, "a"), fourth}
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := s.Begin(soon, "a"); !errors.Is(err, ErrFull) {
		t.Errorf("a caller may let more wait than others: %v", err)
	}
	for _, open := range []*Turn{a, b, c} {
		open.Done()
	}
	for _, turn := range more {
		(<-turn).Done()
	}
}

// A turn is given back by those who hang up, whether they wait or run.
func TestWhoHangsUpLeavesNothing(t *testing.T) {
	s := &Shares{Running: 1, Open: 4, Each: 4, Waiting: 100}
	held := <-begin(t, s, "a")
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	for i := range 20 {
		ended.Go(func() {
			if _, err := s.Begin(ctx, fmt.Sprint(i%3)); !errors.Is(err, context.Canceled) {
				t.Errorf("hung up: %v", err)
			}
		})
	}
	for s.waiting() < 20 {
		time.Sleep(10 * time.Microsecond)
	}
	cancel()
	ended.Wait()
	held.Done()
	held.Done() // once too often
	turn := <-begin(t, s, "b")
	other := begin(t, s, "c")
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := turn.Yield(gone); err == nil {
		err = turn.Yield(gone)
		t.Errorf("who has hung up goes on: %v", err)
	}
	turn.Done()
	(<-other).Done()
	if s.running != 0 || s.open != 0 || len(s.callers) != 0 || len(s.queue) != 0 {
		t.Errorf("left: %d running, %d open, %d callers, %d waiting", s.running, s.open, len(s.callers), len(s.queue))
	}
}

func TestQueueIsBounded(t *testing.T) {
	s := &Shares{Running: 1, Open: 1, Each: 1, Waiting: 1}
	held := <-begin(t, s, "a")
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	for i := range maxQueue {
		ended.Go(func() { _, _ = s.Begin(ctx, fmt.Sprint(i)) })
	}
	for s.waiting() < maxQueue {
		time.Sleep(time.Millisecond)
	}
	soon, give := context.WithTimeout(ctx, time.Second)
	defer give()
	if _, err := s.Begin(soon, "another"); !errors.Is(err, ErrFull) {
		t.Errorf("more than %d wait: %v", maxQueue, err)
	}
	cancel()
	ended.Wait()
	held.Done()
}
