package server

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// accessReport is GET [base]/Patient/[id]/$access-report: who saw a patient's data.
func (s *server) accessReport(c *gin.Context, call *access.Call) (*answer, error) {
	patient := fhir.Ref{Type: "Patient", ID: c.Param("id")}
	if err := fhir.CheckID(patient.ID); err != nil {
		return nil, err
	}
	request := access.SearchRequest{Type: "$access-report", Compartment: patient.String()}
	return s.searchset(c, call, request, func(ctx context.Context, call *access.Call, r access.SearchRequest) (*access.Result, error) {
		r.Type = auditEvent
		return s.Gate.AccessReport(ctx, call, patient, r)
	})
}
