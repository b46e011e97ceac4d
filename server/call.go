package server

import (
	"net"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
)

// Keys of what the middleware leaves in the gin context.
const (
	keyRequest = "request id"
	keyAgent   = "agent"
	keyAsked   = "asked"
	keyMedia   = "media type"
	keyCause   = "cause"
)

// RecordHeader carries the receipts of the records of a request.
const RecordHeader = "X-Aceso-Record"

// callOf tells the gate who makes the request.
func callOf(c *gin.Context) *access.Call {
	caller, _ := c.Value(keyAgent).(agent.Agent)
	return &access.Call{Agent: caller, Request: c.GetString(keyRequest), Address: address(c.Request)}
}

// address is the peer of the connection. It ignores headers that claim another one:
// anybody can send them.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// writeReceipts tells the client where the request is recorded, also if it failed.
func writeReceipts(c *gin.Context, call *access.Call) {
	if len(call.Receipts) > 0 {
		c.Header(RecordHeader, strings.Join(call.Receipts, ", "))
	}
}

// identify gives the request an id. It keeps the client's if that is a UUID:
// anything else could carry data into logs.
func (s *server) identify(c *gin.Context) {
	id := c.GetHeader("X-Request-Id")
	if uuid.Validate(id) != nil {
		made, err := uuid.NewV7()
		if err != nil {
			s.fail(c, err)
			return
		}
		id = made.String()
	}
	c.Set(keyRequest, id)
	c.Header("X-Request-Id", id)
}
