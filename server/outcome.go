package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// retryAfter is how many seconds a client should wait when the node is unavailable.
const retryAfter = "5"

// describe finds the fhir.Error in err. Any other error tells the client nothing.
func describe(err error) *fhir.Error {
	var e *fhir.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return &fhir.Error{Kind: fhir.Unavailable, Detail: "The request took too long or was canceled.", Err: err}
	}
	return &fhir.Error{Kind: fhir.Internal, Detail: "Something went wrong in the server. Its log has the cause.", Err: err}
}

// fail answers an error.
func (s *server) fail(c *gin.Context, err error) {
	e := describe(err)
	switch e.Kind {
	case fhir.Unauthenticated:
		c.Header("WWW-Authenticate", challenge(c))
	case fhir.NotAllowed:
		if c.Writer.Header().Get("Allow") == "" {
			c.Header("Allow", allowed(c.FullPath()))
		}
	case fhir.Unavailable:
		c.Header("Retry-After", retryAfter)
	case fhir.Throttled:
		if c.Writer.Header().Get("Retry-After") == "" {
			c.Header("Retry-After", "1")
		}
	}
	status, issues := issuesOf(c, e)
	s.outcome(c, status, issues)
}

// recover turns a panic into a 500 without detail.
func (s *server) recover(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		s.fail(c, fhir.Panicked(p))
	}()
	c.Next()
}

// issuesOf is what the client may see of an error. The log gets the cause if the fault
// is the server's.
func issuesOf(c *gin.Context, e *fhir.Error) (status int, issues []fhir.Issue) {
	if status = e.Kind.Status(); status >= http.StatusInternalServerError {
		exchangeOf(c).cause = e
	}
	return status, e.Findings(e.Kind.Code())
}

// refuse answers what has no kind of error.
func (s *server) refuse(c *gin.Context, status int, code, detail string) {
	s.outcome(c, status, []fhir.Issue{{Code: code, Detail: detail}})
}

func (s *server) outcome(c *gin.Context, status int, issues []fhir.Issue) {
	var a *answer
	if isPage(c) {
		a = s.problem(c, status, issues[0].Detail)
	} else {
		a = outcomeAnswer(c, status, issues)
	}
	s.drain(c.Request)
	s.write(c, a)
	c.Abort()
}

func outcomeAnswer(c *gin.Context, status int, issues []fhir.Issue) *answer {
	body, err := fhir.Outcome(issues)
	if err != nil { // an issue code that R4 does not have
		exchangeOf(c).cause = err
		return &answer{status: http.StatusInternalServerError, body: []byte(exception)}
	}
	return &answer{status: status, body: body}
}

// drain reads the rest of a refused body, within limits: a client that is cut off
// while it sends would not see the answer. One that asks first (Expect:
// 100-continue) sends nothing.
func (s *server) drain(r *http.Request) {
	if r.Body != nil && r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, r.Body, 2*s.MaxBody)
	}
}

// exception is the OperationOutcome if none can be built.
const exception = `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}`

// challenge tells a client how to authenticate (RFC 6750, section 3).
func challenge(c *gin.Context) string {
	if strings.TrimSpace(c.GetHeader("Authorization")) == "" {
		return `Bearer realm="aceso"`
	}
	return `Bearer realm="aceso", error="invalid_token"`
}
