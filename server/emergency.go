package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/emergency"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

const pathEmergencies = pathPages + "emergencies"

// emergencyRoutes are the rows of the table for declared emergencies.
func emergencyRoutes() []route {
	const get, post, plain = http.MethodGet, http.MethodPost, true
	return []route{
		{get, "/admin/breakglass", "", "", false, plain, (*server).listEmergencies},
		{post, "/admin/breakglass", "", "", false, plain, (*server).declareEmergency},
		{post, "/admin/breakglass/:id/end", "", "", false, plain, (*server).endEmergency},
		{post, "/admin/breakglass/:id/review", "", "", false, plain, (*server).reviewEmergency},
	}
}

// atDesk does something about emergencies, in the words of HTTP.
func (s *server) atDesk(call *access.Call, do func(*emergency.Desk, *kept.Call) error) error {
	if s.Emergencies == nil {
		return &fhir.Error{Kind: fhir.NotFound, Detail: "This server keeps no emergencies."}
	}
	to, done := keptCall(call)
	err := do(s.Emergencies, to)
	done()
	var known emergency.Error
	switch {
	case errors.As(err, &known):
		return &fhir.Error{Kind: fhir.Unprocessable, Detail: known.Error(), Err: err}
	case errors.Is(err, kept.ErrNotFound):
		return &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such emergency."}
	case errors.Is(err, kept.ErrChanged):
		return &fhir.Error{Kind: fhir.Conflict, Detail: "The emergency was changed by somebody else. Look at it again."}
	}
	return err
}

// casesFor are all emergencies for the office, and their own that run for others.
func (s *server) casesFor(ctx context.Context, call *access.Call) (all []emergency.Case, err error) {
	err = s.atDesk(call, func(d *emergency.Desk, to *kept.Call) (err error) {
		if call.Agent.Role == agent.PrivacyOfficer {
			all, err = d.List(ctx, to, call.Agent)
		} else {
			all, err = d.Own(ctx, to, call.Agent)
		}
		return err
	})
	return all, err
}

// listEmergencies is GET /admin/breakglass.
func (s *server) listEmergencies(c *gin.Context, call *access.Call) (*answer, error) {
	all, err := s.casesFor(c.Request.Context(), call)
	if err != nil {
		return nil, err
	}
	list := make([]emergency.Case, len(all))
	for i := range all {
		list[i] = all[i].Shown()
	}
	return jsonAnswer(http.StatusOK, map[string]any{"emergencies": list})
}

// declareEmergency is POST /admin/breakglass.
func (s *server) declareEmergency(c *gin.Context, call *access.Call) (*answer, error) {
	var asked struct {
		Patient string `json:"patient"`
		Reason  string `json:"reason"`
		Minutes int    `json:"minutes"`
	}
	asked.Minutes = 60
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	var one emergency.Case
	err := s.atDesk(call, func(d *emergency.Desk, to *kept.Call) (err error) {
		one, err = d.Declare(c.Request.Context(), to, call.Agent, asked.Patient, asked.Reason, minutes(asked.Minutes))
		return err
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer(http.StatusCreated, one.Shown())
}

// minutes is a length that does not overflow.
func minutes(n int) time.Duration {
	return time.Duration(min(max(n, 0), 1+int(emergency.Longest.Minutes()))) * time.Minute
}

// endEmergency is POST /admin/breakglass/[id]/end.
func (s *server) endEmergency(c *gin.Context, call *access.Call) (*answer, error) {
	err := s.atDesk(call, func(d *emergency.Desk, to *kept.Call) error {
		return d.End(c.Request.Context(), to, call.Agent, c.Param("id"))
	})
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent}, nil
}

// reviewEmergency is POST /admin/breakglass/[id]/review.
func (s *server) reviewEmergency(c *gin.Context, call *access.Call) (*answer, error) {
	var asked struct {
		Judgement string `json:"judgement"`
		Text      string `json:"text"`
	}
	if err := s.membersOf(c, &asked); err != nil {
		return nil, err
	}
	err := s.atDesk(call, func(d *emergency.Desk, to *kept.Call) error {
		return d.Judge(c.Request.Context(), to, call.Agent, c.Param("id"), asked.Judgement, asked.Text)
	})
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent}, nil
}
