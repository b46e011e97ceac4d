package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/xml"
)

// answer is what a handler returns, complete before the first byte is sent.
type answer struct {
	status       int
	body         []byte
	media        string // "" is the FHIR media type that was negotiated
	etag         string
	lastModified time.Time
	location     string
}

// write sends the answer.
func (s *server) write(c *gin.Context, a *answer) {
	if err := present(c, a); err != nil {
		s.unwritable(c, err)
		return
	}
	h, x := c.Writer.Header(), exchangeOf(c)
	if a.etag != "" {
		x.header(h, "Etag", a.etag)
	}
	if !a.lastModified.IsZero() {
		x.header(h, "Last-Modified", a.lastModified.UTC().Format(http.TimeFormat))
	}
	if a.location != "" {
		x.header(h, "Location", a.location)
	}
	if len(a.body) == 0 {
		c.Status(a.status)
		c.Writer.WriteHeaderNow()
		return
	}
	x.header(h, "Content-Type", cmp.Or(a.media, fullMedia(x.media)))
	body := s.compress(c, a.body)
	x.header(h, "Content-Length", strconv.Itoa(len(body)))
	c.Status(a.status)
	c.Writer.WriteHeaderNow()
	if c.Request.Method != http.MethodHead {
		_, _ = c.Writer.Write(body) // the client has gone; there is nobody to tell
	}
}

// present gives a document the form that the client wants. It is for answers that are
// complete: what it does not change are the stored bytes.
func present(c *gin.Context, a *answer) error {
	pretty, media := askedOf(c).pretty, exchangeOf(c).media
	if a.media != "" || len(a.body) == 0 || !pretty && !inXML(media) {
		return nil
	}
	if inXML(media) {
		body, err := xml.Write(a.body, pretty)
		if err == nil {
			a.body = body
		}
		return err
	}
	var lines bytes.Buffer
	if err := json.Indent(&lines, a.body, "", "  "); err != nil {
		return err
	}
	a.body = lines.Bytes()
	return nil
}

// unwritable answers, in JSON, that the answer has no form in XML.
func (s *server) unwritable(c *gin.Context, err error) {
	exchangeOf(c).media = mediaFHIR
	e := describe(err)
	if e.Kind != fhir.Unprocessable {
		s.fail(c, err)
		return
	}
	s.refuse(c, http.StatusNotAcceptable, "not-supported", e.Detail)
}

// showOne answers with the version that the gate returns. The URL may have the parameters
// of a view and no others.
func showOne(c *gin.Context, ask func(context.Context) (*access.Version, error)) (*answer, error) {
	params, err := queryOf(c)
	if err != nil {
		return nil, err
	}
	view, err := parseView(params, true)
	if err != nil {
		return nil, err
	}
	v, err := ask(c.Request.Context())
	if err != nil {
		return nil, err
	}
	a, err := version(v, view, strings.Join(c.Request.Header.Values("If-None-Match"), ","), c.GetHeader("If-Modified-Since"))
	if err == nil && exchangeOf(c).raw && view.whole() && a.status == http.StatusOK {
		err = rawAnswer(c, a, v)
	}
	return a, err
}

// version answers with one version of a resource, or with 304 if the client has it.
func version(v *access.Version, view view, noneMatch, modifiedSince string) (*answer, error) {
	a := &answer{status: http.StatusOK, etag: etagOf(v), lastModified: v.LastUpdated}
	if unchanged(v, noneMatch, modifiedSince) {
		a.status = http.StatusNotModified
		return a, nil
	}
	var err error
	a.body, err = view.of(v.Body)
	return a, err
}

func etagOf(v *access.Version) string {
	if v.Version == 0 {
		return ""
	}
	return fhir.ETag(v.Version)
}

// unchanged says whether a conditional read finds nothing new (RFC 9110, 13.2.2:
// If-Modified-Since counts only without If-None-Match).
func unchanged(v *access.Version, noneMatch, modifiedSince string) bool {
	if noneMatch != "" {
		for tag := range strings.SplitSeq(noneMatch, ",") {
			n, ok := fhir.ParseETag(tag)
			if ok && n == v.Version || strings.TrimSpace(tag) == "*" {
				return true
			}
		}
		return false
	}
	if modifiedSince == "" {
		return false
	}
	since, err := http.ParseTime(modifiedSince)
	return err == nil && !v.LastUpdated.After(since) // a change in the same second is one
}

// url is an absolute URL below the FHIR base.
func (s *server) url(path string) string { return s.base + "/" + path }
