package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Labels are the rules by which resources have security labels. What it returns is encoded
// as JSON.
type Labels interface {
	// Show tells which rules are in force.
	Show(context.Context, *kept.Call, agent.Agent) (any, error)
	// Choose puts others in force.
	Choose(ctx context.Context, call *kept.Call, who agent.Agent, text []byte) (any, error)
}

// maxLabels is the largest choice of rules: a little less than a row may hold.
const maxLabels = 200 << 10

// labelRoutes are the rows of the table for rules of labels.
func labelRoutes() []route {
	return []route{
		{http.MethodGet, "/admin/labels", "", "", false, true, (*server).showLabels},
		{http.MethodPut, "/admin/labels", "", "", false, true, (*server).chooseLabels},
	}
}

// showLabels is GET /admin/labels.
func (s *server) showLabels(c *gin.Context, call *access.Call) (*answer, error) {
	return s.asOffice(call, func(l Labels, to *kept.Call) (any, error) { return l.Show(c.Request.Context(), to, call.Agent) })
}

// chooseLabels is PUT /admin/labels.
func (s *server) chooseLabels(c *gin.Context, call *access.Call) (*answer, error) {
	body, err := s.body(c, maxLabels, mediaJSON)
	if err != nil {
		return nil, err
	}
	return s.asOffice(call, func(l Labels, to *kept.Call) (any, error) {
		return l.Choose(c.Request.Context(), to, call.Agent, body)
	})
}

func (s *server) asOffice(call *access.Call, do func(Labels, *kept.Call) (any, error)) (*answer, error) {
	if s.Labels == nil {
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "This server has no rules of labels."}
	}
	to, done := keptCall(call)
	result, err := do(s.Labels, to)
	done()
	if errors.Is(err, kept.ErrChanged) {
		return nil, &fhir.Error{Kind: fhir.Conflict, Detail: "The rules of labels were changed by somebody else. Read them again."}
	}
	if err != nil {
		return nil, err
	}
	return jsonAnswer(http.StatusOK, result)
}
