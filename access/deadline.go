package access

import (
	"context"
	"sync"
	"time"
)

// deadline is a context that ends at a time. Other than context.WithTimeout it sets a timer
// only when somebody waits for it, which nearly no request does: most are recorded at once.
type deadline struct {
	context.Context // for its values; it MUST NOT end itself
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // nil until somebody waits
	cancel context.CancelFunc
}

// lasting is such a context. end frees its timer.
func lasting(ctx context.Context, d time.Duration) *deadline {
	return &deadline{Context: context.WithoutCancel(ctx), at: time.Now().Add(d)}
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
	}
	return d.timed.Done()
}

// Err implements context.Context.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case time.Now().Before(d.at):
		return d.Context.Err()
	}
	return context.DeadlineExceeded
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
}
