package server

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// update is PUT [base]/[type]/[id] and PUT [base]/[type]?[criteria].
func (s *server) update(c *gin.Context, call *access.Call) (*answer, error) {
	op, err := target(c, http.MethodPut)
	if err != nil {
		return nil, err
	}
	if tags, given := listOf(c, "If-None-Match"); given {
		if op.IfNone = strings.TrimSpace(tags) == "*"; !op.IfNone || op.Conditional {
			return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "If-None-Match of an update is *, with an id in the URL: it is a create under that id. For anything else use If-Match or If-None-Exist."}
		}
	}
	if op.Resource, err = s.resource(c, op.Ref.Type); err != nil {
		return nil, err
	}
	if !op.Conditional && op.Resource.ID() != op.Ref.ID {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "The resource must have an id, and it must be the id in the URL.", Expression: op.Ref.Type + ".id"}
	}
	return s.apply(c, call, op)
}
