// Package nodetest speaks to a node as its clients do, in tests: users with tokens, their
// requests, and what they expect of the answers. It also has the documents that they
// send.
//
// It starts no node and makes no tokens; it is never linked into the binary.
package nodetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/server"
)

// Node is a node behind a real HTTP listener.
type Node struct {
	T      testing.TB
	Server *httptest.Server
	Client http.Client
}

// User is a caller with a token.
type User struct {
	Node  *Node
	Token string
}

// Answer is an answer, read to its end.
type Answer struct {
	T      testing.TB
	What   string // was asked
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request; header are names and values in turns.
func (u User) Do(method, path, body string, header ...string) Answer {
	u.Node.T.Helper()
	r, err := u.Try(method, path, body, header...)
	if err != nil {
		u.Node.T.Fatal(err)
	}
	return r
}

// Try is do for callers that expect the server to fail, and for other goroutines
// than the test's.
func (u User) Try(method, path, body string, header ...string) (Answer, error) {
	r, err := http.NewRequest(method, u.Node.Server.URL+"/fhir"+path, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+u.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return u.Node.Exchange(method+" "+path, r)
}

// Exchange sends a request and reads the answer. A server too busy to ask its
// policies in time says so, and is asked again.
func (n *Node) Exchange(what string, r *http.Request) (Answer, error) {
	for more := 20; ; more-- {
		res, err := n.Client.Do(r)
		if err != nil {
			return Answer{}, err
		}
		data, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer := Answer{n.T, what, res.StatusCode, res.Header, data}
		busy := answer.Status == http.StatusServiceUnavailable && answer.Has("policy could not be asked in time")
		if err != nil || !busy || more == 0 {
			return answer, err
		}
		if r.Body, err = r.GetBody(); err != nil {
			return answer, err
		}
	}
}

// Get reads.
func (u User) Get(path string) Answer { u.Node.T.Helper(); return u.Do("GET", path, "") }

// Post sends a body.
func (u User) Post(path, body string) Answer { u.Node.T.Helper(); return u.Do("POST", path, body) }

// Put sends a body.
func (u User) Put(path, body string) Answer { u.Node.T.Helper(); return u.Do("PUT", path, body) }

// Page asks as a browser that has the token in its cookie.
func (u User) Page(path string) Answer {
	u.Node.T.Helper()
	r, err := http.NewRequest("GET", u.Node.Server.URL+path, nil)
	if err != nil {
		u.Node.T.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "aceso-token", Value: u.Token})
	a, err := u.Node.Exchange(path, r)
	if err != nil {
		u.Node.T.Fatal(err)
	}
	return a
}

// Want checks the status.
func (r Answer) Want(status int) Answer {
	r.T.Helper()
	if r.Status != status {
		r.T.Fatalf("%s: status %d, want %d\n%s", r.What, r.Status, status, r.Body)
	}
	return r
}

// JSON decodes the body.
func (r Answer) JSON() map[string]any {
	r.T.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.Body, &m); err != nil {
		r.T.Fatalf("%s: %v\n%s", r.What, err, r.Body)
	}
	return m
}

// Has looks for text in the body.
func (r Answer) Has(text string) bool { return bytes.Contains(r.Body, []byte(text)) }

// IDs lists Type/id of the entries of a Bundle.
func (r Answer) IDs() []string {
	r.T.Helper()
	var ids []string
	for _, e := range r.Entries() {
		if res, ok := e["resource"].(map[string]any); ok {
			ids = append(ids, fmt.Sprintf("%v/%v", res["resourceType"], res["id"]))
		}
	}
	return ids
}

// Entries are those of a Bundle.
func (r Answer) Entries() []map[string]any {
	r.T.Helper()
	var all []map[string]any
	list, _ := r.JSON()["entry"].([]any)
	for _, e := range list {
		all = append(all, e.(map[string]any))
	}
	return all
}

// Next is the path of the next page, "" if this is the last.
func (r Answer) Next() string {
	r.T.Helper()
	links, _ := r.JSON()["link"].([]any)
	for _, l := range links {
		m := l.(map[string]any)
		if m["relation"] == "next" {
			_, path, _ := strings.Cut(m["url"].(string), "/fhir")
			return path
		}
	}
	return ""
}

// Receipt is the one receipt of the answer.
func (r Answer) Receipt() ledgerbridge.Receipt {
	r.T.Helper()
	receipt, err := ledgerbridge.ParseReceipt(r.Header.Get(server.RecordHeader))
	if err != nil {
		r.T.Fatalf("%s: %v", r.What, err)
	}
	return receipt
}

// Event is the AuditEvent id of the answer's record.
func (r Answer) Event() string {
	r.T.Helper()
	receipt := r.Receipt()
	_, rest, _ := strings.Cut(receipt.Source, "/")
	return strings.ReplaceAll(rest, "/", ".") + fmt.Sprintf(".%d", receipt.Seq)
}
