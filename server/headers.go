package server

import "github.com/gin-gonic/gin"

// fixed are the headers of every answer. They keep health data out of caches and frames.
func fixed() map[string][]string {
	return map[string][]string{
		"Cache-Control":           {"no-store"},
		"Vary":                    {"Accept, Accept-Encoding, Authorization, Origin"},
		"X-Content-Type-Options":  {"nosniff"},
		"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
		"Referrer-Policy":         {"no-referrer"},
	}
}

func (s *server) headers(c *gin.Context) {
	h := c.Writer.Header()
	for name, value := range s.fixed {
		h[name] = value
	}
	if isPage(c) {
		h["Content-Security-Policy"], h["Vary"] = pagePolicy(), pageVary()
	}
	if c.Request.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
