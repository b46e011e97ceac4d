package server

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

const (
	pathReport = pathPages + "patients/:id/report"
	mediaPDF   = "application/pdf"
	// mostReported is how many records a report has. Older ones are in a report of another
	// time.
	mostReported = 5_000
)

// patientReport is GET /ui/patients/[id]/report: $access-report as a document that a
// patient can read; ?format=csv and ?format=pdf are the same as files.
func (s *server) patientReport(c *gin.Context, call *access.Call) (*answer, error) {
	patient := fhir.Ref{Type: "Patient", ID: c.Param("id")}
	if err := fhir.CheckID(patient.ID); err != nil {
		return nil, err
	}
	page := web.Report{Patient: patient.String(), From: c.Query("from"), To: c.Query("to"), At: s.Now()}
	rows, more, err := s.reported(c, call, patient, &page)
	if err != nil {
		return nil, err
	}
	broad, moreBroad, err := s.reported(c, call, patient, &page, fhir.Param{Name: "broad", Value: "true"})
	if err != nil {
		return nil, err
	}
	if c.Query("format") == "csv" {
		return accessAnswer(c, "report-"+patient.ID+".csv", append(rows, broad...), more || moreBroad)
	}
	names, err := s.patientNames(c.Request.Context(), call, []web.Access{{Patients: []web.Named{{ID: patient.String()}}}})
	if err != nil {
		return nil, err
	}
	page.Name = cmp.Or(names[patient.String()], patient.String())
	page.People, page.Broad, page.More = grouped(rows), grouped(broad), more || moreBroad
	if c.Query("format") == "pdf" {
		body, err := page.PDF()
		c.Header("Content-Disposition", `attachment; filename="report-`+patient.ID+`.pdf"`)
		return &answer{status: http.StatusOK, body: body, media: mediaPDF}, err
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Report for "+page.Name, call.Receipts)
		return p.Report(page)
	})
}

// reported is one of the two lists of the report. more: it has more than mostReported.
func (s *server) reported(c *gin.Context, call *access.Call, patient fhir.Ref, page *web.Report, with ...fhir.Param) (rows []web.Access, more bool, err error) {
	params := append([]fhir.Param{{Name: "_count", Value: "1000"}}, with...)
	if page.From != "" {
		params = append(params, fhir.Param{Name: "date", Value: since(page.From)})
	}
	if page.To != "" {
		params = append(params, fhir.Param{Name: "date", Value: until(page.To)})
	}
	request := access.SearchRequest{Type: auditEvent, Params: params}
	for {
		result, err := s.Gate.AccessReport(c.Request.Context(), call, patient, request)
		if err != nil {
			return nil, false, err
		}
		some, err := readAccesses(result)
		if err != nil {
			return nil, false, err
		}
		rows = append(rows, some...)
		if result.Next == "" || len(rows) >= mostReported {
			return rows, result.Next != "", nil
		}
		request = access.SearchRequest{Type: auditEvent, Link: result.Next}
	}
}

// grouped puts the rows of each person together, and in them those of each day that say
// the same.
func grouped(rows []web.Access) (people []web.Person) {
	for i := range rows {
		r := &rows[i]
		at := slices.IndexFunc(people, func(p web.Person) bool {
			return p.Agent == r.Agent && p.Who == r.Who && p.Organization == r.Organization
		})
		if at < 0 {
			people = append(people, web.Person{Who: r.Who, Agent: r.Agent, Role: r.Role, Organization: r.Organization})
			at = len(people) - 1
		}
		note(&people[at], r)
	}
	return people
}

// note counts a record of a person.
func note(p *web.Person, r *web.Access) {
	day := r.At.UTC().Format(time.DateOnly)
	if n := len(p.Days); n == 0 || p.Days[n-1].Day != day {
		p.Days = append(p.Days, web.Day{Day: day})
	}
	d := &p.Days[len(p.Days)-1]
	deed := web.Deed{What: r.What, Purpose: r.Purpose, Refused: r.Denied(), Failed: r.Failed && !r.Denied()}
	at := slices.IndexFunc(d.Deeds, func(x web.Deed) bool {
		return x.What == deed.What && x.Purpose == deed.Purpose && x.Refused == deed.Refused && x.Failed == deed.Failed
	})
	if at < 0 {
		d.Deeds = append(d.Deeds, deed)
		at = len(d.Deeds) - 1
	}
	d.Deeds[at].Times++
	for _, item := range r.Data {
		typ, _, _ := strings.Cut(item, "/")
		d.Deeds[at].Data = ofType(d.Deeds[at].Data, typ)
	}
}

// ofType counts one more of a type.
func ofType(all []web.Count, typ string) []web.Count {
	at := slices.IndexFunc(all, func(c web.Count) bool { return c.Type == typ })
	if at < 0 {
		return append(all, web.Count{Type: typ, N: 1})
	}
	all[at].N++
	return all
}
