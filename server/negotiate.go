package server

import (
	"bytes"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"
)

const (
	mediaFHIR = "application/fhir+json"
	mediaJSON = "application/json"
	mediaOld  = "application/json+fhir" // what FHIR JSON was called before R4
	mediaForm = "application/x-www-form-urlencoded"
	utf8      = ";charset=utf-8"
)

// negotiate chooses the media type of the answer, or refuses with 406 before the
// handler runs.
func (s *server) negotiate(c *gin.Context) {
	media, ok := acceptable(askedOf(c).format, c.Request.Header.Values("Accept"))
	if !ok {
		s.refuse(c, http.StatusNotAcceptable, "not-supported", "This server answers in application/fhir+json (R4) only.")
		return
	}
	exchangeOf(c).media = media
}

// fullMedia is a negotiated media type with its character set.
func fullMedia(media string) string {
	switch media {
	case "", mediaFHIR:
		return mediaFHIR + utf8
	}
	return media + utf8
}

// acceptable is the best media type for a client. _format wins over Accept; its plus
// sign arrives as a space if it was not escaped.
func acceptable(format string, accept []string) (string, bool) {
	if format != "" {
		return offered(strings.ReplaceAll(format, " ", "+"))
	}
	if len(accept) == 0 {
		return mediaFHIR, true
	}
	best, quality := "", 0.0
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if q := qualityOf(item); q > quality {
			if media, ok := offered(item); ok {
				best, quality = media, q
			}
		}
	}
	return best, best != ""
}

// offered is the media type that satisfies a media range or a word of _format.
func offered(wanted string) (string, bool) {
	media, params, err := mime.ParseMediaType(strings.TrimSpace(wanted))
	if err != nil || !r4(params) || !unicode(params) {
		return "", false
	}
	switch media {
	case "*/*", "application/*", mediaFHIR, mediaOld, "json":
		return mediaFHIR, true
	case mediaJSON, "text/json":
		return mediaJSON, true
	}
	return "", false
}

func qualityOf(item string) float64 {
	_, params, err := mime.ParseMediaType(strings.TrimSpace(item))
	if err != nil {
		return 0
	}
	q, err := strconv.ParseFloat(params["q"], 64)
	if err != nil {
		return 1
	}
	return q
}

func r4(params map[string]string) bool {
	v, given := params["fhirversion"]
	return !given || v == "4.0" || v == "4.0.1"
}

func unicode(params map[string]string) bool {
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// compressFrom is the size from which compression is worth its time.
const compressFrom = 4 << 10

// compress packs a large body for a client that accepts gzip. It leaves pages alone:
// they contain a secret next to the client's own text, and the length would leak it.
func (s *server) compress(c *gin.Context, body []byte) []byte {
	if len(body) < compressFrom || isPage(c) || !wantsGzip(c.GetHeader("Accept-Encoding")) {
		return body
	}
	z, ok := s.packers.Get().(*gzip.Writer)
	if !ok {
		z = gzip.NewWriter(nil)
	}
	defer s.packers.Put(z)
	var packed bytes.Buffer
	z.Reset(&packed)
	if _, err := z.Write(body); err != nil || z.Close() != nil {
		return body
	}
	c.Header("Content-Encoding", "gzip")
	return packed.Bytes()
}

func wantsGzip(accept string) bool {
	for item := range strings.SplitSeq(accept, ",") {
		name, _, err := mime.ParseMediaType(strings.TrimSpace(item))
		if err == nil && name == "gzip" {
			return qualityOf(item) > 0
		}
	}
	return false
}
