package server

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

const (
	corsMethods = "GET, HEAD, POST, PUT, DELETE"
	corsRequest = "Authorization, Accept, Content-Type, Prefer, If-Match, If-None-Match, If-None-Exist, If-Modified-Since, X-Request-Id, Aceso-Purpose"
	corsAnswer  = "ETag, Location, Last-Modified, Retry-After, X-Request-Id, " + RecordHeader + ", " + AnchorHeader
)

// cors lets scripts of configured origins read answers. It does not allow credentials:
// tokens travel in a header, never in a cookie.
func (s *server) cors(c *gin.Context) {
	origin := c.GetHeader("Origin")
	if origin == "" || !slices.Contains(s.AllowedOrigins, origin) && !slices.Contains(s.AllowedOrigins, "*") {
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
