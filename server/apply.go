package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// apply makes one change and answers with as much of it as the client prefers to see.
func (s *server) apply(c *gin.Context, call *access.Call, op access.Operation) (*answer, error) {
	effects, err := s.applyAll(c.Request.Context(), call, op)
	if err != nil {
		return nil, err
	}
	return s.changed(&effects[0], askedOf(c).result)
}

// errEffects means that the gate broke its contract.
var errEffects = errors.New("gate: not as many effects as operations")

// applyAll does all operations or none, and returns an effect for each.
func (s *server) applyAll(ctx context.Context, call *access.Call, ops ...access.Operation) ([]access.Effect, error) {
	effects, err := s.Gate.Apply(ctx, call, ops)
	if err == nil && len(effects) != len(ops) {
		err = errEffects
	}
	return effects, err
}

// changed is the answer to a change.
func (s *server) changed(e *access.Effect, result string) (*answer, error) {
	a := &answer{status: e.Status}
	v := e.Version
	if v != nil {
		a.etag, a.lastModified = etagOf(v), v.LastUpdated
	}
	if v != nil && !v.Deleted {
		a.location = s.url(v.Ref.String() + "/_history/" + strconv.FormatInt(v.Version, 10))
		a.body = v.Body
	}
	var err error
	switch {
	case result == "minimal":
		a.body = nil
	case result == "OperationOutcome":
		a.body, err = fhir.Outcome(nil)
		if a.status == http.StatusNoContent {
			a.status = http.StatusOK
		}
	}
	return a, err
}

// target is the operation of an update or delete on the resource in the URL, which an id
// or criteria name.
func target(c *gin.Context, method string) (op access.Operation, err error) {
	op.Method, op.Conditional = method, c.Param("id") == ""
	if op.Conditional {
		if op.Ref.Type, err = writableType(c); err == nil {
			op.Criteria, err = criteriaOf(c)
		}
	} else if op.Ref, err = refOf(c, writableType); err == nil {
		if err = mayWrite(op.Ref); err == nil {
			_, err = viewOf(c)
		}
	}
	if err != nil {
		return op, err
	}
	op.IfMatch, err = ifMatch(c)
	return op, err
}

func criteriaOf(c *gin.Context) ([]fhir.Param, error) {
	params, err := queryOf(c)
	if err == nil && len(params) == 0 {
		err = &fhir.Error{Kind: fhir.Invalid, Detail: "The URL must name one resource, as in Patient/1, or criteria, as in Patient?identifier=x."}
	}
	return params, err
}

// ifMatch reads If-Match; nil is none.
func ifMatch(c *gin.Context) (fhir.Match, error) {
	tags, given := listOf(c, "If-Match")
	if !given {
		return nil, nil
	}
	var versions fhir.Match
	if !versions.Parse(tags) {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: `If-Match must be entity tags of this server, as in W/"3", with commas between them, or *.`}
	}
	return versions, nil
}

// listOf is the value of a header that is a list: several lines are one.
func listOf(c *gin.Context, name string) (list string, given bool) {
	lines := c.Request.Header.Values(name)
	return strings.Join(lines, ","), len(lines) > 0
}
