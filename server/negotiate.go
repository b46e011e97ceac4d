package server

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

const (
	mediaFHIR = "application/fhir+json"
	mediaJSON = "application/json"
	mediaOld  = "application/json+fhir" // what FHIR JSON was called before R4
	mediaXML  = "application/fhir+xml"
	mediaForm = "application/x-www-form-urlencoded"
	utf8      = ";charset=utf-8"
)

// spelling is one name of a format: what is asked for with it, and what is answered.
type spelling struct{ asked, answered string }

// spellings are the names of the two formats, the usual one of each first.
func spellings() []spelling {
	return []spelling{
		{mediaFHIR, mediaFHIR}, {mediaOld, mediaFHIR}, {"json", mediaFHIR}, {mediaJSON, mediaJSON}, {"text/json", mediaJSON},
		{mediaXML, mediaXML}, {"application/xml+fhir", mediaXML}, {"xml", mediaXML}, {"application/xml", "application/xml"}, {"text/xml", "text/xml"},
	}
}

// inXML says whether an answer of the media type is XML.
func inXML(media string) bool { return strings.HasSuffix(media, "xml") }

// negotiate chooses the media type of the answer, or refuses with 406 before the
// handler runs. A Binary is read as what it holds, unless its reader asks for FHIR.
func (s *server) negotiate(c *gin.Context) {
	x, format, accept := exchangeOf(c), askedOf(c).format, c.Request.Header.Values("Accept")
	media, ok := acceptable(format, accept)
	if c.Param("type") == binary && isRead(c) && format == "" && !asksFHIR(accept) {
		x.raw, ok = true, true
	}
	if !ok && c.Request.Method == http.MethodDelete { // it has no body to be unhappy with
		media, ok = mediaFHIR, true
	}
	if !ok {
		s.refuse(c, http.StatusNotAcceptable, "not-supported", notAcceptable(format, accept))
		return
	}
	x.media = media
}

// notAcceptable says what would be.
func notAcceptable(format string, accept []string) string {
	if strings.Contains(strings.ToLower(format+strings.Join(accept, ",")), "fhirversion") {
		return "This server speaks FHIR R4 only: fhirVersion is 4.0."
	}
	return "This server answers in application/fhir+json and application/fhir+xml (R4) only."
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
		media, params, _ := strings.Cut(format, ";")
		return offered(strings.ReplaceAll(strings.TrimSpace(media), " ", "+") + ";" + params)
	}
	wanted := strings.Join(accept, ",")
	if strings.TrimSpace(wanted) == "" {
		return mediaFHIR, true
	}
	best, quality := "", 0.0
	for item := range strings.SplitSeq(wanted, ",") {
		if q := qualityOf(item); q > quality {
			if media, ok := offered(item); ok {
				best, quality = media, q
			}
		}
	}
	return best, best != ""
}

// asksFHIR says whether what a client wants most is a form of FHIR.
func asksFHIR(accept []string) bool {
	fhir, quality := false, 0.0
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if q := qualityOf(item); q > quality {
			_, ok := offered(item)
			fhir, quality = ok && !strings.Contains(item, "*"), q
		}
	}
	return fhir
}

// offered is the media type that satisfies a media range or a word of _format.
func offered(wanted string) (string, bool) {
	media, params, err := mime.ParseMediaType(strings.TrimSpace(wanted))
	if err != nil || !r4(params) || !unicode(params) {
		return "", false
	}
	if media == "*/*" || media == "application/*" {
		return mediaFHIR, true
	}
	for _, s := range spellings() {
		if s.asked == media {
			return s.answered, true
		}
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
