package server

import (
	"io"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// The bounds of the bytes of documents (bodies of requests and what answers carry) that are
// held in memory at a time. What is made of them takes several times as much.
const (
	mostHeld  = 384 << 20 // by all requests
	shareHeld = 96 << 20  // by those of one client; a single request has less
	freeHeld  = 64 << 10  // by a request that is not counted: small ones are always answered
)

func megabytes(n int64) string { return strconv.FormatInt(n>>20, 10) + " MB" }

// memory counts what requests hold.
type memory struct {
	mu   sync.Mutex
	all  int64
	each map[string]int64
}

// take counts more bytes, unless there would be too many.
func (m *memory) take(client string, bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.each[client]+bytes > shareHeld:
		return &fhir.Error{Kind: fhir.Throttled, Detail: "This client has too many large documents under way: " + megabytes(shareHeld) + " are allowed. Ask again when it has received or sent some of them."}
	case m.all+bytes > mostHeld:
		return &fhir.Error{Kind: fhir.Unavailable, Detail: "The server has too many large documents under way: " + megabytes(mostHeld) + " at most. Try again later."}
	}
	if m.each == nil {
		m.each = map[string]int64{}
	}
	m.all += bytes
	m.each[client] += bytes
	return nil
}

func (m *memory) give(client string, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all -= bytes
	if m.each[client] -= bytes; m.each[client] <= 0 {
		delete(m.each, client)
	}
}

// hold is what one request holds, until its answer is sent.
type hold struct {
	s                      *server
	c                      *gin.Context
	client                 string // whose account, once something is counted
	body, documents, taken int64
}

// holdOf is that of the request.
func (s *server) holdOf(c *gin.Context) *hold {
	h := &exchangeOf(c).hold
	h.s, h.c = s, c
	return h
}

// account is whose memory is counted: it does not change while some is.
func (h *hold) account() string {
	if h.client != "" {
		return h.client
	}
	h.client = "address " + network(h.c.Request)
	if caller, ok := callerOf(h.c); ok {
		h.client = "agent " + clientOf(caller)
	}
	return h.client
}

// upTo counts the documents of the answer.
func (h *hold) upTo(documents int64) error {
	if documents <= h.documents {
		return nil
	}
	if err := h.count(h.body + documents); err != nil {
		return err
	}
	h.documents = documents
	return nil
}

// count makes all that is held count, if it is not little.
func (h *hold) count(all int64) error {
	if all <= max(h.taken, freeHeld) {
		return nil
	}
	if err := h.s.memory.take(h.account(), all-h.taken); err != nil {
		h.s.metrics.throttled.WithLabelValues("memory").Inc()
		return err
	}
	h.taken = all
	return nil
}

func (h *hold) end() {
	if h.taken > 0 {
		h.s.memory.give(h.client, h.taken)
	}
}

// counted is a body of which what has been read is held.
type counted struct {
	io.Reader
	hold *hold
}

// Read counts before the buffer of the caller grows further.
func (b counted) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.hold.body += int64(n)
	if refused := b.hold.count(b.hold.body + b.hold.documents); refused != nil {
		return 0, refused
	}
	return n, err
}
