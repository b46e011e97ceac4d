package server

import (
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// authenticate finds the agent and charges the request to its rate limit, or to
// that of the address if there is no agent.
func (s *server) authenticate(c *gin.Context) {
	if err := s.admit(c, s.credentials(c)); err != nil {
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
