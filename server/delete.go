package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// delete is DELETE [base]/[type]/[id], and DELETE [base]/[type]?[criteria] for what matches.
func (s *server) delete(c *gin.Context, call *access.Call) (*answer, error) {
	op, err := target(c, http.MethodDelete)
	if err != nil {
		return nil, err
	}
	return s.apply(c, call, op)
}
