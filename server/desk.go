package server

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy/revision"
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
	if page.Waiting, err = s.policiesWaiting(c, call); err != nil {
		return err
	}
	page.Office, page.Today = true, page.At.UTC().Format(time.DateOnly)
	result, err := s.today(c, call, page, 20, fhir.Param{Name: "decision", Value: "deny"})
	if err != nil {
		return err
	}
	if result == nil {
		page.Many = true
	} else {
		page.More = result.Next != ""
		if page.Denied, err = s.accessRows(c, call, result); err != nil {
			return err
		}
	}
	return s.unusual(c, call, page)
}

// policiesWaiting are revisions of the policies that somebody has to approve.
func (s *server) policiesWaiting(c *gin.Context, call *access.Call) (rows []web.PolicyRow, err error) {
	if s.Policies == nil {
		return nil, nil
	}
	err = s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		all, active, err := p.List(c.Request.Context(), by)
		for i := range all {
			if all[i].State == revision.Submitted {
				rows = append(rows, s.policyRow(&all[i], active))
			}
		}
		return err
	})
	return rows, err
}

// today are the newest records of the day; nil: there are too many to look through.
func (s *server) today(c *gin.Context, call *access.Call, page *web.Desk, count int, more ...fhir.Param) (*access.Result, error) {
	params := append([]fhir.Param{{Name: "date", Value: "ge" + page.Today}, {Name: "_count", Value: strconv.Itoa(count)}}, more...)
	result, err := s.Gate.SearchAuditEvents(c.Request.Context(), call, access.SearchRequest{Type: auditEvent, Params: params})
	if err != nil && describe(err).Kind == fhir.TooCostly {
		return nil, nil
	}
	return result, err
}

const (
	// unusualAmong so many of the newest records is looked for.
	unusualAmong = 1_000
	// busyPatients is whose data one person may see in a day before the desk says so.
	busyPatients = 50
)

// unusual finds practitioners who asked about many patients today, and those who asked
// about somebody of their own surname. Both may be right; the desk says what it saw.
func (s *server) unusual(c *gin.Context, call *access.Call, page *web.Desk) error {
	result, err := s.today(c, call, page, unusualAmong)
	if result == nil || err != nil {
		return err
	}
	rows, err := s.accessRows(c, call, result)
	if err != nil {
		return err
	}
	seen, alike := map[string]map[string]bool{}, map[[2]string]bool{}
	for i := range rows {
		r := &rows[i]
		if r.Role != agent.Practitioner {
			continue
		}
		if seen[r.Agent] == nil {
			seen[r.Agent] = map[string]bool{}
		}
		for _, p := range r.Patients {
			seen[r.Agent][p.ID] = true
			if who := [2]string{r.Agent, p.ID}; surname(r.Who) == surname(p.Words) && !alike[who] {
				alike[who] = true
				page.Alike = append(page.Alike, web.Alike{Agent: r.Agent, Who: r.Who, Patient: p})
			}
		}
	}
	for who, patients := range seen {
		if len(patients) > busyPatients {
			page.Busy = append(page.Busy, web.Busy{Agent: who, Patients: len(patients)})
		}
	}
	slices.SortFunc(page.Busy, func(a, b web.Busy) int { return cmp.Or(b.Patients-a.Patients, strings.Compare(a.Agent, b.Agent)) })
	return nil
}

// surname is the last word of a name; of what is no name, such as an id, itself.
func surname(name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return name
	}
	return strings.ToLower(words[len(words)-1])
}
