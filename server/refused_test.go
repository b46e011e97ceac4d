package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/server"
)

// serve asks the handler from an address, without a token.
func serve(h http.Handler, address string) int {
	r := httptest.NewRequest("GET", "/fhir/Patient/1", nil)
	r.RemoteAddr = address
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// The log names whom a refused token names: as its issuer says, or as nobody vouches for.
func TestRefusedAuthenticationsAreLogged(t *testing.T) {
	refusal := &auth.Refused{Issuer: "https://idp", Subject: "Practitioner/7", Client: "app"}
	n := start(t, func(c *server.Config) {
		c.Authenticate = func(*http.Request) (agent.Agent, error) { return agent.Agent{}, refusal }
	})
	for _, test := range []struct {
		verified bool
		kind     fhir.Kind
		subject  string
		says     []string
		not      string
	}{
		{true, fhir.Forbidden, "Practitioner/7", []string{"level=WARN", " issuer=https://idp subject=Practitioner/7 client=app", `refused="Two purposes."`}, "unverified"},
		{false, fhir.Unauthenticated, "Practitioner/7", []string{"unverified_issuer=https://idp unverified_subject=Practitioner/7 unverified_client=app"}, " subject="},
		{true, fhir.Forbidden, "Patient/p1", []string{"subject=hidden"}, "p1"},
		{false, fhir.Unauthenticated, strings.Repeat("x", 5000), []string{"subject=" + strings.Repeat("x", 100) + "..."}, strings.Repeat("x", 101)},
	} {
		n.log.Reset()
		refusal.Verified, refusal.Subject = test.verified, test.subject
		refusal.Err = &fhir.Error{Kind: test.kind, Detail: "Two purposes."}
		n.get("/fhir/Patient/1", "Authorization", "Bearer secret").want(test.kind.Status())
		log := n.log.String()
		for _, part := range test.says {
			if !strings.Contains(log, part) {
				t.Errorf("no %q in %s", part, log)
			}
		}
		if strings.Contains(log, test.not) || strings.Contains(log, "secret") {
			t.Errorf("%q in %s", test.not, log)
		}
	}
	for _, kind := range []string{"forbidden", "unauthenticated"} {
		if got := n.counted("aceso_refused_authentications_total", kind); got != 2 {
			t.Errorf("%s: %v", kind, got)
		}
	}
}

// counted is a counter whose first label has a value.
func (n *node) counted(name, label string) float64 {
	n.t.Helper()
	families, err := n.config.Registry.Gather()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// More than 100 refused authentications of one address within a minute raise an alarm, once
// a minute.
func TestManyRefusedAuthenticationsRaiseAnAlarm(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := start(t, func(c *server.Config) { c.Now = func() time.Time { return now } })
	alarms := func() int { return strings.Count(n.log.String(), "ALARM") }
	for i := range 250 {
		n.get("/fhir/Patient/1", "Authorization", "Bearer bad").want(401)
		if want := min(i/100, 1); alarms() != want {
			t.Fatalf("%d alarms after %d", alarms(), i+1)
		}
	}
	if log := n.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "address=127.0.0.1") {
		t.Error(log)
	}
	now = now.Add(time.Minute)
	for range 101 {
		n.get("/fhir/Patient/1", "Authorization", "").want(401)
	}
	if alarms() != 2 {
		t.Errorf("%d alarms", alarms())
	}
	n.get("/metrics").want(200).contains("aceso_refused_authentication_alarms_total 2", `aceso_refused_authentications_total{kind="unauthenticated"} 351`)
	if text := n.get("/metrics").body; strings.Contains(text, "127.0.0.1") {
		t.Error("an address is a label")
	}
}

// Who has not signed in yet has not been refused.
func TestPagesAskForATokenWithoutAlarm(t *testing.T) {
	n := start(t)
	r := n.reader()
	r.get("/ui/ledger").want(401)
	r.signIn("bad").want(401)
	n.get("/metrics").want(200).contains(`aceso_refused_authentications_total{kind="unauthenticated"} 1`)
}
