package server

import (
	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// indexProgress is SearchParameter/$index-progress: how far each search parameter of this
// server's own is.
func (s *server) indexProgress(c *gin.Context, call *access.Call) (*answer, error) {
	all, err := s.Gate.IndexProgress(c.Request.Context(), call)
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, one := range all {
		p := part{Name: "parameter", Parts: []part{{Name: "url", URI: one.URL}, {Name: "code", Code: one.Code}, {Name: "state", Code: one.State}}}
		switch one.State {
		case "building":
			p.Parts = append(p.Parts, part{Name: "done", Decimal: &one.Done}, part{Name: "total", Decimal: &one.Total})
		case "failed":
			p.Parts = append(p.Parts, part{Name: "reason", Text: one.Reason})
		}
		parts = append(parts, p)
	}
	return parameters(parts)
}
