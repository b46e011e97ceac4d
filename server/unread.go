package server

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/auth/session"
)

// authorizing names what a request to the authorization server is about, by its route, as
// records do; "" is none.
func authorizing(method, at string) string {
	switch at {
	case PathToken:
		return "token"
	case pathIntrospect:
		return "introspect"
	case pathRevoke:
		return "revoke"
	case pathRegister:
		return "register"
	case pathLaunch:
		return "launch"
	case pathAuthorize, pathConsent:
		return "authorize"
	case pathSignIn, pathProvider, pathReturn:
		return "sign-in"
	case pathSignOut:
		return "sign-out"
	case pathApps:
		if method == http.MethodPost {
			return "revoke"
		}
		return "grant-read"
	}
	switch {
	case at != pathClients && !strings.HasPrefix(at, pathClients+"/") && at != pathRegistrations:
		return ""
	case method == http.MethodGet:
		return "client-read"
	}
	return "client-write"
}

// recordUnread records that the authorization server refuses a request, if nothing has been
// recorded of it: one that it could not read, or that the browser did not get from its pages.
// Its error is answered instead. An address that nobody is known for pays for the record from
// its allowance; when that is used up, requests are counted, and no longer recorded.
func (s *server) recordUnread(c *gin.Context, call *access.Call, a *answer, err error) error {
	what, status := authorizing(c.Request.Method, c.FullPath()), statusOf(a, err)
	unread := status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusTooManyRequests
	if what == "" || !unread || len(call.Receipts) > 0 || s.SignIn.Sessions == nil {
		return nil
	}
	if status == http.StatusUnauthorized && c.Request.Method == http.MethodGet { // nobody has signed in yet
		return nil
	}
	x := exchangeOf(c)
	if !x.known && !x.charged {
		if wait := s.asStranger(c); wait != nil {
			return wait
		}
	}
	to, done := keptCall(call)
	defer done()
	return oauth.Refuse(c.Request.Context(), s.SignIn.Sessions.Keeper, to, what, claimedBy(c), c.FullPath(), reasonOf(status), status)
}

// claimedBy is who sends a request, as far as that is known, or claimed by a cookie.
func claimedBy(c *gin.Context) agent.Agent {
	x := exchangeOf(c)
	switch {
	case x.known:
		return x.call.Agent
	case x.session != nil:
		return session.AgentOf(x.session.User)
	case isPage(c):
		return agent.Agent{Client: session.Client}
	}
	return agent.Agent{}
}

// statusOf is that of an answer or an error.
func statusOf(a *answer, err error) int {
	if err != nil {
		return describe(err).Kind.Status()
	}
	return a.status
}

// reasonOf is why a request was not even read, in the words of records.
func reasonOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "not-authenticated"
	case http.StatusForbidden:
		return "forged-form"
	case http.StatusNotFound:
		return "not-found"
	case http.StatusConflict:
		return "conflict"
	case http.StatusRequestEntityTooLarge:
		return "too-large"
	case http.StatusUnsupportedMediaType:
		return "media-type"
	}
	return "malformed"
}
