package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// update is PUT [base]/[type]/[id].
func (s *server) update(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, writableType)
	if err != nil {
		return nil, err
	}
	if _, err := viewOf(c); err != nil {
		return nil, err
	}
	op, err := s.put(c, ref)
	if err != nil {
		return nil, err
	}
	if op.Resource.ID() != ref.ID {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "The resource must have an id, and it must be the id in the URL.", Expression: ref.Type + ".id"}
	}
	return s.apply(c, call, op)
}

// updateConditional is PUT [base]/[type]?[criteria].
func (s *server) updateConditional(c *gin.Context, call *access.Call) (*answer, error) {
	typ, err := writableType(c)
	if err != nil {
		return nil, err
	}
	criteria, err := criteriaOf(c)
	if err != nil {
		return nil, err
	}
	op, err := s.put(c, fhir.Ref{Type: typ})
	if err != nil {
		return nil, err
	}
	op.Conditional, op.Criteria = true, criteria
	return s.apply(c, call, op)
}

// put reads what both kinds of update have in common.
func (s *server) put(c *gin.Context, ref fhir.Ref) (access.Operation, error) {
	op := access.Operation{Method: http.MethodPut, Ref: ref}
	if c.GetHeader("If-None-Match") != "" {
		return op, &fhir.Error{Kind: fhir.Invalid, Detail: "If-None-Match is not supported for an update. Use If-Match or If-None-Exist."}
	}
	var err error
	if op.IfMatch, err = ifMatch(c); err != nil {
		return op, err
	}
	op.Resource, err = s.resource(c, ref.Type)
	return op, err
}

// criteriaOf reads the criteria of a conditional update or delete.
func criteriaOf(c *gin.Context) ([]fhir.Param, error) {
	params, err := queryOf(c)
	if err == nil && len(params) == 0 {
		err = &fhir.Error{Kind: fhir.Invalid, Detail: "The URL must name one resource, as in Patient/1, or criteria, as in Patient?identifier=x."}
	}
	return params, err
}
