package server_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

const base = "https://fhir.example.org/fhir"

var written = time.Date(2024, 5, 1, 10, 0, 0, 250e6, time.UTC)

// fakeGate remembers what it is asked and answers from two fields: an error, or
// what a test put into result. Each call leaves one receipt, like the real one.
type fakeGate struct {
	mu     sync.Mutex
	asked  []string
	body   string // of every version
	err    error
	status int // of effects
	result access.Result
	bundle string // proof bundle
	ledger access.LedgerView
	panics bool
	wrote  string // the document of the last operation

	address string // of the last client
	scopes  string // of the last who searched

	slow  chan struct{} // searches and changes wait for it, if there is one
	stale int           // so many deliveries do not stand
}

func (g *fakeGate) ask(c *access.Call, format string, args ...any) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked, g.address = append(g.asked, fmt.Sprintf(format, args...)), c.Address
	c.Receipts = append(c.Receipts, fmt.Sprintf("org/node/accesses/%d;c=x", len(g.asked)))
	if g.panics {
		panic("the name of a patient")
	}
	return g.err
}

func (g *fakeGate) version(ref fhir.Ref, n int64) *access.Version {
	return &access.Version{Ref: ref, Version: n, LastUpdated: written, Method: "PUT", Body: []byte(g.body)}
}

func (g *fakeGate) Read(_ context.Context, c *access.Call, ref fhir.Ref) (*access.Version, error) {
	return g.version(ref, 3), g.ask(c, "read %s", ref)
}

func (g *fakeGate) VRead(_ context.Context, c *access.Call, ref fhir.Ref, n int64) (*access.Version, error) {
	return g.version(ref, n), g.ask(c, "vread %s %d", ref, n)
}

func (g *fakeGate) History(_ context.Context, c *access.Call, h access.HistoryRequest) (*access.Result, error) {
	return &g.result, g.ask(c, "history %+v", h)
}

// wait lasts as long as the test wants, or until the request is ended.
func (g *fakeGate) wait(ctx context.Context) {
	if g.slow == nil {
		return
	}
	select {
	case <-g.slow:
	case <-ctx.Done():
	}
}

func (g *fakeGate) Deliver(_ context.Context, c *access.Call, _ *access.Basis) (bool, error) {
	err := g.ask(c, "deliver")
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stale--
	return g.stale < 0, err
}

func (g *fakeGate) Search(ctx context.Context, c *access.Call, s access.SearchRequest) (*access.Result, error) {
	if g.wait(ctx); ctx.Err() != nil {
		return nil, ctx.Err()
	}
	g.mu.Lock()
	g.scopes = fmt.Sprint(c.Agent.Scopes)
	g.mu.Unlock()
	return &g.result, g.ask(c, "search %+v", s)
}

func (g *fakeGate) Explain(_ context.Context, c *access.Call, s access.SearchRequest) ([]access.Explanation, error) {
	return nil, g.ask(c, "explain %+v", s)
}

func (g *fakeGate) LastN(_ context.Context, c *access.Call, l access.LastNRequest) (*access.Result, error) {
	return &g.result, g.ask(c, "lastn %+v", l)
}

func (g *fakeGate) Why(_ context.Context, c *access.Call, asked access.WhyRequest) (*access.Why, error) {
	return &access.Why{Record: &access.Version{Body: []byte("{}")}}, g.ask(c, "why %s", asked.ID)
}

func (g *fakeGate) CheckScopes(claim string) ([]agent.Scope, error) { return agent.ParseScopes(claim) }

func (g *fakeGate) CouldRead(_ context.Context, c *access.Call, asked access.CouldRead) (*access.Could, error) {
	return &access.Could{Mode: "none"}, g.ask(c, "could %+v", asked)
}

func (g *fakeGate) Replay(_ context.Context, c *access.Call, ask access.ReplayRequest) (*access.Replayed, error) {
	return new(access.Replayed), g.ask(c, "replay %s %d", ask.Revision, ask.Limit)
}

func (g *fakeGate) ConsentProblems(_ context.Context, c *access.Call, after string, count int) (*access.Problems, error) {
	return &access.Problems{}, g.ask(c, "problems after %s, %d", after, count)
}

func (g *fakeGate) Simulate(_ context.Context, c *access.Call, asked access.Simulation) (*access.Simulated, error) {
	return &access.Simulated{}, g.ask(c, "simulate %s", asked.Detail)
}

func (g *fakeGate) RecordDisclosure(_ context.Context, c *access.Call, d access.Disclosure) error {
	return g.ask(c, "disclosure %+v", d)
}

func (g *fakeGate) Tell(v *access.Version) (*access.Told, error) {
	return &access.Told{Ref: v.Ref, Says: "dormant"}, nil
}

func (g *fakeGate) IndexProgress(_ context.Context, c *access.Call) ([]access.Indexing, error) {
	return nil, g.ask(c, "index progress")
}

func (g *fakeGate) Meta(_ context.Context, c *access.Call, ref fhir.Ref) (*access.Version, error) {
	return g.version(ref, 3), g.ask(c, "meta %s", ref)
}

func (g *fakeGate) Everything(_ context.Context, c *access.Call, e access.EverythingRequest) (*access.Result, error) {
	return &g.result, g.ask(c, "everything %+v", e)
}

func (g *fakeGate) Apply(ctx context.Context, c *access.Call, ops []access.Operation) ([]access.Effect, error) {
	g.wait(ctx)
	var asked []string
	var effects []access.Effect
	for _, op := range ops {
		asked = append(asked, fmt.Sprintf("%s %s v%d match %d %t %v %s%s", op.Method, op.Ref, op.Version, op.IfMatch, op.Conditional, op.Criteria, op.FullURL, op.Expression))
		effects = append(effects, g.effect(op))
		if op.Resource != nil {
			g.wrote = string(op.Resource.Bytes())
		}
	}
	return effects, g.ask(c, "%s", strings.Join(asked, "; "))
}

func (g *fakeGate) effect(op access.Operation) access.Effect {
	ref := op.Ref
	if ref.ID == "" {
		ref.ID = "new"
	}
	v := g.version(ref, 1)
	switch {
	case op.Method == "DELETE":
		v.Deleted, v.Body = true, nil
		return access.Effect{Status: 204, Version: v}
	case op.Method == "GET" && op.Ref.ID == "":
		return access.Effect{Status: 200, Result: &g.result}
	case op.Method == "GET":
		return access.Effect{Status: 200, Version: v}
	case g.status != 0:
		return access.Effect{Status: g.status, Version: v}
	case op.Method == "POST":
		return access.Effect{Status: 201, Version: v}
	}
	return access.Effect{Status: 200, Version: v}
}

func (g *fakeGate) ReadAuditEvent(_ context.Context, c *access.Call, id string) (*access.Version, error) {
	return g.version(fhir.Ref{Type: "AuditEvent", ID: id}, 1), g.ask(c, "audit read %s", id)
}

func (g *fakeGate) SearchAuditEvents(_ context.Context, c *access.Call, s access.SearchRequest) (*access.Result, error) {
	return &g.result, g.ask(c, "audit search %+v", s)
}

func (g *fakeGate) Proof(_ context.Context, c *access.Call, id string) ([]byte, error) {
	return []byte(g.bundle), g.ask(c, "proof %s", id)
}

func (g *fakeGate) Ledger(_ context.Context, c *access.Call) (*access.LedgerView, error) {
	return &g.ledger, g.ask(c, "ledger")
}

func (g *fakeGate) VerifyVersion(_ context.Context, c *access.Call, ref fhir.Ref, n int64) ([]byte, error) {
	return []byte(`{"resourceType":"Parameters"}`), g.ask(c, "verify %s %d", ref, n)
}

func (g *fakeGate) Terminology(_ context.Context, c *access.Call, t access.TermsRequest) ([]byte, error) {
	return []byte(`{"resourceType":"Parameters"}`), g.ask(c, "terms %s %s %s %v %s", t.Operation, t.Type, t.ID, t.Params, t.Body)
}

func (g *fakeGate) AccessReport(_ context.Context, c *access.Call, ref fhir.Ref, s access.SearchRequest) (*access.Result, error) {
	return &g.result, g.ask(c, "report %s %+v", ref, s)
}

func (g *fakeGate) Validate(_ context.Context, c *access.Call, v access.ValidateRequest) ([]fhir.Issue, error) {
	return nil, g.ask(c, "validate %s %s %q %s", v.Ref, v.Mode, v.Profiles, v.Body)
}

func (g *fakeGate) Operate(_ context.Context, c *access.Call, operation string) error {
	return g.ask(c, "operate %s", operation)
}

// node is a running server over a fake gate.
type node struct {
	*fakeGate
	t      *testing.T
	url    string
	config server.Config
	log    *strings.Builder
}

// start runs a server with one agent, who sends "Bearer good".
func start(t *testing.T, change ...func(*server.Config)) *node {
	t.Helper()
	n := &node{fakeGate: &fakeGate{body: `{"resourceType":"Patient","id":"1"}`, bundle: `{"proof":1}`}, t: t, log: new(strings.Builder)}
	n.result.Total = -1
	n.config = server.Config{
		Gate: n.fakeGate, BaseURL: base, Version: "test",
		Authenticate: authenticate,
		Logger:       slog.New(slog.NewTextHandler(n.log, nil)),
	}
	atEase(&n.config)
	for _, f := range change {
		f(&n.config)
	}
	s := httptest.NewServer(server.New(n.config))
	t.Cleanup(s.Close)
	n.url = s.URL
	return n
}

// atEase configures a node that is ready and has no ledger of several organisations.
func atEase(c *server.Config) {
	c.Ready = func(context.Context) error { return nil }
	c.Notes = func(context.Context) []string { return nil }
	c.Anchored = func(context.Context, []string) string { return "" }
	c.Pseudonym = func(string) string { return "hidden" }
	c.Registry = prometheus.NewRegistry()
}

func authenticate(r *http.Request) (agent.Agent, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer good")
	if !ok {
		return agent.Agent{}, &fhir.Error{Kind: fhir.Unauthenticated, Detail: "A bearer token is needed."}
	}
	token, purpose, _ := strings.Cut(token, "+")
	return agent.Agent{Subject: "Practitioner/12" + token, Role: agent.Practitioner, Organization: "org", Purpose: cmp.Or(purpose, "TREAT")}, nil
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	t    *testing.T
	body string
}

// do sends a request as the good agent. Headers come as name, value, ...; an
// empty value removes one.
func (n *node) do(method, path, body string, headers ...string) reply {
	n.t.Helper()
	r, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer good")
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return n.send(r)
}

func (n *node) send(r *http.Request) reply {
	n.t.Helper()
	client := http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	a, err := client.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return reply{a, n.t, string(b)}
}

func (n *node) get(path string, headers ...string) reply { return n.do("GET", path, "", headers...) }

// want checks the status, and the code of the first issue if one is given.
func (a reply) want(status int, code ...string) reply {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	if len(code) > 0 {
		if got := a.issue().Code; got != code[0] {
			a.t.Fatalf("issue code %q, want %q: %s", got, code[0], a.body)
		}
	}
	return a
}

type issue struct {
	Severity, Code string
	Details        struct{ Text string }
	Expression     []string
}

// issue is the first one of the OperationOutcome that the answer must be.
func (a reply) issue() issue {
	a.t.Helper()
	var o struct {
		ResourceType string
		Issue        []issue
	}
	if err := json.Unmarshal([]byte(a.body), &o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		a.t.Fatalf("no OperationOutcome (%v): %s", err, a.body)
	}
	wantNamed(a.t, o.Issue[0].Details.Text)
	if o.Issue[0].Details.Text == "" {
		a.t.Errorf("the issue says nothing: %s", a.body)
	}
	return o.Issue[0]
}

func (a reply) header(name, want string) reply {
	a.t.Helper()
	if got := a.Header.Get(name); got != want {
		a.t.Errorf("%s is %q, want %q", name, got, want)
	}
	return a
}

func (a reply) contains(parts ...string) reply {
	a.t.Helper()
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			a.t.Errorf("no %s in %s", part, a.body)
		}
	}
	return a
}

// lastAsked is the last question to the gate.
func (n *node) lastAsked() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.asked) == 0 {
		return ""
	}
	return n.asked[len(n.asked)-1]
}

func (n *node) wantWritten(want string) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wrote != want {
		n.t.Errorf("written was %s, want %s", n.wrote, want)
	}
}

func (n *node) wantAsked(want string) {
	n.t.Helper()
	if got := n.lastAsked(); got != want {
		n.t.Errorf("gate was asked %q, want %q", got, want)
	}
}

// untouched says that no request has reached the gate.
func (n *node) untouched() {
	n.t.Helper()
	if got := n.lastAsked(); got != "" {
		n.t.Errorf("the gate was asked %q", got)
	}
}

// forgetful is a fake gate that answers reads without remembering them.
type forgetful struct{ *fakeGate }

func (g forgetful) Read(_ context.Context, c *access.Call, ref fhir.Ref) (*access.Version, error) {
	c.Receipts = append(c.Receipts, "org/node/accesses/1;c=x")
	return g.version(ref, 3), nil
}
