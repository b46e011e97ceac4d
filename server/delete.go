package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// delete is DELETE [base]/[type]/[id].
func (s *server) delete(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, writableType)
	if err != nil {
		return nil, err
	}
	if _, err := viewOf(c); err != nil {
		return nil, err
	}
	op := access.Operation{Method: http.MethodDelete, Ref: ref}
	if op.IfMatch, err = ifMatch(c); err != nil {
		return nil, err
	}
	return s.apply(c, call, op)
}

// deleteConditional is DELETE [base]/[type]?[criteria], for one match.
func (s *server) deleteConditional(c *gin.Context, call *access.Call) (*answer, error) {
	typ, err := writableType(c)
	if err != nil {
		return nil, err
	}
	op := access.Operation{Method: http.MethodDelete, Ref: fhir.Ref{Type: typ}, Conditional: true}
	if op.Criteria, err = criteriaOf(c); err != nil {
		return nil, err
	}
	if op.IfMatch, err = ifMatch(c); err != nil {
		return nil, err
	}
	return s.apply(c, call, op)
}
