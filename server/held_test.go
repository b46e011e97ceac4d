package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/server"
)

// greedy is a gate whose reads hold as many bytes as the id says, and wait.
type greedy struct {
	*fakeGate
	sizes      map[string]int64
	begun, end chan struct{}
}

func (g greedy) Read(_ context.Context, c *access.Call, ref fhir.Ref) (*access.Version, error) {
	if err := c.Hold(g.sizes[ref.ID]); err != nil {
		return nil, err
	}
	if ref.ID != "small" {
		select {
		case g.begun <- struct{}{}:
			<-g.end
		case <-time.After(5 * time.Second): // nobody expects this read
		}
	}
	return g.version(ref, 1), nil
}

// Large documents of one client, and of all, are held up to a bound; small ones are always
// answered. What was held counts until the answer is sent.
func TestLargeDocumentsAreBounded(t *testing.T) {
	n := start(t)
	g := greedy{n.fakeGate, map[string]int64{"small": 60_000, "large": 40 << 20}, make(chan struct{}), make(chan struct{})}
	n = start(t, func(c *server.Config) { c.Gate = g })
	end := sync.OnceFunc(func() { close(g.end) })
	defer end()
	var under sync.WaitGroup
	as := func(client string) []string { return []string{"Authorization", "Bearer good" + client} }
	for i, client := range []string{"-a", "-a", "-b", "-b", "-c", "-c", "-d", "-d", "-e"} {
		under.Go(func() { n.get("/fhir/Patient/large", as(client)...).want(200) })
		<-g.begun
		if i == 1 {
			n.get("/fhir/Patient/large", as("-a")...).want(429, "throttled").header("Retry-After", "1").says("This client has too many large documents under way: … are allowed. Ask again when it has received or sent some of them.")
			n.get("/fhir/Patient/small", as("-a")...).want(200)
			batch := `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/large"}},{"request":{"method":"GET","url":"Patient/small"}}]}`
			n.do("POST", "/fhir", batch, as("-a")...).want(200).contains(`"status":"429`, `"status":"200`)
		}
	}
	n.get("/fhir/Patient/large", as("-e")...).want(503, "transient").header("Retry-After", "5").says("The server has too many large documents under way: … at most. Try again later.")
	n.get("/fhir/Patient/small", as("-e")...).want(200)
	end()
	under.Wait()
	go func() { <-g.begun }()
	n.get("/fhir/Patient/large", as("-a")...).want(200)
	if got := n.counted("aceso_throttled_requests_total", "memory"); got != 3 {
		t.Errorf("%v counted", got)
	}
}

// Bodies count while they are sent.
func TestLargeBodiesAreBounded(t *testing.T) {
	n := start(t)
	var senders []*io.PipeWriter
	defer func() {
		for _, w := range senders {
			w.CloseWithError(io.ErrUnexpectedEOF)
		}
	}()
	send := func() {
		r, w := io.Pipe()
		senders = append(senders, w)
		q, err := http.NewRequest("POST", n.url+"/fhir/Patient", r)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer good")
		q.Header.Set("Content-Type", "application/fhir+json")
		go func() {
			if a, err := http.DefaultClient.Do(q); err == nil {
				a.Body.Close()
			}
		}()
		go func() { _, _ = io.Copy(w, strings.NewReader(strings.Repeat(" ", 19_000_000))) }() // and does not end
	}
	for range 6 {
		send()
	}
	for begin := time.Now(); n.counted("aceso_throttled_requests_total", "memory") == 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatal("no body is refused")
		}
	}
	n.do("POST", "/fhir/Patient", patient).want(201)
}
