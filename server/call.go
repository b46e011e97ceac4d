package server

import (
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// RecordHeader carries the receipts of the records of a request, also if it failed.
const RecordHeader = "X-Aceso-Record"

// address is the peer of the connection. It ignores headers that claim another one:
// anybody can send them.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
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
	x := exchangeOf(c)
	x.id = id
	x.header(c.Writer.Header(), "X-Request-Id", id)
}
