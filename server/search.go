package server

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// search is GET [base]/[type]?[parameters] and POST [base]/[type]/_search.
func (s *server) search(c *gin.Context, call *access.Call) (*answer, error) {
	typ, err := typeOf(c)
	if err != nil {
		return nil, err
	}
	return s.searchset(c, call, access.SearchRequest{Type: typ}, s.Gate.Search)
}

// searchCompartment is GET [base]/[compartment]/[id]/[type]?[parameters] and
// POST [base]/[compartment]/[id]/[type]/_search.
func (s *server) searchCompartment(c *gin.Context, call *access.Call) (*answer, error) {
	compartment, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	typ := c.Param("member")
	if err := noOperation(typ); err != nil {
		return nil, err
	}
	if !fhir.IsResourceType(typ) || typ == auditEvent {
		return nil, unsupported("There is no such resource type in a compartment.")
	}
	return s.searchset(c, call, access.SearchRequest{Type: typ, Compartment: compartment.String()}, s.Gate.Search)
}

// searchSystem is GET [base]?[parameters] and POST [base]/_search.
func (s *server) searchSystem(c *gin.Context, call *access.Call) (*answer, error) {
	params, err := s.searchParams(c)
	if err != nil {
		return nil, err
	}
	body, err := s.systemBundle(c.Request.Context(), call, params, askedOf(c).lenient)
	return &answer{status: http.StatusOK, body: body}, err
}

// systemBundle answers a search over several types; one over AuditEvents alone is one of
// that type.
func (s *server) systemBundle(ctx context.Context, call *access.Call, params []fhir.Param, lenient bool) ([]byte, error) {
	request := access.SearchRequest{Params: params, Lenient: lenient}
	if i := slices.IndexFunc(params, func(p fhir.Param) bool { return p.Name == "_type" }); i >= 0 && params[i].Value == auditEvent {
		request.Type, request.Params = auditEvent, slices.Delete(slices.Clone(params), i, i+1)
	}
	return s.searchBundle(ctx, call, request, s.searchOf(request.Type))
}

// ask is a method of the gate that answers searches.
type ask func(context.Context, *access.Call, access.SearchRequest) (*access.Result, error)

// searchOf is the search for a type: AuditEvents are found among the records.
func (s *server) searchOf(typ string) ask {
	if typ == auditEvent {
		return s.Gate.SearchAuditEvents
	}
	return s.Gate.Search
}

// searchset completes the request with the parameters, asks, and writes the Bundle.
func (s *server) searchset(c *gin.Context, call *access.Call, request access.SearchRequest, ask ask) (*answer, error) {
	params, err := s.searchParams(c)
	if err != nil {
		return nil, err
	}
	request.Params, request.Lenient = params, askedOf(c).lenient
	body, err := s.searchBundle(c.Request.Context(), call, request, ask)
	return &answer{status: http.StatusOK, body: body}, err
}

// searchParams are those of the URL and, of a POST, those of the form.
func (s *server) searchParams(c *gin.Context) ([]fhir.Param, error) {
	params, err := queryOf(c)
	if err != nil || c.Request.Method != http.MethodPost {
		return params, err
	}
	if c.Request.ContentLength == 0 && c.GetHeader("Content-Type") == "" {
		return params, nil
	}
	form, err := s.body(c, min(maxForm, s.MaxBody), mediaForm)
	if err != nil {
		return nil, err
	}
	more, err := fhir.ParseParams(string(form))
	if err == nil {
		err = presentBy(c, more)
	}
	return append(slices.Clip(params), withoutFormat(more)...), err
}

// searchBundle asks the gate for a page and writes it.
func (s *server) searchBundle(ctx context.Context, call *access.Call, request access.SearchRequest, ask ask) ([]byte, error) {
	var err error
	if request.Link, err = pageOf(request.Params); err != nil {
		return nil, err
	}
	if request.Link != "" {
		request.Params = nil
	}
	result, err := ask(ctx, call, request)
	if err != nil {
		return nil, err
	}
	path := request.Type
	if request.Compartment != "" {
		path = request.Compartment + "/" + path
	}
	links := append(s.links(path, result.Self, request.Link, result.Next), s.backLinks(path, request.Link, result)...)
	if request.Type == accessReport {
		links = append(links, s.otherList(path, request, result)...)
	}
	return s.resultBundle(result, links)
}

// resultBundle writes what the gate returned. It neither adds nor counts.
func (s *server) resultBundle(result *access.Result, links []fhir.Link) ([]byte, error) {
	a := fhir.Answer{Type: "searchset", Time: s.Now(), Total: result.Total, Links: links}
	var v view
	if q := result.Query; q != nil {
		v = view{summary: q.Summary, elements: q.Elements}
	}
	if err := s.appendVersions(&a, "match", result.Matches, v); err != nil {
		return nil, err
	}
	v.elements = nil // are of what is searched for
	if err := s.appendVersions(&a, "include", result.Included, v); err != nil {
		return nil, err
	}
	if len(result.Warnings) > 0 {
		body, err := fhir.Outcome(warnings(result.Warnings))
		if err != nil {
			return nil, err
		}
		a.Entries = append(a.Entries, fhir.AnswerEntry{Body: body, Mode: "outcome"})
	}
	return a.Bytes()
}

func (s *server) appendVersions(a *fhir.Answer, mode string, versions []access.Version, view view) error {
	for i := range versions {
		body, err := view.of(versions[i].Body)
		if err != nil {
			return err
		}
		a.Entries = append(a.Entries, fhir.AnswerEntry{FullURL: s.url(versions[i].Ref.String()), Body: body, Mode: mode})
	}
	return nil
}

func warnings(issues []fhir.Issue) []fhir.Issue {
	all := make([]fhir.Issue, len(issues))
	for i, issue := range issues {
		if issue.Code == "" {
			issue.Code = "not-supported"
		}
		issue.Warning = true
		all[i] = issue
	}
	return all
}
