package server

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

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

const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsRequest = "Authorization, Accept, Content-Type, Prefer, If-Match, If-None-Match, If-None-Exist, If-Modified-Since, X-Request-Id, Aceso-Purpose"
	corsAnswer  = "ETag, Location, Content-Location, X-Progress, Last-Modified, Retry-After, X-Request-Id, " + RecordHeader + ", " + AnchorHeader
)

// cors lets scripts of configured origins read answers. It does not allow credentials:
// tokens travel in a header, never in a cookie.
func (s *server) cors(c *gin.Context) {
	origin := c.GetHeader("Origin")
	switch {
	case origin == "":
		return
	case slices.Contains(s.AllowedOrigins, origin), slices.Contains(s.AllowedOrigins, "*"), isOpenToAll(c.Request.URL.Path), s.fromApp(c, origin):
	default:
		return
	}
	c.Header("Access-Control-Allow-Origin", origin)
	c.Header("Access-Control-Expose-Headers", corsAnswer)
	if c.Request.Method != http.MethodOptions || c.GetHeader("Access-Control-Request-Method") == "" {
		return
	}
	c.Header("Access-Control-Allow-Methods", corsMethods)
	c.Header("Access-Control-Allow-Headers", corsRequest)
	c.Header("Access-Control-Max-Age", "600")
	c.AbortWithStatus(http.StatusNoContent)
}
