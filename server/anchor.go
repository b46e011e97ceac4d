package server

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// AnchorHeader says whether the record of a write is on the ledger, to a client that
// asked with Prefer: anchor=wait.
const AnchorHeader = "X-Aceso-Anchor"

// How long such a client waits if it does not say, and at most.
const (
	usualWait   = 10 * time.Second
	longestWait = time.Minute
)

// awaitAnchor delays the answer to a write until its record is on the ledger, if the
// client wants that. It does not change the answer: the write is done.
func (s *server) awaitAnchor(c *gin.Context, call *access.Call) {
	if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead || len(call.Receipts) == 0 {
		return
	}
	p := askedOf(c)
	if !p.anchor {
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), min(p.wait, longestWait))
	defer cancel()
	if state := s.Anchored(ctx, call.Receipts); state != "" {
		c.Header(AnchorHeader, state)
	}
}
