package session

import (
	"sync"
	"time"
)

const (
	// freeOfUser and freeOfAddress are how many passwords may be wrong before the next one
	// has to wait; each further one doubles the wait.
	freeOfUser    = 5
	freeOfAddress = 20
	// longestWait is the longest.
	longestWait = 5 * time.Minute
	// forget is after how long without a failure the earlier ones no longer count.
	forget = time.Hour
	// mostWatched is how many names and addresses are remembered. Beyond that the oldest are
	// forgotten.
	mostWatched = 10_000
)

// Backoff slows down those who guess: it counts wrong passwords by user and by address,
// whether there is such a user or not. Its counts are those of this process.
type Backoff struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[string]*failures
}

// failures are those of one user or address. The next attempt may not come before next.
type failures struct {
	count      int
	last, next time.Time
}

// NewBackoff remembers nothing yet.
func NewBackoff(now func() time.Time) *Backoff {
	return &Backoff{now: now, entries: map[string]*failures{}}
}

// take says how long an attempt has to wait. If that is not at all, it counts as a failure
// until back is called: many at a time are not one.
func (b *Backoff) take(user, address string) (wait time.Duration, back func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if wait := max(b.wait("u\x00"+user, now), b.wait("a\x00"+address, now)); wait > 0 {
		return wait, nil
	}
	u, a := b.of("u\x00"+user, now), b.of("a\x00"+address, now)
	u.fail(now, freeOfUser)
	a.fail(now, freeOfAddress)
	return 0, func() { b.back("u\x00"+user, "a\x00"+address) }
}

// back is for a right password: the user's failures are forgotten, the address has one less.
func (b *Backoff) back(user, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.entries, user)
	if a := b.entries[address]; a != nil {
		a.count--
		if a.count < freeOfAddress {
			a.next = time.Time{}
		}
	}
}

func (f *failures) fail(now time.Time, free int) {
	f.count++
	f.last = now
	if wait := pause(f.count, free); wait > 0 {
		f.next = now.Add(wait)
	}
}

// pause is how long the next password has to wait after so many wrong ones.
func pause(count, free int) time.Duration {
	if over := count - free; over >= 0 {
		return min(longestWait, time.Second<<min(over, 10))
	}
	return 0
}

// wait is how long the next attempt of a user or an address has to wait. Asking leaves
// nothing: whoever waits could otherwise fill the memory, and make it forget her.
func (b *Backoff) wait(key string, now time.Time) time.Duration {
	if f := b.entries[key]; f != nil {
		return f.next.Sub(now)
	}
	return 0
}

// of finds or makes the entry of a user or an address.
func (b *Backoff) of(key string, now time.Time) *failures {
	f := b.entries[key]
	if f == nil || now.Sub(f.last) > forget {
		b.trim()
		f = &failures{last: now}
		b.entries[key] = f
	}
	return f
}

// trim makes room for one more.
func (b *Backoff) trim() {
	if len(b.entries) < mostWatched {
		return
	}
	oldest, at := "", b.now().Add(forget)
	for key, f := range b.entries {
		if f.last.Before(at) {
			oldest, at = key, f.last
		}
	}
	delete(b.entries, oldest)
}
