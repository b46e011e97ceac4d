package server

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// terminology is [base]/[type]/$[operation] and [base]/[type]/[id]/$[operation], by GET
// with parameters in the URL or by POST of a Parameters resource.
func (s *server) terminology(c *gin.Context, call *access.Call) (*answer, error) {
	path := c.FullPath()
	request := access.TermsRequest{Operation: path[strings.LastIndexByte(path, '$')+1:], Type: c.Param("type"), ID: c.Param("id")}
	if request.ID != "" {
		if err := fhir.CheckID(request.ID); err != nil {
			return nil, err
		}
	}
	var err error
	if request.Params, err = queryOf(c); err != nil {
		return nil, err
	}
	if c.Request.Method == http.MethodPost {
		sent, err := s.resource(c, "Parameters")
		if err != nil {
			return nil, err
		}
		request.Body = sent.Bytes()
	}
	body, err := s.Gate.Terminology(c.Request.Context(), call, request)
	return &answer{status: http.StatusOK, body: body}, err
}

// termsRoutes are the operations of terminology: those on a type and those on a resource,
// by both methods.
func termsRoutes() (all []route) {
	for _, o := range []struct{ typ, operation, at string }{
		{"ValueSet", "expand", "/fhir/:type/"}, {"ValueSet", "expand", "/fhir/:type/:id/"},
		{"ValueSet", "validate-code", "/fhir/:type/"}, {"ValueSet", "validate-code", "/fhir/:type/:id/"},
		{"CodeSystem", "lookup", "/fhir/:type/"},
		{"CodeSystem", "validate-code", "/fhir/:type/"}, {"CodeSystem", "validate-code", "/fhir/:type/:id/"},
		{"CodeSystem", "subsumes", "/fhir/:type/"}, {"CodeSystem", "subsumes", "/fhir/:type/:id/"},
		{"ConceptMap", "translate", "/fhir/:type/"}, {"ConceptMap", "translate", "/fhir/:type/:id/"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			all = append(all, route{method, o.at + "$" + o.operation, o.typ, "$" + o.operation, false, false, (*server).terminology})
		}
	}
	return all
}
