package jwks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// ErrUnavailable says that there are no keys of a source now.
var ErrUnavailable = errors.New("the key set cannot be fetched")

// Set is the keys of one source. Who asks for one that is known never waits. Who asks for
// one that is not waits for a fetch, of which there is one at a time, with a time between
// two of them.
type Set struct {
	fetcher *Fetcher
	source  Source

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	edition uint64    // counts how often they became others
	renew   time.Time // when they are fetched again, while they still count
	until   time.Time // when they no longer count
	next    time.Time // not fetched again before
	running chan struct{}
	failure error // of the last fetch
}

// Keys are those with an id, or all of them for "". None and no error: there is no such
// key. The error is ErrUnavailable if the keys are not known now.
func (s *Set) Keys(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	found, fetching, err := s.look(id, true)
	if fetching == nil {
		return found, err
	}
	select {
	case <-fetching:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	found, _, err = s.look(id, false)
	return found, err
}

// Edition names the keys as they are. It is another one as soon as one of them is gone, or
// came, or all of them are too old to count.
func (s *Set) Edition() (edition uint64, counts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.fetcher.options.Now()
	if !now.Before(s.renew) {
		s.fetch(now)
	}
	return s.edition, now.Before(s.until)
}

// look finds keys; fetching is what to wait for if there may be more.
func (s *Set) look(id string, wait bool) (found []jose.JSONWebKey, fetching <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.fetcher.options.Now()
	if fresh := now.Before(s.until); fresh {
		for _, k := range s.keys {
			if id == "" || id == k.KeyID {
				found = append(found, k)
			}
		}
	} else if err = ErrUnavailable; s.failure != nil {
		err = fmt.Errorf("%w: %w", ErrUnavailable, s.failure)
	}
	if !now.Before(s.renew) || len(found) == 0 {
		fetching = s.fetch(now)
	}
	if len(found) > 0 || !wait {
		return found, nil, err
	}
	return nil, fetching, err
}

// fetch begins a fetch, unless one is running or ended a moment ago; nil: there is none.
func (s *Set) fetch(now time.Time) <-chan struct{} {
	if s.running != nil {
		return s.running
	}
	if now.Before(s.next) {
		return nil
	}
	s.next = now.Add(s.fetcher.options.Between)
	s.running = make(chan struct{})
	go s.run(now, s.running)
	return s.running
}

// run fetches. What it finds is as old as the moment it began.
func (s *Set) run(began time.Time, done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	keys, age, err := s.source.fetch(ctx, s.source.client(s.fetcher))
	s.mu.Lock()
	if s.failure = err; err == nil {
		age = min(max(age, s.fetcher.options.Between), longest)
		s.renew, s.until = began.Add(age*3/4), began.Add(age)
		if !slices.EqualFunc(s.keys, keys, same) {
			s.keys = keys
			s.edition++
		}
	}
	s.running = nil
	s.mu.Unlock()
	close(done)
	if err != nil {
		s.fetcher.options.Failed(s.source.URL+s.source.Issuer, err)
	}
}

// same says whether two keys are one.
func same(a, b jose.JSONWebKey) bool {
	x, err := a.MarshalJSON()
	y, failed := b.MarshalJSON()
	return err == nil && failed == nil && string(x) == string(y)
}
