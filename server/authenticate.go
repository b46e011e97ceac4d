package server

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// authenticate finds the agent and takes the request off the client's
// allowance: that of the agent, or of the address if there is none.
func (s *server) authenticate(c *gin.Context) {
	agent, err := s.Authenticate(c.Request)
	client := "address " + address(c.Request)
	if err == nil {
		c.Set(keyAgent, agent)
		client = "agent " + agent.Issuer + "\x00" + agent.Client + "\x00" + agent.Subject
	}
	if wait := s.limits.take(client); wait > 0 {
		s.throttle(c, wait)
		return
	}
	if err != nil {
		s.fail(c, err)
	}
}

func (s *server) throttle(c *gin.Context, wait time.Duration) {
	c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	s.refuse(c, http.StatusTooManyRequests, "throttled", "This client sends too many requests. Retry-After says when to go on.")
}
