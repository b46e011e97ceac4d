package server

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"github.com/aceso-health/aceso/fhir"
)

// authenticate finds the agent and charges the request to its rate limit, or to
// that of the address if there is no agent. For pages the token of the cookie says who
// calls, and nothing else; everywhere else the request as it came, without its cookies.
func (s *server) authenticate(c *gin.Context) {
	r := c.Request
	if isPage(c) {
		r = bearing(r, s.cookie(c, cookieToken))
	}
	if err := s.admit(c, r); err != nil {
		s.fail(c, err)
	}
}

// admit does so with the request that carries the token.
func (s *server) admit(c *gin.Context, r *http.Request) error {
	agent, err := s.Authenticate(r)
	client := "address " + address(c.Request)
	if err == nil {
		c.Set(keyAgent, agent)
		client = "agent " + agent.Issuer + "\x00" + agent.Client + "\x00" + agent.Subject
	}
	if wait := s.limits.take(client); wait > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return &fhir.Error{Kind: fhir.Throttled, Detail: "This client sends too many requests. Retry-After says when to try again."}
	}
	return err
}

// maxClients is how many clients one generation of a limiter remembers.
const maxClients = 10_000

// limiter holds a token bucket for each client. To bound its memory it forgets
// clients that stay away while maxClients others come.
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

// take charges one request to the client's limit and returns how long the client must
// wait; 0 admits the request.
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
