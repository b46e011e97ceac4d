package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/server"
)

var later = []string{"Prefer", "respond-async"}

// ticking lets each look at the clock find it two seconds later.
func ticking(c *server.Config) {
	var looks atomic.Int64
	c.Now = func() time.Time { return time.Unix(1_700_000_000+2*looks.Add(1), 0) }
}

// startJob sends a request to be answered later, and returns where.
func (n *node) startJob(method, path, body string, headers ...string) string {
	n.t.Helper()
	a := n.do(method, path, body, append(headers, later...)...).want(202).header("Retry-After", "1").header("X-Aceso-Record", "")
	at := a.Header.Get("Content-Location")
	if !strings.HasPrefix(at, base+"/_async/") || a.body != "" || a.Header.Get("X-Progress") == "" {
		n.t.Fatalf("Content-Location %q, %v: %s", at, a.Header, a.body)
	}
	return "/fhir" + strings.TrimPrefix(at, base)
}

// answered asks until the answer is there.
func (n *node) answered(at string) reply {
	n.t.Helper()
	for range 500 {
		if a := n.get(at); a.StatusCode != 202 && !strings.Contains(a.body, "too often") {
			return a
		}
		time.Sleep(2 * time.Millisecond)
	}
	n.t.Fatal("the request is never answered")
	return reply{}
}

// A search or Bundle that may be answered later is 202 until it is done; its caller, and
// nobody else, then gets the same answer, as often as wanted, with a decision and a record
// each time, until it is deleted.
func TestRequestsAreAnsweredLater(t *testing.T) {
	n := start(t, func(c *server.Config) { ticking(c) })
	n.slow = make(chan struct{})
	at := n.startJob("GET", "/fhir/Patient?name=x", "")
	n.get(at).want(202).header("Content-Location", base+strings.TrimPrefix(at, "/fhir")).header("Retry-After", "1")
	n.get(at, "Authorization", "Bearer good-one").want(404, "not-found")
	n.do("DELETE", at, "", "Authorization", "Bearer good-one").want(404)
	n.untouched()
	close(n.slow)
	whole := n.get("/fhir/Patient?name=x").want(200)
	if a := n.answered(at).want(200); dateless(a.body) != dateless(whole.body) || len(strings.Split(a.Header.Get("X-Aceso-Record"), ", ")) != 2 {
		t.Errorf("later %s %v\nat once %s", a.body, a.Header, whole.body)
	}
	n.wantAsked("deliver")
	n.get(at).want(200)
	n.do("DELETE", at, "").want(202)
	n.get(at).want(404)
	n.do("DELETE", at, "").want(404)
	if a := n.answered(n.startJob("POST", "/fhir/Patient/_search", "name=x", "Content-Type", "application/x-www-form-urlencoded")); dateless(a.body) != dateless(whole.body) {
		t.Errorf("a form: %s", a.body)
	}
	n.answered(n.startJob("GET", "/fhir/Patient?name=%25zz%zz", "")).want(400)
	n.answered(n.startJob("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1"}}]}`)).want(200).contains("batch-response")
}

// dateless is a Bundle without its time.
func dateless(bundle string) string {
	before, after, _ := strings.Cut(bundle, `"timestamp"`)
	_, after, _ = strings.Cut(after, ",")
	return before + after
}

// Reads, and whatever else takes no time, are answered at once.
func TestShortRequestsAreNotAnsweredLater(t *testing.T) {
	n := start(t)
	n.get("/fhir/Patient/1", later...).want(200)
	n.do("POST", "/fhir/Patient", patient, later...).want(201)
	n.get("/fhir/AuditEvent", later...).want(200)
	n.do("HEAD", "/fhir/Patient", "", later...).want(200)
}

// Who asks more often than once in a second is told so.
func TestJobsAreNotAskedTooOften(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := start(t, func(c *server.Config) { c.Now = func() time.Time { return now } })
	n.slow = make(chan struct{})
	defer close(n.slow)
	at := n.startJob("GET", "/fhir/Patient", "")
	n.get(at).want(202)
	n.get(at).want(429, "throttled").header("Retry-After", "1").contains("This asynchronous request is asked about too often: once in a second is enough. Retry-After says when to ask again.")
	now = now.Add(time.Second)
	n.get(at).want(202)
}

// What is ended is not done, and forgotten.
func TestJobsEnd(t *testing.T) {
	ended := make(chan struct{})
	n := start(t, func(c *server.Config) {
		c.Background = func(work func(context.Context)) { go func() { work(context.Background()); close(ended) }() }
	})
	n.slow = make(chan struct{})
	at := n.startJob("GET", "/fhir/Patient", "")
	n.do("DELETE", at, "").want(202)
	n.get(at).want(404)
	select {
	case <-ended:
		n.untouched()
	case <-time.After(10 * time.Second):
		t.Error("what is deleted goes on")
	}
}

// What is done later is done in the background of the node, and ends with it.
func TestJobsEndWithTheNode(t *testing.T) {
	stopping, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	n := start(t, func(c *server.Config) {
		c.Background = func(work func(context.Context)) { go func() { work(stopping); close(ended) }() }
	})
	n.slow = make(chan struct{})
	n.startJob("GET", "/fhir/Patient", "")
	stop()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}

// A caller has four requests, under way or answered; an answer is kept for ten minutes.
func TestJobsAreBounded(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := start(t, func(c *server.Config) { c.Now = func() time.Time { return now } })
	var at []string
	for range 4 {
		at = append(at, n.startJob("GET", "/fhir/Patient", ""))
		n.answered(at[len(at)-1]).want(200)
	}
	n.get("/fhir/Patient", later...).want(429, "throttled").contains("This caller has 4 asynchronous requests, under way or answered. Fetch their answers and delete them before you send more.")
	n.get("/fhir/Patient", append(later, "Authorization", "Bearer good+COC")...).want(429, "throttled") // nor for another purpose
	n.get("/fhir/Patient", append(later, "Authorization", "Bearer good-one")...).want(202)
	n.do("DELETE", at[0], "").want(202)
	n.startJob("GET", "/fhir/Patient", "")
	now = now.Add(10 * time.Minute)
	n.get(at[1]).want(404)
}

// A search whose answer may not leave any more is done again, 8 times at most; of what was
// written nothing is shown but what was done.
func TestAnswersThatNoLongerStandAreNotDelivered(t *testing.T) {
	n := start(t, func(c *server.Config) { ticking(c) })
	n.stale = 2
	at := n.startJob("GET", "/fhir/Patient", "")
	n.answered(at).want(200)
	n.mu.Lock()
	searched := strings.Count(strings.Join(n.asked, "\n"), "search")
	n.stale = 1000
	n.mu.Unlock()
	if searched != 3 {
		t.Errorf("searched %d times", searched)
	}
	n.answered(at).want(503).contains("What this answer rests on changes faster than it can be made: it was made 8 times. Try again later.")
	n.do("DELETE", at, "").want(202)
	n.mu.Lock()
	n.stale = 1
	n.mu.Unlock()
	a := n.answered(n.startJob("POST", "/fhir", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1"}},{"request":{"method":"DELETE","url":"Patient/1"}},`+
		`{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}`, "Prefer", "return=representation")).want(200).contains("409 Conflict", "204 No Content", "201 Created", "batch-response")
	if strings.Contains(a.body, `"Patient"`) {
		t.Error(a.body)
	}
}

// What is done again is done with the scopes of the token that asks for it now.
func TestJobsAreDoneAgainWithTheScopesOfNow(t *testing.T) {
	n := start(t, func(c *server.Config) {
		ticking(c)
		c.Authenticate = func(r *http.Request) (agent.Agent, error) {
			caller, err := authenticate(r)
			caller.Scopes = []agent.Scope{{Context: "user", Type: r.Header.Get("Scope-Type"), Actions: "s"}}
			return caller, err
		}
	})
	n.stale = 1
	at := n.startJob("GET", "/fhir/Patient", "", "Scope-Type", "Patient")
	asked := func() (string, string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return strings.Join(n.asked, "\n"), n.scopes
	}
	for all := ""; !strings.HasSuffix(all, "deliver"); all, _ = asked() {
		if n.get(at, "Scope-Type", "Observation"); strings.Count(all, "search") > 1 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	for range 500 {
		if all, scopes := asked(); strings.Count(all, "search") == 2 {
			if !strings.Contains(scopes, "Observation") {
				t.Errorf("done again with %s", scopes)
			}
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Error("it is not done again")
}

// A panic ends its request only, and what is large is refused.
func TestJobsFailAlone(t *testing.T) {
	n := start(t, func(c *server.Config) { ticking(c) })
	n.panics = true
	at := n.startJob("GET", "/fhir/Patient", "")
	time.Sleep(20 * time.Millisecond)
	n.mu.Lock()
	n.panics = false
	n.mu.Unlock()
	n.answered(at).want(500, "exception")
	n.do("POST", "/fhir", strings.Repeat(" ", 20_000_001), later...).want(413)
}

// The server keeps 64 of them.
func TestJobsOfAllAreBounded(t *testing.T) {
	n := start(t)
	for i := range 64 {
		n.startJob("GET", "/fhir/Patient", "", "Authorization", fmt.Sprintf("Bearer good-%d", i/4))
	}
	n.get("/fhir/Patient", append(later, "Authorization", "Bearer good-more")...).want(503).contains("The server has 64 asynchronous requests, as many as it keeps. Try again later.")
}

// Answers count for their client's memory until they are dropped.
func TestJobsHoldMemory(t *testing.T) {
	n := start(t)
	n.body = `{"resourceType":"Patient","text":"` + strings.Repeat("x", 15<<20) + `"}`
	n.result = access.Result{Total: -1, Query: &search.Query{}, Matches: []access.Version{*n.version(fhir.Ref{Type: "Patient", ID: "1"}, 1), *n.version(fhir.Ref{Type: "Patient", ID: "2"}, 1)}}
	for range 2 {
		var at []string
		for range 3 {
			at = append(at, n.startJob("GET", "/fhir/Patient", ""))
			n.answered(at[len(at)-1]).want(200)
		}
		at = append(at, n.startJob("GET", "/fhir/Patient", ""))
		n.answered(at[3]).want(429)
		for _, one := range at {
			n.do("DELETE", one, "").want(202)
		}
	}
}
