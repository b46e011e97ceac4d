package server

import (
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// docref is [base]/DocumentReference/$docref: the documents of a patient, as the search for
// them that the self link names.
func (s *server) docref(c *gin.Context, call *access.Call) (*answer, error) {
	params, err := s.operationParams(c)
	if err != nil {
		return nil, err
	}
	criteria := []fhir.Param{{Name: "status", Value: "current"}}
	for _, p := range params {
		switch p.Name {
		case "patient", "type":
			criteria = append(criteria, p)
		case "start":
			criteria = append(criteria, fhir.Param{Name: "period", Value: "ge" + p.Value})
		case "end":
			criteria = append(criteria, fhir.Param{Name: "period", Value: "le" + p.Value})
		default:
			return nil, &fhir.Error{Kind: fhir.Invalid, Expression: p.Name, Detail: "$docref has the parameters patient, start, end and type. Documents are not made on demand."}
		}
	}
	if !slices.ContainsFunc(params, func(p fhir.Param) bool { return p.Name == "patient" && p.Value != "" }) {
		return nil, &fhir.Error{Kind: fhir.Invalid, Expression: "patient", Detail: "$docref needs the parameter patient."}
	}
	body, err := s.searchBundle(c.Request.Context(), call, access.SearchRequest{Type: "DocumentReference", Params: criteria}, s.Gate.Search)
	return &answer{status: 200, body: body}, err
}
