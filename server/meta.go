package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// meta is GET [base]/[type]/[id]/$meta: the meta of a resource, decided like a read.
func (s *server) meta(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	if err := noParams(c); err != nil {
		return nil, err
	}
	v, err := s.Gate.Meta(c.Request.Context(), call, ref)
	if err != nil {
		return nil, err
	}
	body, err := fhir.MetaOf(v.Body)
	return &answer{status: http.StatusOK, body: body}, err
}
