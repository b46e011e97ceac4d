package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxClients is how many clients one generation of a limiter remembers.
const maxClients = 10_000

// limiter holds a token bucket for each client. Clients that were not seen while
// maxClients others came are forgotten, which bounds its memory.
type limiter struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu          sync.Mutex
	young, aged map[string]*rate.Limiter
}

func newLimiter(perSecond float64, burst int, now func() time.Time) *limiter {
	return &limiter{rate: rate.Limit(perSecond), burst: max(burst, 1), now: now, young: map[string]*rate.Limiter{}}
}

// take takes one request off the client's allowance; 0 means that it may go on,
// otherwise it should wait that long.
func (l *limiter) take(client string) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	now := l.now()
	r := l.bucket(client).ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func (l *limiter) bucket(client string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.young[client]; b != nil {
		return b
	}
	b := l.aged[client]
	if b == nil {
		b = rate.NewLimiter(l.rate, l.burst)
	}
	if len(l.young) >= maxClients {
		l.young, l.aged = make(map[string]*rate.Limiter), l.young
	}
	l.young[client] = b
	return b
}
