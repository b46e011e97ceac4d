package server

import (
	"mime"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/patch"
)

// mediaPatch is JSON Patch (RFC 6902). FHIRPath Patch is a Parameters resource.
const mediaPatch = "application/json-patch+json"

// patchFormats are the media types of patches, for the CapabilityStatement.
func patchFormats() []string { return []string{mediaPatch, mediaFHIR, mediaXML} }

const patchFormat = "The body of a PATCH is a JSON Patch or a FHIRPath Patch (Parameters): Content-Type must be " + mediaPatch + ", " + mediaFHIR + " or " + mediaXML + "."

// patch is PATCH [base]/[type]/[id] and PATCH [base]/[type]?[criteria].
func (s *server) patch(c *gin.Context, call *access.Call) (*answer, error) {
	op, err := target(c, http.MethodPatch)
	if err != nil {
		return nil, err
	}
	if op.Patch, err = s.patchBody(c); err != nil {
		return nil, err
	}
	return s.apply(c, call, op)
}

// patchBody reads a patch in one of its forms.
func (s *server) patchBody(c *gin.Context) (access.Patch, error) {
	switch media := mediaOf(c.Request); {
	case media == mediaPatch:
		data, err := s.body(c, s.MaxBody, mediaPatch)
		if err != nil {
			return nil, err
		}
		return patch.ParseJSON(data)
	case slices.Contains(documentMedias(), media):
		data, err := s.document(c)
		if err != nil {
			return nil, err
		}
		return patch.ParsePath(data)
	}
	return nil, &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: patchFormat}
}

// patchIn is the patch that an entry of a Bundle holds.
func patchIn(e *fhir.Entry) (access.Patch, error) {
	if e.Resource.Type() == "Parameters" {
		p, err := patch.ParsePath(e.Resource.Bytes())
		return entryPatch{p}, inEntry(err)
	}
	media, _, data, err := fhir.ReadBinary(e.Resource.Bytes())
	if err != nil {
		return nil, err
	}
	if media, _, err := mime.ParseMediaType(media); err != nil || media != mediaPatch {
		return nil, &fhir.Error{Kind: fhir.UnsupportedMedia, Expression: "Binary.contentType", Detail: "The Binary of a PATCH holds a JSON Patch: its contentType must be " + mediaPatch + "."}
	}
	return patch.ParseJSON(data)
}

// entryPatch is a FHIRPath Patch in a Bundle. Its paths lead into the resource that it
// changes, not into the Bundle.
type entryPatch struct{ *patch.Path }

// Apply names the path of an error in its sentence.
func (p entryPatch) Apply(document []byte, work *int64) ([]byte, error) {
	changed, err := p.Path.Apply(document, work)
	return changed, inEntry(err)
}

func inEntry(err error) error {
	e, ok := err.(*fhir.Error)
	if !ok || e.Expression == "" {
		return err
	}
	named := *e
	named.Detail, named.Expression = e.Detail+" Its path is "+e.Expression+".", ""
	return &named
}
