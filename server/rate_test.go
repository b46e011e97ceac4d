package server_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/server"
)

// limited is a server with the usual allowance and a clock that stands still.
func limited(t *testing.T, now *time.Time, change ...func(*server.Config)) *node {
	return start(t, append(change, func(c *server.Config) {
		c.EntriesPerSecond, c.Burst, c.Organization, c.Now = 50, 500, "org", func() time.Time { return *now }
	})...)
}

func reads(kind string, entries int) string {
	return fmt.Sprintf(`{"resourceType":"Bundle","type":%q,"entry":[%s]}`, kind,
		strings.TrimSuffix(strings.Repeat(`{"request":{"method":"GET","url":"Patient/1"}},`, entries), ","))
}

// A batch or a transaction costs as many entries as it has, and everything else one.
func TestEntriesAreCharged(t *testing.T) {
	for _, kind := range []string{"batch", "transaction"} {
		now := time.Unix(1_700_000_000, 0)
		n := limited(t, &now)
		n.do("POST", "/fhir", reads(kind, 400)).want(200)
		n.get("/fhir/Patient?name=x").want(200)
		n.get("/fhir/_history").want(200)
		asked := len(n.asked)
		a := n.do("POST", "/fhir", reads(kind, 99)).want(429, "throttled").header("Retry-After", "1").header("X-Aceso-Record", "")
		a.contains("50 entries per second, and 500 at once").says("This Bundle has … entries, more than this client may send now: it has …. Retry-After says when to try again.")
		if len(n.asked) != asked {
			t.Errorf("%s: the gate was asked %v", kind, n.asked[asked:])
		}
		n.do("POST", "/fhir", reads(kind, 97)).want(200) // the refused request has cost one
		n.get("/fhir/Patient/1").want(429, "throttled").header("Retry-After", "1").says("This client asks for too much: it has …. Retry-After says when to try again.")
		now = now.Add(10 * time.Second)
		n.do("POST", "/fhir", reads(kind, 500)).want(200)
		n.get("/metrics", "Authorization", "Bearer good-other").want(200).contains(`aceso_throttled_requests_total{client="agent"} 2`)
	}
}

// What is larger than the burst is taken when nothing of it is used up, and paid off later.
func TestLargeBundlesMakeDebts(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := limited(t, &now)
	n.get("/fhir/Patient/1").want(200)
	n.do("POST", "/fhir", reads("batch", 1000)).want(429, "throttled").says("This Bundle has … entries, and this client …. A Bundle of more is taken when the client has sent nothing for a while. Send it after Retry-After, or in parts.")
	now = now.Add(time.Second)
	n.do("POST", "/fhir", reads("batch", 1000)).want(200)
	n.get("/fhir/Patient/1").want(429).header("Retry-After", "11")
	now = now.Add(10 * time.Second)
	n.get("/fhir/Patient/1").want(429).header("Retry-After", "1")
	now = now.Add(time.Second)
	n.get("/fhir/Patient/1").want(200)
}

// slow is a gate whose reads wait.
type slow struct {
	*fakeGate
	begun, end chan struct{}
}

func (g slow) Read(context.Context, *access.Call, fhir.Ref) (*access.Version, error) {
	g.begun <- struct{}{}
	<-g.end
	return g.version(fhir.Ref{Type: "Patient", ID: "1"}, 1), nil
}

// asSystems authenticates "Bearer ORGANISATION": systems.
func asSystems(r *http.Request) (agent.Agent, error) {
	return agent.Agent{Subject: "laboratory", Role: agent.System, Organization: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), Purpose: "HOPERAT"}, nil
}

// An own system has no rate, but only some of the requests that are under way. A system of
// somebody else has the rate of everybody.
func TestOwnSystemsShare(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := limited(t, &now, func(c *server.Config) { c.Authenticate = asSystems })
	own, guest := []string{"Authorization", "Bearer org"}, []string{"Authorization", "Bearer elsewhere"}
	for range 2 {
		n.do("POST", "/fhir", reads("batch", 600), own...).want(200)
	}
	n.do("POST", "/fhir", reads("batch", 500), guest...).want(200)
	n.get("/fhir/Patient/1", guest...).want(429)

	g := slow{n.fakeGate, make(chan struct{}), make(chan struct{})}
	n = limited(t, &now, func(c *server.Config) { c.Gate, c.Authenticate = g, asSystems })
	end := sync.OnceFunc(func() { close(g.end) })
	defer end()
	var under sync.WaitGroup
	for range 32 {
		under.Go(func() { n.get("/fhir/Patient/1", own...).want(200) })
	}
	for range 32 {
		<-g.begun
	}
	n.get("/fhir/Patient?name=x", own...).want(429, "throttled").header("Retry-After", "1").says("This system has … requests under way, as many as are answered at a time. Send the next one when one of them has been answered.")
	n.get("/fhir/Patient?name=x", guest...).want(200)
	end()
	under.Wait()
	n.get("/fhir/Patient?name=x", own...).want(200)
	n.get("/metrics", own...).want(200).contains(`aceso_throttled_requests_total{client="system"} 1`)
}

// A client commands all addresses of its IPv6 network, and has one allowance for them.
func TestStrangersAreLimitedByNetwork(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	c := limited(t, &now).config
	c.EntriesPerSecond, c.Burst, c.Registry = 1, 1, prometheus.NewRegistry()
	h := server.New(c)
	for i, want := range []struct {
		address string
		status  int
	}{{"[2001:db8::1]:1", 401}, {"[2001:db8::2]:1", 429}, {"[2001:db8:0:1::1]:1", 401}, {"192.0.2.1:1", 401}, {"192.0.2.2:1", 401}, {"192.0.2.1:2", 429}} {
		if got := serve(h, want.address); got != want.status {
			t.Errorf("%d: %s: %d, want %d", i, want.address, got, want.status)
		}
	}
}
