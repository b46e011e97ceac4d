package server

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/session"
)

// exchange is what the steps of one request leave for one another, in one piece.
type exchange struct {
	id      string      // of the request
	call    access.Call // its Agent is who calls, if known
	known   bool
	charged bool             // to the allowance of the address
	media   string           // that was negotiated
	raw     bool             // a Binary is to be read as what it holds
	asked   *asked           // nil: not parsed yet
	hold    hold             // of documents
	cause   error            // why the server failed
	session *session.Session // of the browser, if it has one
	next    string           // where the form of a sign-in leads
	refused []slog.Attr      // what is known of a caller who was refused

	headers [8]string // values in the header of the answer
	set     int       // so many of them
}

// keyExchange is where the gin context has it.
const keyExchange = "exchange"

func exchangeOf(c *gin.Context) *exchange {
	if x, ok := c.Value(keyExchange).(*exchange); ok {
		return x
	}
	x := new(exchange)
	c.Set(keyExchange, x)
	return x
}

// callerOf is who calls, if that is known.
func callerOf(c *gin.Context) (caller *agent.Agent, ok bool) {
	x := exchangeOf(c)
	return &x.call.Agent, x.known
}

// header sets a header of the answer. The name is in its canonical form.
func (x *exchange) header(h http.Header, name, value string) {
	if x.set == len(x.headers) {
		h.Set(name, value)
		return
	}
	x.headers[x.set] = value
	h[name] = x.headers[x.set : x.set+1 : x.set+1]
	x.set++
}
