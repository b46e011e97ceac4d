package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// jobPath is where requests that are answered later are asked for, below the FHIR base.
const jobPath = "_async"

// later says whether the requests of a row may be answered later: searches, and Bundles.
func (r *route) later() bool {
	return r.typ == "" && slices.Contains([]string{"transaction", "batch", "search-type", "search-system"}, r.interaction)
}

// wantsLater says whether the client would ask again for the answer. AuditEvents are shown at
// once: who may see one is not decided like that of a resource.
func wantsLater(c *gin.Context) bool {
	return askedOf(c).later && c.Request.Method != http.MethodHead && c.Param("type") != auditEvent
}

// respondLater begins to do what a handler does, and says where the answer will be.
func (s *server) respondLater(c *gin.Context, call *access.Call) (*answer, error) {
	body, err := s.bytes(c, s.MaxBody)
	if err != nil {
		return nil, err
	}
	one := &job{caller: call.Agent, writes: c.Request.Method == http.MethodPost && !strings.HasSuffix(c.FullPath(), "/_search")}
	one.hold = hold{s: s, client: "agent " + clientOf(&call.Agent)}
	one.again = s.repeatable(c.Request, body)
	one.mu.Lock()
	defer one.mu.Unlock()
	if err := s.jobs.add(one); err != nil {
		return nil, err
	}
	s.run(one, *call)
	return s.underWay(c, one), nil
}

// repeatable is the request as it came, to be done without its connection. What comes of it
// is not sent.
func (s *server) repeatable(r *http.Request, body []byte) func(context.Context, *access.Call) (*answer, error) {
	header := r.Header.Clone()
	for _, gone := range []string{"Content-Encoding", "Authorization", "Cookie"} { // the caller is known
		header.Del(gone)
	}
	method, url, address := r.Method, *r.URL, r.RemoteAddr
	return func(ctx context.Context, call *access.Call) (*answer, error) {
		done := &routed{call: call}
		again := (&http.Request{
			Method: method, URL: &url, Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: address,
		}).WithContext(context.WithValue(ctx, keyRouted{}, done))
		s.entries.ServeHTTP(unsent{}, again)
		return done.answer, done.err
	}
}

// underWay answers that a request is not done yet. The caller has its lock.
func (s *server) underWay(c *gin.Context, one *job) *answer {
	c.Header("Content-Location", s.url(jobPath+"/"+one.id))
	c.Header("X-Progress", fmt.Sprintf("under way for %d s", int(s.Now().Sub(one.begun).Seconds())))
	c.Header("Retry-After", "1")
	return &answer{status: http.StatusAccepted}
}

// askJob is GET [base]/_async/[id]: 202 while the request is under way, then its answer, if
// policy and Consents still allow it.
func (s *server) askJob(c *gin.Context, call *access.Call) (*answer, error) {
	one, err := s.jobs.of(c.Param("job"), &call.Agent, s.Now())
	if err != nil {
		return nil, err
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.ended.IsZero() {
		soon := s.Now().Sub(one.asked) < askJobs
		one.asked = s.Now()
		if soon {
			return nil, &fhir.Error{Kind: fhir.Throttled, Detail: "This asynchronous request is asked about too often: once in a second is enough. Retry-After says when to ask again."}
		}
		return s.underWay(c, one), nil
	}
	return s.deliver(c, call, one)
}

// deliver has the gate decide whether the result may leave now. If not, a request that only
// reads is done again, and of others nothing leaves but what they did.
func (s *server) deliver(c *gin.Context, call *access.Call, one *job) (*answer, error) {
	stands, err := s.Gate.Deliver(c.Request.Context(), call, one.basis)
	switch {
	case err != nil:
		return nil, err
	case !stands && !one.writes && one.tries >= mostJobTries:
		return nil, &fhir.Error{Kind: fhir.Unavailable, Detail: "What this answer rests on changes faster than it can be made: it was made 8 times. Try again later."}
	case !stands && !one.writes:
		s.run(one, *call)
		return s.underWay(c, one), nil
	}
	call.Receipts = append(slices.Clip(one.receipts), call.Receipts...)
	if one.err != nil {
		return nil, one.err
	}
	a := *one.answer
	if !stands {
		a.body, err = bare(a.body)
	}
	return &a, err
}

// bare is the answer to a Bundle without what it shows: what was written, and where.
func bare(bundle []byte) ([]byte, error) {
	var b struct {
		ResourceType string            `json:"resourceType"`
		Type         string            `json:"type"`
		Entry        []json.RawMessage `json:"entry"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return nil, err
	}
	for i := range b.Entry {
		var e struct {
			Response json.RawMessage `json:"response"`
		}
		var read struct{ Status, Location string }
		if err := json.Unmarshal(b.Entry[i], &e); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(e.Response, &read); err != nil {
			return nil, err
		}
		if read.Location == "" && strings.HasPrefix(read.Status, "2") && !strings.HasPrefix(read.Status, "204") {
			e.Response = json.RawMessage(withheldEntry)
		}
		text, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		b.Entry[i] = text
	}
	return json.Marshal(b)
}

// withheldEntry stands for what an entry read.
const withheldEntry = `{"status":"409 Conflict","outcome":{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"conflict","details":{"text":"What decides about this entry has changed since it was read, so it is not shown. Ask again."}}]}}`

// endJob is DELETE [base]/_async/[id]: it ends what is under way, and forgets the rest.
func (s *server) endJob(c *gin.Context, call *access.Call) (*answer, error) {
	one, err := s.jobs.of(c.Param("job"), &call.Agent, s.Now())
	if err != nil {
		return nil, err
	}
	s.jobs.drop(one)
	return &answer{status: http.StatusAccepted}, nil
}
