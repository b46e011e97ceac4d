package server

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// create is POST [base]/[type]; If-None-Exist makes it conditional.
func (s *server) create(c *gin.Context, call *access.Call) (*answer, error) {
	typ, err := writableType(c)
	if err != nil {
		return nil, err
	}
	if _, err := viewOf(c); err != nil {
		return nil, err
	}
	op := access.Operation{Method: http.MethodPost, Ref: fhir.Ref{Type: typ}}
	if criteria := c.Request.Header.Values("If-None-Exist"); len(criteria) > 0 {
		op.Conditional = true
		if op.Criteria, err = fhir.ParseCriteria(strings.Join(criteria, "&"), typ); err != nil {
			return nil, err
		}
	}
	if op.Resource, err = s.resource(c, typ); err != nil {
		return nil, err
	}
	return s.apply(c, call, op)
}
