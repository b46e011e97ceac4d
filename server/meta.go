package server

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// meta is GET [base]/[type]/[id]/$meta: the meta of a resource, decided like a read.
func (s *server) meta(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	if err := noParams(c); err != nil {
		return nil, err
	}
	v, err := s.Gate.Meta(c.Request.Context(), call, ref)
	if err != nil {
		return nil, err
	}
	body, err := fhir.MetaOf(v.Body)
	return &answer{status: http.StatusOK, body: body}, err
}

// changeMeta is POST [base]/[type]/[id]/$meta-add and $meta-delete: an update that changes
// nothing but profiles, tags and security labels.
func (s *server) changeMeta(c *gin.Context, call *access.Call) (*answer, error) {
	op, err := target(c, http.MethodPatch)
	if err != nil {
		return nil, err
	}
	sent, err := s.resource(c, "Parameters")
	if err != nil {
		return nil, err
	}
	change, err := fhir.ParseMetaChange(sent.Bytes())
	if err != nil {
		return nil, err
	}
	change.Delete = strings.HasSuffix(c.FullPath(), "-delete")
	op.Patch = change
	effects, err := s.applyAll(c.Request.Context(), call, op)
	if err != nil {
		return nil, err
	}
	a, err := s.changed(&effects[0], "representation")
	if err == nil && len(a.body) > 0 {
		a.body, err = fhir.MetaOf(a.body)
	}
	return a, err
}
