package server

import (
	"encoding/json"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

// patient is whose data the app gets, "" as long as nobody is chosen.
func (p *consent) patient() string {
	switch l := p.request.Launch; {
	case l != nil && l.Patient != "":
		return l.Patient
	case p.user.Patient != "":
		return p.user.Patient
	}
	return p.form.Get("patient")
}

// visits are the patient's latest visits to choose from, and none. They are offered when the
// patient is chosen.
func (s *server) visits(c *gin.Context, call *access.Call, p *consent) (some []web.Choice, err error) {
	if !p.request.NeedsEncounter || p.patient() == "" || p.purpose() == "" {
		return nil, nil
	}
	found, err := s.visitsOf(c, call, p, fhir.Param{Name: "_count", Value: "10"}, fhir.Param{Name: "_sort", Value: "-date"})
	if err != nil {
		return nil, err
	}
	for i := range found.Matches {
		v := &found.Matches[i]
		var doc struct {
			Period struct{ Start string }
			Type   []struct{ Text string }
		}
		words := v.Ref.ID
		if json.Unmarshal(v.Body, &doc) == nil && len(doc.Type) > 0 && doc.Type[0].Text != "" {
			words = doc.Type[0].Text
		}
		day, _, _ := strings.Cut(doc.Period.Start, "T")
		some = append(some, web.Choice{ID: v.Ref.ID, Value: v.Ref.String(), Words: words, Hint: day, Chosen: p.form.Get("encounter") == v.Ref.String()})
	}
	return append(some, web.Choice{ID: "-none", Words: "None"}), nil
}

// visitsOf searches as the user, for the purpose that is chosen.
func (s *server) visitsOf(c *gin.Context, call *access.Call, p *consent, more ...fhir.Param) (*access.Result, error) {
	if err := s.actAs(c, p.user, p.purpose()); err != nil {
		return nil, err
	}
	params := append([]fhir.Param{{Name: "patient", Value: escaped(p.patient())}}, more...)
	return s.Gate.Search(c.Request.Context(), call, access.SearchRequest{Type: "Encounter", Params: params})
}

// isVisit refuses a visit that the user may not see, or that is another patient's: the form
// came from a browser.
func (s *server) isVisit(c *gin.Context, call *access.Call, p *consent, encounter string) error {
	ref, err := fhir.ParseRef(encounter)
	if err == nil && ref.Type == "Encounter" {
		found, err := s.visitsOf(c, call, p, fhir.Param{Name: "_id", Value: escaped(ref.ID)})
		if err != nil {
			return err
		}
		if len(found.Matches) == 1 {
			return nil
		}
	}
	return &fhir.Error{Kind: fhir.NotFound, Detail: "The patient has no such visit that you may see."}
}
