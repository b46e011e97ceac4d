package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/fhir"
)

// maxForm is the largest form of a search.
const maxForm = 256 << 10

// body reads the request's body, which must have one of the media types.
func (s *server) body(c *gin.Context, limit int64, medias ...string) ([]byte, error) {
	if err := checkMedia(c.Request, medias); err != nil {
		return nil, err
	}
	if c.Request.ContentLength > limit {
		return nil, tooLarge(limit, nil)
	}
	data, err := readAll(counted{http.MaxBytesReader(c.Writer, c.Request.Body, limit), s.holdOf(c)}, c.Request.ContentLength)
	var exceeded *http.MaxBytesError
	var refused *fhir.Error
	switch {
	case errors.As(err, &refused):
		return nil, refused
	case errors.As(err, &exceeded):
		return nil, tooLarge(limit, err)
	case err != nil:
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The body is shorter than its Content-Length.", Err: err}
	}
	return data, nil
}

// readAll reads a body into a buffer of its announced length, -1 if that is unknown.
func readAll(r io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(length, 0), 1<<20)) + bytes.MinRead) // a client may announce more than it sends
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

func tooLarge(limit int64, cause error) error {
	detail := fmt.Sprintf("The body is larger than the %d KB that this server takes. Send it in parts.", limit>>10)
	return &fhir.Error{Kind: fhir.TooLarge, Detail: detail, Err: cause}
}

func checkMedia(r *http.Request, medias []string) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: "Compressed bodies are not supported. Send the body without Content-Encoding."}
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && slices.Contains(medias, media) && r4(params) && unicode(params) {
		return nil
	}
	return &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: "Content-Type must be " + medias[0] + " with charset utf-8."}
}

// document reads a body that is JSON, without the mark that some editors put in front.
func (s *server) document(c *gin.Context) ([]byte, error) {
	data, err := s.body(c, s.MaxBody, mediaFHIR, mediaJSON, mediaOld)
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), err
}

// resource reads a body that is one resource of a type.
func (s *server) resource(c *gin.Context, typ string) (*fhir.Resource, error) {
	data, err := s.document(c)
	if err != nil {
		return nil, err
	}
	r, err := s.Parse(data)
	if err != nil {
		return nil, err
	}
	if r.Type() != typ {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "The type of the resource is not the type in the URL.", Expression: r.Type()}
	}
	return r, nil
}
