package server

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/gin-gonic/gin"
)

// recover turns a panic into a 500 without detail. The log gets the stack, and the
// message only if it is the runtime's: others may contain a patient's data.
func (s *server) recover(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		what := fmt.Sprintf("%T", p)
		if fault, ok := p.(runtime.Error); ok {
			what = fault.Error()
		}
		s.fail(c, fmt.Errorf("panic: %s\n%s", what, debug.Stack()))
	}()
	c.Next()
}
