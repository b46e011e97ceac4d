package server

import (
	"mime"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// binary is the type that is read and written as what it holds, too.
const binary = "Binary"

// securityContext is the header of Binary.securityContext where the body is no resource.
const securityContext = "X-Security-Context"

// isRead says whether the route reads one version of a resource.
func isRead(c *gin.Context) bool {
	switch c.FullPath() {
	case "/fhir/:type/:id", "/fhir/:type/:id/_history/:version":
		return c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
	}
	return false
}

// documentOf reads the body of a create or update. A Binary may come as what it holds: the
// resource made of it is what is stored.
func (s *server) documentOf(c *gin.Context, typ string) ([]byte, error) {
	if typ != binary || checkMedia(c.Request, documentMedias()) == nil {
		return s.document(c)
	}
	sent := c.GetHeader("Content-Type")
	media, _, err := mime.ParseMediaType(sent)
	if err != nil || isDocument(media) { // FHIR of another version or in another character set
		return s.document(c)
	}
	data, err := s.bytes(c, (s.MaxBody-4096)/4*3) // base64 makes four characters of three bytes
	if err != nil {
		return nil, err
	}
	return fhir.NewBinary(c.Param("id"), sent, strings.TrimSpace(c.GetHeader(securityContext)), data), nil
}

func isDocument(media string) bool {
	_, ok := offered(media)
	return ok
}

// rawAnswer turns the answer with a Binary into what it holds. Browsers must not run it.
func rawAnswer(c *gin.Context, a *answer, v *access.Version) error {
	media, context, data, err := fhir.ReadBinary(v.Body)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Content-Disposition", "attachment")
	if context != "" {
		h.Set(securityContext, context)
	}
	a.body, a.media = data, media
	if _, _, err := mime.ParseMediaType(media); err != nil {
		a.media = "application/octet-stream"
	}
	if len(a.body) == 0 && a.status == http.StatusOK {
		a.status = http.StatusNoContent
	}
	return nil
}
