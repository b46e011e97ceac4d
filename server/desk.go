package server

import (
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

// desk is GET /ui/desk: what somebody who is signed in has to look at today.
func (s *server) desk(c *gin.Context, call *access.Call) (*answer, error) {
	page := web.Desk{At: s.Now()}
	caller := call.Agent
	switch caller.Role {
	case agent.PrivacyOfficer:
		if err := s.officeDesk(c, call, &page); err != nil {
			return nil, err
		}
	case agent.Patient:
		if ref, err := fhir.ParseRef(caller.Patient); err == nil {
			page.Own = pathPages + "patients/" + ref.ID + "/report"
		}
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Desk", call.Receipts)
		return p.Desk(page)
	})
}

// officeDesk fills in what privacy officers look at.
func (s *server) officeDesk(c *gin.Context, call *access.Call, page *web.Desk) error {
	view, err := s.Gate.Ledger(c.Request.Context(), call)
	if err != nil {
		return err
	}
	for _, row := range ledgerPage(view).Sources {
		if row.Alarm != "" {
			page.Alarms = append(page.Alarms, web.Named{ID: row.Name, Words: row.Name + " is " + row.State + ". " + row.Alarm})
		}
	}
	today := page.At.UTC().Format(time.DateOnly)
	page.Office, page.Today = true, today
	result, err := s.Gate.SearchAuditEvents(c.Request.Context(), call, access.SearchRequest{Type: auditEvent, Params: []fhir.Param{
		{Name: "date", Value: "ge" + today}, {Name: "decision", Value: "deny"}, {Name: "_count", Value: "20"},
	}})
	if err != nil {
		return err
	}
	page.More = result.Next != ""
	page.Denied, err = s.accessRows(c, call, result)
	if err != nil {
		return err
	}
	page.Busy, err = s.busyToday(c, call, page.At)
	return err
}

const (
	// busyRecords of the newest are looked at to see who is busier than usual.
	busyRecords = 1_000
	// busyPatients is whose data one person may see in a day before the desk says so.
	busyPatients = 50
)

// busyToday are those who asked about more patients today than somebody usually sees.
func (s *server) busyToday(c *gin.Context, call *access.Call, now time.Time) (all []web.Busy, err error) {
	result, err := s.Gate.SearchAuditEvents(c.Request.Context(), call, access.SearchRequest{Type: auditEvent, Params: []fhir.Param{
		{Name: "date", Value: "ge" + now.UTC().Format(time.DateOnly)}, {Name: "_count", Value: strconv.Itoa(busyRecords)},
	}})
	if err != nil {
		return nil, err
	}
	seen := map[string]map[string]bool{}
	for i := range result.Matches {
		row, err := readAccess(result.Matches[i].Body)
		if err != nil {
			return nil, err
		}
		if row.Role != agent.Practitioner {
			continue
		}
		if seen[row.Agent] == nil {
			seen[row.Agent] = map[string]bool{}
		}
		for _, p := range row.Patients {
			seen[row.Agent][p.ID] = true
		}
	}
	for who, patients := range seen {
		if len(patients) > busyPatients {
			all = append(all, web.Busy{Agent: who, Patients: len(patients)})
		}
	}
	slices.SortFunc(all, func(a, b web.Busy) int { return b.Patients - a.Patients })
	return all, nil
}
