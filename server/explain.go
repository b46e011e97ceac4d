package server

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// explainQuery is [base]/[type]/$explain-query: how a search would be answered.
func (s *server) explainQuery(c *gin.Context, call *access.Call) (*answer, error) {
	params, err := queryOf(c)
	if err != nil {
		return nil, err
	}
	typ := c.Param("type")
	if typ == auditEvent {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "AuditEvents are searched among the records: there is no plan of an index to explain."}
	}
	all, err := s.Gate.Explain(c.Request.Context(), call, access.SearchRequest{Type: typ, Params: params})
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, e := range all {
		p := part{Name: "type", Parts: []part{{Name: "code", Code: e.Type}, {Name: "by", Code: e.By}}}
		for i, step := range e.Steps {
			about := step.About
			p.Parts = append(p.Parts, part{Name: "step " + strconv.Itoa(i+1), Parts: []part{
				{Name: "parameters", Text: strings.Join(step.Parameters, " ")}, {Name: "drives", Boolean: &step.Drives}, {Name: "about", Decimal: &about},
			}})
		}
		parts = append(parts, p)
	}
	return parameters(parts)
}
