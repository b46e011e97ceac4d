package server

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// everything is GET [base]/Patient/[id]/$everything and the same of an Encounter, or POST of
// its parameters.
func (s *server) everything(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	request := access.EverythingRequest{Ref: ref}
	if request.Params, err = s.operationParams(c); err != nil {
		return nil, err
	}
	if request.Link, err = pageOf(request.Params); err != nil {
		return nil, err
	}
	result, err := s.Gate.Everything(c.Request.Context(), call, request)
	if err != nil {
		return nil, err
	}
	path := ref.String() + "/$everything"
	links := append(s.links(path, result.Self, request.Link, result.Next), s.backLinks(path, request.Link, result)...)
	body, err := s.resultBundle(result, links)
	return &answer{status: http.StatusOK, body: body}, err
}

// operationParams are the simple parameters of an operation: those of the URL and, of a
// POST with a body, those of its Parameters resource.
func (s *server) operationParams(c *gin.Context) ([]fhir.Param, error) {
	params, err := queryOf(c)
	if err != nil || c.Request.Method != http.MethodPost || c.Request.ContentLength == 0 {
		return params, err
	}
	sent, err := s.resource(c, "Parameters")
	if err != nil {
		return nil, err
	}
	more, err := fhir.SimpleParameters(sent.Bytes())
	return append(params, more...), err
}
