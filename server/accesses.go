package server

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
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
	pathAccesses = pathPages + "accesses"
	mediaCSV     = "text/csv; charset=utf-8"
	// accessesOnPage are shown at once, and accessesInFile written into one file.
	accessesOnPage = "50"
	accessesInFile = 10_000
)

// accessFilters are the fields of the form, and the search parameter of each.
func accessFilters() []web.Filter {
	return []web.Filter{
		{Name: "patient", Words: "Patient", Hint: "a name, a number, or Patient/1", Param: "patient"},
		{Name: "person", Words: "Person", Hint: "a name, or Practitioner/1", Param: "agent"},
		{Name: "organization", Words: "Organization", Hint: "its id", Param: "agent"},
		{Name: "from", Words: "From", Kind: "date", Param: "date"},
		{Name: "to", Words: "Until", Kind: "date", Param: "date"},
		{Name: "decision", Words: "Decision", Options: []string{"", "permit", "deny"}, Param: "decision"},
		{Name: "reason", Words: "Reason", Hint: "consent-forbids", Param: "reason"},
		{Name: "purpose", Words: "Purpose", Hint: "TREAT", Param: "purpose"},
		{Name: "what", Words: "Interaction", Hint: "read", Param: "subtype"},
		{Name: "request", Words: "Request id", Hint: "X-Request-Id", Param: "request"},
	}
}

// accesses is GET /ui/accesses: who saw what, as the form asks.
func (s *server) accesses(c *gin.Context, call *access.Call) (*answer, error) {
	page := web.Accesses{Filters: accessFilters()}
	result, err := s.findAccesses(c, call, &page, accessesOnPage)
	var wrong *fhir.Error
	if errors.As(err, &wrong) && wrong.Kind == fhir.Invalid { // the form says what to do
		page.Problem, err = wrong.Detail, nil
	}
	if err != nil {
		return nil, err
	}
	if result != nil {
		if page.Rows, err = s.accessRows(c, call, result); err != nil {
			return nil, err
		}
		if result.Next != "" {
			asked := c.Request.URL.Query()
			asked.Set("page", result.Next)
			page.Next = pathAccesses + "?" + asked.Encode()
		}
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Accesses", call.Receipts)
		return p.Accesses(page)
	})
}

// findAccesses asks the gate, unless a patient has to be chosen first.
func (s *server) findAccesses(c *gin.Context, call *access.Call, page *web.Accesses, count string) (*access.Result, error) {
	asked := c.Request.URL.Query()
	for i := range page.Filters {
		page.Filters[i].Value = strings.TrimSpace(asked.Get(page.Filters[i].Name))
	}
	if link := asked.Get("page"); link != "" {
		return s.Gate.SearchAuditEvents(c.Request.Context(), call, access.SearchRequest{Link: link})
	}
	page.File = pathAccesses + ".csv?" + asked.Encode()
	if find := asked.Get("patient"); find != "" && !isReference(find, "Patient") {
		chosen, err := s.choosePatient(c, call, page, find)
		if err != nil || chosen == "" {
			return nil, err
		}
		page.Filters[0].Value = chosen
	}
	params := []fhir.Param{{Name: "_count", Value: count}}
	for _, f := range page.Filters {
		if p, ok := accessParam(f); ok {
			params = append(params, p)
		}
	}
	return s.Gate.SearchAuditEvents(c.Request.Context(), call, access.SearchRequest{Type: auditEvent, Params: params})
}

// accessParam is what a filled field asks for.
func accessParam(f web.Filter) (p fhir.Param, ok bool) {
	value := escaped(f.Value)
	switch {
	case f.Value == "":
		return p, false
	case f.Name == "from":
		value = since(f.Value)
	case f.Name == "to":
		value = until(f.Value)
	case f.Name == "organization" && !strings.Contains(value, "/"):
		value = "Organization/" + value
	case f.Name == "person" && !strings.Contains(value, "/"):
		return fhir.Param{Name: "agent-name", Value: value}, true
	}
	return fhir.Param{Name: f.Param, Value: value}, true
}

// since and until are dates as criteria.
func since(day string) string { return "ge" + escaped(day) }
func until(day string) string { return "le" + escaped(day) }

func isReference(text, typ string) bool {
	ref, err := fhir.ParseRef(text)
	return err == nil && ref.Type == typ
}

// choosePatient looks for a patient by what was typed: the only one who fits, or "" and the
// page has those who do.
func (s *server) choosePatient(c *gin.Context, call *access.Call, page *web.Accesses, find string) (patient string, err error) {
	patient, page.Patients, page.Problem, err = s.patientOf(c, call, pathAccesses, find)
	return patient, err
}

// patientOf is the only patient who fits what was typed, or links of a page to those who do,
// or why there are none.
func (s *server) patientOf(c *gin.Context, call *access.Call, page, find string) (patient string, links []web.Link, problem string, err error) {
	found, err := s.Gate.Search(c.Request.Context(), call, access.SearchRequest{Type: "Patient", Params: searchFor(find)})
	if err != nil {
		return "", nil, "", err
	}
	if len(found.Matches) == 1 {
		return found.Matches[0].Ref.String(), nil, "", nil
	}
	if len(found.Matches) == 0 {
		problem = "No patient fits. Try a part of the name, the date of birth, or a number."
	}
	for i := range found.Matches {
		choice := patientChoice(&found.Matches[i])
		asked := c.Request.URL.Query()
		asked.Set("patient", choice.Value)
		links = append(links, web.Link{URL: page + "?" + asked.Encode(), Words: choice.Words + ", " + choice.Hint})
	}
	return "", links, problem, nil
}

// accessRows turns AuditEvents into rows, with the names of the patients as far as the
// reader may know them.
func (s *server) accessRows(c *gin.Context, call *access.Call, result *access.Result) (rows []web.Access, err error) {
	if rows, err = readAccesses(result); err != nil {
		return nil, err
	}
	names, err := s.patientNames(c.Request.Context(), call, rows)
	for i := range rows {
		for j := range rows[i].Patients {
			p := &rows[i].Patients[j]
			p.Words = names[p.Words]
			if p.Words == "" {
				p.Words = p.ID
			}
		}
	}
	return rows, err
}

// mostNamed is how many patients of a page get names; a search takes no more values.
const mostNamed = 500

// patientNames asks for them all at once; whom the reader may not see keeps an id.
func (s *server) patientNames(ctx context.Context, call *access.Call, rows []web.Access) (map[string]string, error) {
	var ids []string
	for _, r := range rows {
		for _, p := range r.Patients {
			if _, id, ok := strings.Cut(p.ID, "/"); ok && len(ids) < mostNamed && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.Gate.Search(ctx, call, access.SearchRequest{Type: "Patient", Params: []fhir.Param{{Name: "_id", Value: strings.Join(ids, ",")}, {Name: "_count", Value: "1000"}}})
	if err != nil && describe(err).Kind == fhir.Forbidden {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i := range found.Matches {
		names[found.Matches[i].Ref.String()] = patientChoice(&found.Matches[i]).Words
	}
	return names, nil
}

// accessesFile is GET /ui/accesses.csv: the same rows, as a file for a spreadsheet.
func (s *server) accessesFile(c *gin.Context, call *access.Call) (*answer, error) {
	page := web.Accesses{Filters: accessFilters()}
	result, err := s.findAccesses(c, call, &page, "1000")
	if err != nil {
		return nil, err
	}
	if result == nil {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "Choose one patient first.", Expression: "patient"}
	}
	rows, err := s.accessRows(c, call, result)
	for err == nil && result.Next != "" && len(rows) < accessesInFile {
		if result, err = s.Gate.SearchAuditEvents(c.Request.Context(), call, access.SearchRequest{Link: result.Next}); err == nil {
			var more []web.Access
			more, err = s.accessRows(c, call, result)
			rows = append(rows, more...)
		}
	}
	if err != nil {
		return nil, err
	}
	return accessAnswer(c, "accesses.csv", rows, result.Next != "")
}

// accessAnswer is a file of rows. One that would have to leave some out is refused: it does
// not look like a part.
func accessAnswer(c *gin.Context, name string, rows []web.Access, more bool) (*answer, error) {
	if more {
		return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: "A file has at most 10,000 rows. Narrow it by date."}
	}
	c.Header("Content-Disposition", `attachment; filename="`+name+`"`) // of words and ids, which need no escape
	return &answer{status: http.StatusOK, body: accessTable(rows), media: mediaCSV}, nil
}

func accessTable(rows []web.Access) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"record", "time", "decision", "reason", "who", "id", "role", "organization", "purpose", "interaction", "patients", "data", "asked", "request"})
	for _, r := range rows {
		var patients []string
		for _, p := range r.Patients {
			patients = append(patients, p.Words)
		}
		line := []string{r.ID, r.At.UTC().Format(time.RFC3339), r.Decision, r.Reason, r.Who, r.Agent, r.Role, r.Organization, r.Purpose, r.What,
			strings.Join(patients, "; "), strings.Join(r.Data, "; "), r.Asked, r.Request}
		for i := range line {
			line[i] = harmless(line[i])
		}
		_ = w.Write(line)
	}
	w.Flush()
	return b.Bytes()
}

// harmless keeps a spreadsheet from taking what a client sent for a formula.
func harmless(cell string) string {
	if strings.TrimLeft(cell, "=+-@\t\r") != cell {
		return "'" + cell
	}
	return cell
}
