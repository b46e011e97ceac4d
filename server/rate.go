package server

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// charge takes a request of several entries, of which some are paid already, from the
// allowance of its agent. Own systems have none: see enter.
func (s *server) charge(c *gin.Context, entries, paid int) error {
	caller, ok := callerOf(c)
	if !ok || s.own(caller) {
		return nil
	}
	wait := s.limits.take(clientOf(caller), entries, paid)
	if wait <= 0 {
		return nil
	}
	detail := s.limits.tooMany()
	if entries > 1 {
		detail = s.limits.tooManyEntries(entries)
	}
	return s.throttled(c, "agent", wait, detail)
}

// enter lets a system of this house in, unless as many of its requests as it may have at
// a time are under way. leave ends this one.
func (s *server) enter(c *gin.Context, client string) (leave func(), err error) {
	if s.limits.rate <= 0 {
		return func() {}, nil
	}
	if s.busy.enter(client) {
		return func() { s.busy.leave(client) }, nil
	}
	return nil, s.throttled(c, "system", time.Second,
		fmt.Sprintf("This system has %d requests under way, as many as are answered at a time. Send the next one when one of them has been answered.", mostAtATime))
}

// throttled counts a refusal and says when to try again.
func (s *server) throttled(c *gin.Context, client string, wait time.Duration, detail string) error {
	s.metrics.throttled.WithLabelValues(client).Inc()
	c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return &fhir.Error{Kind: fhir.Throttled, Detail: detail}
}

// limiter holds an allowance for each recent client: a bucket that fills at a rate up to a
// burst.
type limiter struct {
	rate, burst float64 // entries per second, and at once
	now         func() time.Time

	mu      sync.Mutex
	clients recent[bucket]
}

// bucket is what a client may still ask for; below zero it is in debt.
type bucket struct {
	left float64
	at   time.Time
}

// newLimiter makes a limiter; a rate of 0 is no limit.
func newLimiter(perSecond float64, burst int, now func() time.Time) *limiter {
	return &limiter{rate: perSecond, burst: float64(max(burst, 1)), now: now}
}

// take charges entries, of which some are paid already, and returns how long the client
// must wait; 0 admits the request. More entries than the burst are admitted when nothing
// of it is used up: they put the client into debt.
func (l *limiter) take(client string, entries, paid int) time.Duration {
	if l.rate <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	b := l.clients.of(client, func() *bucket { return &bucket{left: l.burst, at: now} })
	b.left = min(l.burst, b.left+l.rate*max(0, now.Sub(b.at).Seconds()))
	b.at = now
	missing := min(float64(entries), l.burst) - float64(paid) - b.left
	if missing <= 0 {
		b.left -= float64(entries - paid)
		return 0
	}
	return time.Duration(math.Ceil(missing / l.rate * float64(time.Second)))
}

// giveBack returns entries that were charged to a client.
func (l *limiter) giveBack(client string, entries int) {
	if l.rate <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.clients.of(client, func() *bucket { return &bucket{left: l.burst, at: l.now()} })
	b.left = min(l.burst, b.left+float64(entries))
}

// allowance says what a client may ask for.
func (l *limiter) allowance() string {
	return fmt.Sprintf("%g entries per second, and %g at once", l.rate, l.burst)
}

func (l *limiter) tooMany() string {
	return "This client asks for too much: it has " + l.allowance() + ". Retry-After says when to try again."
}

func (l *limiter) tooManyEntries(n int) string {
	if float64(n) > l.burst {
		return fmt.Sprintf("This Bundle has %d entries, and this client %s. A Bundle of more is taken when the client has sent nothing for a while. Send it after Retry-After, or in parts.", n, l.allowance())
	}
	return fmt.Sprintf("This Bundle has %d entries, more than this client may send now: it has %s. Retry-After says when to try again.", n, l.allowance())
}

// mostAtATime is how many requests of one own system are answered at a time. That bounds
// how much of its work a request of somebody else can find before itself.
const mostAtATime = 32

// occupancy counts the requests of each client that are under way.
type occupancy struct {
	mu   sync.Mutex
	each map[string]int
}

func (o *occupancy) enter(client string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.each[client] >= mostAtATime {
		return false
	}
	if o.each == nil {
		o.each = map[string]int{}
	}
	o.each[client]++
	return true
}

func (o *occupancy) leave(client string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.each[client]--; o.each[client] <= 0 {
		delete(o.each, client)
	}
}
