package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// history is GET [base]/[type]/[id]/_history, [base]/[type]/_history and [base]/_history.
func (s *server) history(c *gin.Context, call *access.Call) (*answer, error) {
	var ref fhir.Ref
	var err error
	switch {
	case c.Param("id") != "":
		ref, err = refOf(c, typeOf)
	case c.Param("type") != "":
		ref.Type, err = typeOf(c)
	}
	if err != nil {
		return nil, err
	}
	params, err := queryOf(c)
	if err != nil {
		return nil, err
	}
	body, err := s.historyBundle(c.Request.Context(), call, ref, params)
	return &answer{status: http.StatusOK, body: body}, err
}

// historyBundle asks the gate for a page of a history and writes it.
func (s *server) historyBundle(ctx context.Context, call *access.Call, ref fhir.Ref, params []fhir.Param) ([]byte, error) {
	request, err := historyRequest(ref, params)
	if err != nil {
		return nil, err
	}
	self := encodeParams(params)
	if request.Link == "" {
		request.Self = self
	}
	result, err := s.Gate.History(ctx, call, request)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(strings.TrimSuffix(ref.String(), "/")+"/_history", "/")
	links := append(s.links(path, self, "", result.Next), s.backLinks(path, request.Link, result)...)
	a := fhir.Answer{Type: "history", Time: s.Now(), Total: result.Total, Links: links}
	for i := range result.Matches {
		a.Entries = append(a.Entries, s.historyEntry(&result.Matches[i]))
	}
	return a.Bytes()
}

func historyRequest(ref fhir.Ref, params []fhir.Param) (access.HistoryRequest, error) {
	h := access.HistoryRequest{Type: ref.Type, ID: ref.ID, Count: -1}
	for _, p := range params {
		var err error
		switch p.Name {
		case "_since":
			h.Since, err = parseTime(p)
		case "_at":
			h.At, h.Until, err = parsePeriod(p)
		case "_count":
			h.Count, err = parseCount(p)
		case "_total":
			h.Total, err = parseTotal(p)
		case pageParam:
			h.Link, err = pageOf(params)
		default:
			err = unknownParam(p.Name)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

// parseTime reads an instant, or a date as its first instant. An unescaped plus sign
// arrives as a space.
func parseTime(p fhir.Param) (time.Time, error) {
	from, _, err := parsePeriod(p)
	return from, err
}

// parsePeriod reads an instant or a date as the time that it covers: a year, month, day,
// second, or millisecond.
func parsePeriod(p fhir.Param) (from, until time.Time, err error) {
	value := strings.ReplaceAll(p.Value, " ", "+")
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02", "2006-01", "2006"} {
		from, err := time.Parse(layout, value)
		if err != nil {
			continue
		}
		switch layout {
		case "2006":
			return from, from.AddDate(1, 0, 0), nil
		case "2006-01":
			return from, from.AddDate(0, 1, 0), nil
		case "2006-01-02":
			return from, from.AddDate(0, 0, 1), nil
		}
		if strings.Contains(value, ".") {
			return from, from.Add(time.Millisecond), nil
		}
		return from, from.Add(time.Second), nil
	}
	return from, until, &fhir.Error{Kind: fhir.Invalid, Detail: "The value must be an instant, as in 2024-05-01T10:00:00Z, or a date.", Expression: p.Name}
}

func parseCount(p fhir.Param) (int, error) {
	n, err := strconv.Atoi(p.Value)
	if err != nil || n < 1 {
		return 0, &fhir.Error{Kind: fhir.Invalid, Detail: "_count of a history must be a positive integer.", Expression: p.Name}
	}
	return n, nil
}

// parseTotal says whether a total is wanted. An estimate is not cheaper than the total.
func parseTotal(p fhir.Param) (bool, error) {
	switch p.Value {
	case "none":
		return false, nil
	case "estimate", "accurate":
		return true, nil
	}
	return false, &fhir.Error{Kind: fhir.Invalid, Detail: "_total is none, estimate or accurate.", Expression: p.Name}
}

// historyEntry shows a version together with the request that made it.
func (s *server) historyEntry(v *access.Version) fhir.AnswerEntry {
	e := fhir.AnswerEntry{
		FullURL:  s.url(v.Ref.String()),
		Body:     v.Body,
		Request:  &fhir.AnswerRequest{Method: v.Method, URL: v.Ref.String()},
		Response: &fhir.AnswerResponse{Status: "200 OK", ETag: etagOf(v), LastModified: v.LastUpdated},
	}
	switch {
	case v.Deleted:
		e.Body, e.Response.Status = nil, "204 No Content"
	case v.Method == http.MethodPost:
		e.Request.URL, e.Response.Status = v.Ref.Type, "201 Created"
	case v.Version == 1:
		e.Response.Status = "201 Created"
	}
	return e
}
