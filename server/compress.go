package server

import (
	"bytes"
	"mime"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"
)

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
