package server

import (
	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// read is GET [base]/[type]/[id].
func (s *server) read(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	view, err := viewOf(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Gate.Read(c.Request.Context(), call, ref)
	if err != nil {
		return nil, err
	}
	return s.version(c, v, view)
}
