package server

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
)

// read is GET [base]/[type]/[id].
func (s *server) read(c *gin.Context, call *access.Call) (*answer, error) {
	ref, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	return showOne(c, func(ctx context.Context) (*access.Version, error) { return s.Gate.Read(ctx, call, ref) })
}
