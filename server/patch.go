package server

import (
	"mime"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/patch"
)

// mediaPatch is JSON Patch (RFC 6902).
const mediaPatch = "application/json-patch+json"

// patchFormats are the media types of patches, for the CapabilityStatement.
func patchFormats() []string { return []string{mediaPatch} }

const (
	noFHIRPathPatch = "FHIRPath Patch is not supported yet. Send a JSON Patch as " + mediaPatch + "."
	patchFormat     = "The body of a PATCH is a JSON Patch: Content-Type must be " + mediaPatch + "."
)

// patch is PATCH [base]/[type]/[id] and PATCH [base]/[type]?[criteria].
func (s *server) patch(c *gin.Context, call *access.Call) (*answer, error) {
	op, err := target(c, http.MethodPatch)
	if err != nil {
		return nil, err
	}
	switch media := mediaOf(c.Request); media {
	case mediaPatch:
	case mediaFHIR:
		return nil, &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: noFHIRPathPatch}
	default:
		return nil, &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: patchFormat}
	}
	data, err := s.body(c, s.MaxBody, mediaPatch)
	if err != nil {
		return nil, err
	}
	if op.Patch, err = patch.ParseJSON(data); err != nil {
		return nil, err
	}
	return s.apply(c, call, op)
}

// patchIn is the patch that an entry of a Bundle holds.
func patchIn(e *fhir.Entry) (access.Patch, error) {
	if e.Resource.Type() != "Binary" {
		return nil, &fhir.Error{Kind: fhir.UnsupportedMedia, Expression: "Parameters", Detail: noFHIRPathPatch}
	}
	held, err := fhir.ReadBinary(e.Resource.Bytes())
	if err != nil {
		return nil, err
	}
	if media, _, err := mime.ParseMediaType(held.Type); err != nil || media != mediaPatch {
		return nil, &fhir.Error{Kind: fhir.UnsupportedMedia, Expression: "Binary.contentType", Detail: "The Binary of a PATCH holds a JSON Patch: its contentType must be " + mediaPatch + "."}
	}
	return patch.ParseJSON(held.Data)
}
