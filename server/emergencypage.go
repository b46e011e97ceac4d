package server

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/emergency"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/web"
)

// emergencies is GET /ui/emergencies: to declare one, or to review them.
func (s *server) emergencies(c *gin.Context, call *access.Call) (*answer, error) {
	return s.emergencyPage(c, call, web.Emergencies{Patient: c.Query("patient")}, http.StatusOK)
}

// emergencyForm is POST /ui/emergencies: what is said with one of its forms.
func (s *server) emergencyForm(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := s.form(c, s.secretOf(c))
	if err != nil {
		return nil, err
	}
	page := web.Emergencies{}
	did, err := s.emergencyVerb(c.Request.Context(), call, form)
	switch {
	case err == nil:
		page.Done = did
	case describe(err).Kind == fhir.Unprocessable || describe(err).Kind == fhir.Conflict:
		page.Problem = describe(err).Detail
		page.Patient, page.Reason, page.Minutes = form.Get("patient"), form.Get("reason"), form.Get("minutes")
	default:
		return nil, err
	}
	status := http.StatusOK
	if page.Problem != "" {
		status = describe(err).Kind.Status()
	}
	return s.emergencyPage(c, call, page, status)
}

// emergencyVerb does what a form says, and tells it in words.
func (s *server) emergencyVerb(ctx context.Context, call *access.Call, form url.Values) (did string, err error) {
	err = s.atDesk(call, func(d *emergency.Desk, to *kept.Call) error {
		switch form.Get("do") {
		case "declare":
			did = "The emergency is declared. It is recorded with all that you read in it, and will be reviewed."
			length, _ := strconv.Atoi(form.Get("minutes"))
			_, err := d.Declare(ctx, to, call.Agent, form.Get("patient"), form.Get("reason"), minutes(length))
			return err
		case "end":
			did = "The emergency has ended."
			return d.End(ctx, to, call.Agent, form.Get("emergency"))
		case "judge":
			did = "Your judgement is recorded."
			return d.Judge(ctx, to, call.Agent, form.Get("emergency"), form.Get("judgement"), form.Get("text"))
		}
		return emergency.Error("The form does not say what to do.")
	})
	return did, err
}

func (s *server) emergencyPage(c *gin.Context, call *access.Call, page web.Emergencies, status int) (*answer, error) {
	all, err := s.casesFor(c.Request.Context(), call)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	page.Form, page.Office, page.Longest = formValue(s.secretOf(c)), call.Agent.Role == agent.PrivacyOfficer, int(emergency.Longest.Hours())
	page.Minutes = cmp.Or(page.Minutes, "60")
	for i := range all {
		one := &all[i]
		row := web.Emergency{
			ID: one.ID, Patient: one.Patient, Reason: one.Reason, By: cmp.Or(one.By.Name, one.By.Subject), Declared: one.Declared, Until: one.Until, Due: one.Due(),
			Runs: one.Runs(now), Overdue: one.Overdue(now),
		}
		if one.Ended != nil {
			row.Until = *one.Ended
		}
		if r := one.Review; r != nil {
			row.Judgement, row.JudgedBy, row.Text, row.JudgedAt = r.Judgement, cmp.Or(r.By.Name, r.By.Subject), r.Text, r.At
		}
		page.All = append(page.All, row)
	}
	a, err := s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Emergency access", call.Receipts)
		return p.Emergencies(page)
	})
	if err != nil {
		return nil, err
	}
	a.status = status
	return a, nil
}

// runningFor says, on every page of who is signed in, which of their emergencies run.
func (s *server) runningFor(c *gin.Context, caller *agent.Agent) (lines []web.Running) {
	if s.Emergencies == nil || caller.Role == agent.PrivacyOfficer {
		return nil
	}
	all, err := s.Emergencies.Running(c.Request.Context(), *caller)
	if err != nil {
		s.Logger.Warn("emergencies cannot be read for the banner", "request", exchangeOf(c).id, "error", err)
	}
	for i := range all {
		lines = append(lines, web.Running{Patient: all[i].Patient, Until: all[i].Until})
	}
	return lines
}
