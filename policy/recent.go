package policy

import (
	"context"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostRecent bounds the different questions that an engine remembers to try policies
	// with, recentFor for how long.
	mostRecent = 1024
	recentFor  = time.Hour
)

// question is one that was asked, and when it was asked last.
type question struct {
	in      Input
	allowed bool
	last    atomic.Int64 // Unix seconds
}

func (q *question) asked() {
	if q != nil {
		q.last.Store(time.Now().Unix())
	}
}

// recent are the different questions that policies evaluated of late.
type recent struct {
	mu    sync.Mutex
	asked map[string]*question
}

// note remembers a question that was evaluated. If there is no room, what was asked
// longest ago goes, and what was forgotten is noted again when it is evaluated.
func (r *recent) note(key []byte, in *Input, d Decision) *question {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.asked[string(key)]
	if q == nil {
		if r.asked == nil {
			r.asked = map[string]*question{}
		}
		if len(r.asked) >= mostRecent {
			r.drop()
		}
		q = &question{in: *in}
		r.asked[string(key)] = q
	}
	q.allowed = d.Allow
	q.asked()
	return q
}

// drop forgets what is old, or the oldest.
func (r *recent) drop() {
	oldest, when, limit := "", int64(0), time.Now().Add(-recentFor).Unix()
	for key, q := range r.asked {
		last := q.last.Load()
		if last < limit {
			delete(r.asked, key)
		}
		if oldest == "" || last < when {
			oldest, when = key, last
		}
	}
	delete(r.asked, oldest)
}

// permitted are the questions of the last hour that were permitted.
func (r *recent) permitted() (all []*question) {
	limit := time.Now().Add(-recentFor).Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.asked {
		if q.allowed && q.last.Load() >= limit {
			all = append(all, q)
		}
	}
	return all
}

// Refused says how many of the different questions that were permitted in the last hour
// other policies refuse, and how many there are.
func (e *Engine) Refused(ctx context.Context, fsys fs.FS) (refused, permitted int, err error) {
	s, err := readSource(fsys)
	if err != nil {
		return 0, 0, err
	}
	p, err := compile(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	for _, q := range e.recent.permitted() {
		d, failed := p.decide(ctx, &q.in, e.options.Deadline)
		permitted++
		if failed != nil || !d.Allow {
			refused++
		}
		if ctx.Err() != nil {
			return refused, permitted, ctx.Err()
		}
	}
	return refused, permitted, nil
}
