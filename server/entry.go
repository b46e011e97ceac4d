package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// routed is an entry of a batch on its way through the routes, and what comes of it.
type routed struct {
	call   *access.Call
	answer *answer
	err    error
}

// keyRouted is where the context of the request has it.
type keyRouted struct{}

func routedOf(c *gin.Context) *routed { return c.Request.Context().Value(keyRouted{}).(*routed) }

// entryEngine routes entries of batches: it has the whole table, but none of the steps
// before a handler, which the batch has behind it.
func (s *server) entryEngine() *gin.Engine {
	e := newEngine()
	e.NoRoute(func(c *gin.Context) { routedOf(c).err = absent(c.Request.URL.Path) })
	e.NoMethod(func(c *gin.Context) { routedOf(c).err = misused(c.Request.URL.Path) })
	register(e, s.entryHandlers)
	return e
}

func (s *server) entryHandlers(group []route) []gin.HandlerFunc {
	return []gin.HandlerFunc{func(c *gin.Context) {
		done, x := routedOf(c), exchangeOf(c)
		x.call.Agent, x.known = done.call.Agent, true
		held := s.holdOf(c)
		defer held.end()
		handle, err := choose(group, c.Param("type"))
		if err != nil {
			done.err = err
			return
		}
		done.answer, done.err = handle(s, c, done.call)
	}}
}

// routeEntry answers an entry like a request of its own, with the call of the entry.
func (s *server) routeEntry(c *gin.Context, call *access.Call, e *fhir.Entry) (fhir.AnswerEntry, error) {
	done := &routed{call: call}
	s.entries.ServeHTTP(unsent{}, entryRequest(c.Request, e, done))
	if done.err != nil {
		return fhir.AnswerEntry{}, done.err
	}
	a := done.answer
	if err := call.Hold(int64(len(a.body))); err != nil {
		return fhir.AnswerEntry{}, err
	}
	if a.media != "" { // no FHIR
		a.body = fhir.NewBinary("", a.media, "", a.body)
	}
	return fhir.AnswerEntry{Body: a.body, Response: a.response()}, nil
}

// entryRequest is the request that an entry stands for. What the batch prefers holds for it.
func entryRequest(batch *http.Request, e *fhir.Entry, done *routed) *http.Request {
	r := (&http.Request{
		Method: e.Method, URL: &url.URL{Path: strings.TrimSuffix("/fhir"+e.Path, "/"), RawQuery: e.Query}, Header: http.Header{},
		Body: http.NoBody, ContentLength: int64(len(e.Sent)), RemoteAddr: batch.RemoteAddr,
	}).WithContext(context.WithValue(batch.Context(), keyRouted{}, done))
	if prefer := batch.Header.Values("Prefer"); len(prefer) > 0 {
		r.Header["Prefer"] = prefer
	}
	for name, value := range map[string]string{"If-Match": e.Tags, "If-None-Match": e.IfNoneMatch, "If-Modified-Since": e.IfModifiedSince} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if e.Method == http.MethodPost && !strings.HasSuffix(e.Path, "/_search") {
		r.Header.Set("Content-Type", mediaFHIR)
	}
	if len(e.Sent) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(e.Sent))
	}
	return r
}

// unsent is where handlers may set headers that no entry has.
type unsent struct{}

func (unsent) Header() http.Header         { return http.Header{} }
func (unsent) Write(b []byte) (int, error) { return len(b), nil }
func (unsent) WriteHeader(int)             {}
