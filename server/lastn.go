package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// mostOfACode is how many Observations of a code $lastn shows.
const mostOfACode = 100

// lastN is [base]/Observation/$lastn: the newest Observations of each code.
func (s *server) lastN(c *gin.Context, call *access.Call) (*answer, error) {
	params, err := s.operationParams(c)
	if err != nil {
		return nil, err
	}
	request := access.LastNRequest{Max: 1}
	for _, p := range params {
		switch {
		case p.Name == "max":
			if request.Max, err = strconv.Atoi(p.Value); err != nil || request.Max < 1 || request.Max > mostOfACode {
				return nil, &fhir.Error{Kind: fhir.Invalid, Expression: "max", Detail: "max is a whole number from 1 to 100."}
			}
		case strings.HasPrefix(p.Name, "_") && !strings.HasPrefix(p.Name, "_has:"):
			return nil, &fhir.Error{Kind: fhir.Invalid, Expression: p.Name, Detail: "$lastn has max and search parameters of Observation, and is not paged or sorted otherwise."}
		default:
			request.Params = append(request.Params, p)
		}
	}
	ofWhom := func(p fhir.Param) bool {
		name, _, _ := strings.Cut(p.Name, ":")
		return (name == "patient" || name == "subject") && p.Value != ""
	}
	if !slices.ContainsFunc(request.Params, ofWhom) {
		return nil, &fhir.Error{Kind: fhir.Invalid, Expression: "patient", Detail: "$lastn needs the parameter patient or subject."}
	}
	result, err := s.Gate.LastN(c.Request.Context(), call, request)
	if err != nil {
		return nil, err
	}
	body, err := s.resultBundle(result, nil)
	return &answer{status: http.StatusOK, body: body}, err
}
