package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// verify is GET [base]/[type]/[id]/_history/[version]/$verify: it compares the stored
// bytes of a version with its record.
func (s *server) verify(c *gin.Context, call *access.Call) (*answer, error) {
	ref, version, err := versionOf(c)
	if err != nil {
		return nil, err
	}
	if err := noParams(c); err != nil {
		return nil, err
	}
	body, err := s.Gate.VerifyVersion(c.Request.Context(), call, ref, version)
	return &answer{status: http.StatusOK, body: body}, err
}
