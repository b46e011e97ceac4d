package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/server"
)

// testNode is a whole node behind a real HTTP listener.
type testNode struct {
	t      testing.TB
	data   dataFolder
	node   *openedNode
	server *httptest.Server
	client http.Client

	database databaseOptions // where the data are, if not in the folder
}

// startNode serves a data folder; stop ends it so that it can be started again.
func startNode(t testing.TB, path string, change ...func(*openedNode, *serveOptions)) *testNode {
	t.Helper()
	data, err := createDataFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	n := &testNode{t: t, data: data}
	n.server = httptest.NewUnstartedServer(nil)
	o := serveOptions{organization: "hospital", node: "n1", baseURL: "http://127.0.0.1/fhir"}
	opened := &openedNode{log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(opened, &o)
	}
	if err := opened.start(context.Background(), data, o); err != nil {
		t.Fatal(err)
	}
	n.node = opened
	if err := data.writeNode(n.node.node); err != nil {
		t.Fatal(err)
	}
	n.server.Config.Handler = n.node.handler
	n.server.Start()
	t.Cleanup(n.stop)
	return n
}

func (n *testNode) stop() {
	if n.node == nil {
		return
	}
	n.server.Close()
	if err := n.node.close(); err != nil {
		n.t.Errorf("close: %v", err)
	}
	n.node = nil
}

// user is a caller with a token.
type user struct {
	n     *testNode
	token string
}

func (n *testNode) as(role, purpose string, change ...func(*grant)) user {
	n.t.Helper()
	g := grant{role: role, purposes: purpose, expires: time.Hour, client: "test", subject: "Practitioner/" + role}
	for _, c := range change {
		c(&g)
	}
	token, err := mint(string(n.data), n.database, "", g, time.Now())
	if err != nil {
		n.t.Fatal(err)
	}
	return user{n, token}
}

// response is an answer, read to its end.
type response struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

func (u user) do(method, path, body string, header ...string) response {
	u.n.t.Helper()
	r, err := u.try(method, path, body, header...)
	if err != nil {
		u.n.t.Fatal(err)
	}
	return r
}

// try is do for callers that expect the server to fail, and for other goroutines
// than the test's.
func (u user) try(method, path, body string, header ...string) (response, error) {
	r, err := http.NewRequest(method, u.n.server.URL+"/fhir"+path, strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	r.Header.Set("Authorization", "Bearer "+u.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return u.n.exchange(method+" "+path, r)
}

// exchange sends a request and reads the answer. A server too busy to ask its
// policies in time says so, and is asked again.
func (n *testNode) exchange(what string, r *http.Request) (response, error) {
	for more := 20; ; more-- {
		res, err := n.client.Do(r)
		if err != nil {
			return response{}, err
		}
		data, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer := response{n.t, what, res.StatusCode, res.Header, data}
		busy := answer.status == http.StatusServiceUnavailable && answer.has("policy could not be asked in time")
		if err != nil || !busy || more == 0 {
			return answer, err
		}
		if r.Body, err = r.GetBody(); err != nil {
			return answer, err
		}
	}
}

func (u user) get(path string) response        { u.n.t.Helper(); return u.do("GET", path, "") }
func (u user) post(path, body string) response { u.n.t.Helper(); return u.do("POST", path, body) }
func (u user) put(path, body string) response  { u.n.t.Helper(); return u.do("PUT", path, body) }

// want checks the status.
func (r response) want(status int) response {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d\n%s", r.what, r.status, status, r.body)
	}
	return r
}

// json decodes the body.
func (r response) json() map[string]any {
	r.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.body, &m); err != nil {
		r.t.Fatalf("%s: %v\n%s", r.what, err, r.body)
	}
	return m
}

func (r response) has(text string) bool { return bytes.Contains(r.body, []byte(text)) }

// ids lists Type/id of the entries of a Bundle.
func (r response) ids() []string {
	r.t.Helper()
	var ids []string
	for _, e := range r.entries() {
		if res, ok := e["resource"].(map[string]any); ok {
			ids = append(ids, fmt.Sprintf("%v/%v", res["resourceType"], res["id"]))
		}
	}
	return ids
}

func (r response) entries() []map[string]any {
	r.t.Helper()
	var all []map[string]any
	list, _ := r.json()["entry"].([]any)
	for _, e := range list {
		all = append(all, e.(map[string]any))
	}
	return all
}

// next is the path of the next page, "" if this is the last.
func (r response) next() string {
	r.t.Helper()
	links, _ := r.json()["link"].([]any)
	for _, l := range links {
		m := l.(map[string]any)
		if m["relation"] == "next" {
			_, path, _ := strings.Cut(m["url"].(string), "/fhir")
			return path
		}
	}
	return ""
}

// receipt is the one receipt of the answer.
func (r response) receipt() ledgerbridge.Receipt {
	r.t.Helper()
	receipt, err := ledgerbridge.ParseReceipt(r.header.Get(server.RecordHeader))
	if err != nil {
		r.t.Fatalf("%s: %v", r.what, err)
	}
	return receipt
}

// event is the AuditEvent id of the answer's record.
func (r response) event() string {
	r.t.Helper()
	receipt := r.receipt()
	_, rest, _ := strings.Cut(receipt.Source, "/")
	return strings.ReplaceAll(rest, "/", ".") + fmt.Sprintf(".%d", receipt.Seq)
}

// quiet logs nowhere.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
