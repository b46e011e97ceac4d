package server

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// part is a parameter, or a part of one, of a Parameters resource.
type part struct {
	Name    string `json:"name"`
	Code    string `json:"valueCode,omitempty"`
	Text    string `json:"valueString,omitempty"`
	URI     string `json:"valueUri,omitempty"`
	Decimal *int64 `json:"valueDecimal,omitempty"`
	Boolean *bool  `json:"valueBoolean,omitempty"`
	Parts   []part `json:"part,omitempty"`
}

// indexProgress is SearchParameter/$index-progress: how far each search parameter of this
// server's own is.
func (s *server) indexProgress(c *gin.Context, call *access.Call) (*answer, error) {
	all, err := s.Gate.IndexProgress(c.Request.Context(), call)
	if err != nil {
		return nil, err
	}
	parameters := struct {
		ResourceType string `json:"resourceType"`
		Parameter    []part `json:"parameter,omitempty"`
	}{ResourceType: "Parameters"}
	for _, one := range all {
		p := part{Name: "parameter", Parts: []part{{Name: "url", URI: one.URL}, {Name: "code", Code: one.Code}, {Name: "state", Code: one.State}}}
		switch one.State {
		case "building":
			p.Parts = append(p.Parts, part{Name: "done", Decimal: &one.Done}, part{Name: "total", Decimal: &one.Total})
		case "failed":
			p.Parts = append(p.Parts, part{Name: "reason", Text: one.Reason})
		}
		parameters.Parameter = append(parameters.Parameter, p)
	}
	body, err := json.Marshal(parameters)
	return &answer{status: http.StatusOK, body: body}, err
}
