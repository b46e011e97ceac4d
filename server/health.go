package server

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/common/expfmt"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

const mediaText = "text/plain; charset=utf-8"

// health is GET /healthz: the process answers.
func (s *server) health(*gin.Context, *access.Call) (*answer, error) {
	return &answer{status: http.StatusOK, body: []byte("ok\n"), media: mediaText}, nil
}

// ready is GET /readyz: the node can serve, or says why not.
func (s *server) ready(c *gin.Context, _ *access.Call) (*answer, error) {
	err := s.Ready(c.Request.Context())
	if err == nil {
		lines := append([]string{"ready"}, s.Notes(c.Request.Context())...)
		return &answer{status: http.StatusOK, body: []byte(strings.Join(lines, "\n") + "\n"), media: mediaText}, nil
	}
	exchangeOf(c).cause = err
	c.Header("Retry-After", retryAfter)
	reason := "The node is not ready."
	var words *fhir.Error
	if errors.As(err, &words) && words.Detail != "" {
		reason = words.Detail
	}
	return &answer{status: http.StatusServiceUnavailable, body: []byte(reason + "\n"), media: mediaText}, nil
}

// measurements is GET /metrics, for agents that the gate lets operate the node.
func (s *server) measurements(c *gin.Context, call *access.Call) (*answer, error) {
	if err := s.Gate.Operate(c.Request.Context(), call, "metrics"); err != nil {
		return nil, err
	}
	families, err := s.Registry.Gather()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			return nil, err
		}
	}
	return &answer{status: http.StatusOK, body: text.Bytes(), media: string(expfmt.NewFormat(expfmt.TypeTextPlain))}, nil
}
