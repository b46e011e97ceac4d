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
	"github.com/klauspost/compress/gzip"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/xml"
)

// maxForm is the largest form of a search.
const maxForm = 256 << 10

// body reads the request's body, which must have one of the media types.
func (s *server) body(c *gin.Context, limit int64, medias ...string) ([]byte, error) {
	if err := checkMedia(c.Request, medias); err != nil {
		return nil, err
	}
	return s.bytes(c, limit)
}

// bytes reads the request's body, whatever it is. A packed one may have limit bytes when
// it is unpacked, and is unpacked no further.
func (s *server) bytes(c *gin.Context, limit int64) ([]byte, error) {
	if c.Request.ContentLength > limit {
		return nil, tooLarge(limit, nil)
	}
	body, length := io.ReadCloser(http.MaxBytesReader(c.Writer, c.Request.Body, limit)), c.Request.ContentLength
	packed, err := isPacked(c.Request)
	if err != nil {
		return nil, err
	}
	if packed {
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, notGzip(err)
		}
		body, length = http.MaxBytesReader(c.Writer, z, limit), -1
	}
	data, err := readAll(counted{body, s.holdOf(c)}, length)
	var exceeded *http.MaxBytesError
	var refused *fhir.Error
	switch {
	case errors.As(err, &refused):
		return nil, refused
	case errors.As(err, &exceeded):
		return nil, tooLarge(limit, err)
	case err != nil && packed:
		return nil, notGzip(err)
	case err != nil:
		return nil, &fhir.Error{Kind: fhir.Malformed, Detail: "The body is shorter than its Content-Length.", Err: err}
	}
	return data, nil
}

// isPacked says whether the body is compressed with gzip.
func isPacked(r *http.Request) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))) {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	}
	return false, &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: "Content-Encoding is gzip or identity. Send the body in one of these."}
}

func notGzip(cause error) error {
	return &fhir.Error{Kind: fhir.Malformed, Detail: "The body is not what its Content-Encoding says: no complete gzip.", Err: cause}
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

// mediaOf is the media type of the body, "" without one.
func mediaOf(r *http.Request) string {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media
}

func checkMedia(r *http.Request, medias []string) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && !r4(params):
		return &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: "This server speaks FHIR R4 only: fhirVersion is 4.0."}
	case err == nil && slices.Contains(medias, media) && unicode(params):
		return nil
	}
	return &fhir.Error{Kind: fhir.UnsupportedMedia, Detail: "Content-Type must be " + named(medias) + " with charset utf-8."}
}

// named lists the media types that FHIR names.
func named(medias []string) string {
	if slices.Contains(medias, mediaXML) {
		return mediaFHIR + " or " + mediaXML
	}
	return medias[0]
}

// documentMedias are the media types of documents.
func documentMedias() []string {
	var all []string
	for _, s := range spellings() {
		if strings.Contains(s.asked, "/") {
			all = append(all, s.asked)
		}
	}
	return all
}

// document reads a body that is JSON, without the mark that some editors put in front, or
// makes the JSON of one that is XML.
func (s *server) document(c *gin.Context) ([]byte, error) {
	data, err := s.body(c, s.MaxBody, documentMedias()...)
	if err != nil {
		return nil, err
	}
	if media, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type")); inXML(media) || strings.HasSuffix(media, "xml+fhir") {
		return xml.Read(data)
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), nil
}

// resource reads a body that is one resource of a type.
func (s *server) resource(c *gin.Context, typ string) (*fhir.Resource, error) {
	data, err := s.documentOf(c, typ)
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
