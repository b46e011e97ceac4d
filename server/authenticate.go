package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/agent"
)

// authenticate finds the agent and charges the request to its allowance, or to
// that of the address if there is no agent. For pages the session or the token of a cookie says
// who calls, and nothing else; everywhere else the request as it came, without its cookies.
func (s *server) authenticate(c *gin.Context) {
	r := c.Request
	if isPage(c) {
		token, err := s.pageToken(c)
		if err != nil {
			s.fail(c, err)
			return
		}
		r = bearing(r, token)
	}
	leave, err := s.admit(c, r)
	if err != nil {
		s.fail(c, err)
		return
	}
	defer leave()
	c.Next()
}

// admit does so with the request that carries the token. leave ends what the request
// occupies; it is nil with an error.
func (s *server) admit(c *gin.Context, r *http.Request) (leave func(), err error) {
	caller, err := s.Authenticate(r)
	if err != nil {
		s.noteRefused(c, err)
		if wait := s.asStranger(c); wait != nil {
			return nil, wait
		}
		return nil, err
	}
	x := exchangeOf(c)
	x.call.Agent, x.known = caller, true
	if s.own(&caller) {
		return s.enter(c, clientOf(&caller))
	}
	return func() {}, s.charge(c, 1, 0)
}

// asStranger charges a request that nobody is known for to the allowance of its address.
func (s *server) asStranger(c *gin.Context) error {
	if wait := s.strangers.take(network(c.Request), 1, 0); wait > 0 {
		return s.throttled(c, "address", wait, s.strangers.tooMany())
	}
	exchangeOf(c).charged = true
	return nil
}

// own says whether the caller is a system of this house.
func (s *server) own(a *agent.Agent) bool {
	return a.Role == agent.System && a.Organization == s.Organization
}

// clientOf names whose allowance a request is charged to. Roles have their own: one
// account may be a person's and a system's.
func clientOf(a *agent.Agent) string {
	return a.Issuer + "\x00" + a.Client + "\x00" + a.Subject + "\x00" + a.Role
}
