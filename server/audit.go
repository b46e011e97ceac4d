package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// readAuditEvent is GET [base]/AuditEvent/[id].
func (s *server) readAuditEvent(c *gin.Context, call *access.Call) (*answer, error) {
	id := c.Param("id")
	if err := fhir.CheckID(id); err != nil {
		return nil, err
	}
	return showOne(c, func(ctx context.Context) (*access.Version, error) { return s.Gate.ReadAuditEvent(ctx, call, id) })
}

// searchAuditEvents is GET [base]/AuditEvent?[parameters] and POST [base]/AuditEvent/_search.
func (s *server) searchAuditEvents(c *gin.Context, call *access.Call) (*answer, error) {
	return s.searchset(c, call, access.SearchRequest{Type: auditEvent}, s.Gate.SearchAuditEvents)
}

// proof is GET [base]/AuditEvent/[id]/$proof, for aceso verify record.
func (s *server) proof(c *gin.Context, call *access.Call) (*answer, error) {
	if err := fhir.CheckID(c.Param("id")); err != nil {
		return nil, err
	}
	if err := noParams(c); err != nil {
		return nil, err
	}
	body, err := s.Gate.Proof(c.Request.Context(), call, c.Param("id"))
	return &answer{status: http.StatusOK, body: body, media: mediaJSON}, err
}

// accessReport is the operation, and the path of its pages.
const accessReport = "$access-report"

// broadQuestions asks for the second list of an access report.
const broadQuestions = "broad=true"

// accessReport is GET [base]/Patient/[id]/$access-report: who saw a patient's data.
func (s *server) accessReport(c *gin.Context, call *access.Call) (*answer, error) {
	patient := fhir.Ref{Type: "Patient", ID: c.Param("id")}
	if err := fhir.CheckID(patient.ID); err != nil {
		return nil, err
	}
	request := access.SearchRequest{Type: accessReport, Compartment: patient.String()}
	return s.searchset(c, call, request, func(ctx context.Context, call *access.Call, r access.SearchRequest) (*access.Result, error) {
		r.Type = auditEvent
		return s.Gate.AccessReport(ctx, call, patient, r)
	})
}

// otherList links the first page of an access report to the list of broad questions.
func (s *server) otherList(path string, request access.SearchRequest, result *access.Result) []fhir.Link {
	if request.Link != "" || strings.Contains("&"+result.Self, "&"+broadQuestions) {
		return nil
	}
	query := broadQuestions
	if result.Self != "" {
		query += "&" + result.Self
	}
	return []fhir.Link{{Relation: "related", URL: s.url(path) + "?" + query}}
}
