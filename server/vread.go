package server

import (
	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// vread is GET [base]/[type]/[id]/_history/[version].
func (s *server) vread(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	version, err := versionOf(c)
	if err != nil {
		return nil, err
	}
	view, err := viewOf(c)
	if err != nil {
		return nil, err
	}
	v, err := s.Gate.VRead(c.Request.Context(), call, ref, version)
	if err != nil {
		return nil, err
	}
	return s.version(c, v, view)
}
