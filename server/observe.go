package server

import (
	"cmp"
	"log/slog"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the measurements of the server itself.
type metrics struct {
	durations *prometheus.HistogramVec
	throttled *prometheus.CounterVec
	refused   *prometheus.CounterVec
	alarms    prometheus.Counter
}

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "aceso_request_duration_seconds",
			Help:    "Time from the request's header to the end of the answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "route", "status"}),
		throttled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aceso_throttled_requests_total",
			Help: "Requests refused because their agent, own system or address asks for too much.",
		}, []string{"client"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aceso_refused_authentications_total",
			Help: "Requests without a usable token (unauthenticated), or with one whose claims are not accepted (forbidden).",
		}, []string{"kind"}),
		alarms: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aceso_refused_authentication_alarms_total",
			Help: "Minutes in which more than 100 authentications of one address were refused, added up over addresses.",
		}),
	}
	r.MustRegister(m.durations, m.throttled, m.refused, m.alarms)
	return m
}

// observe measures every request and logs it in one line. The line has the route's
// pattern, never the path or the query: they name patients.
func (s *server) observe(c *gin.Context) {
	start := time.Now()
	c.Next()
	elapsed, status, route := time.Since(start), c.Writer.Status(), cmp.Or(c.FullPath(), "none")
	s.metrics.durations.WithLabelValues(method(c), route, strconv.Itoa(status)).Observe(elapsed.Seconds())
	x := exchangeOf(c)
	attrs := append(make([]slog.Attr, 0, 8),
		slog.String("method", method(c)),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Duration("duration", elapsed),
		slog.String("request", x.id),
	)
	if x.known {
		attrs = append(attrs, slog.String("organization", x.call.Agent.Organization), slog.String("role", x.call.Agent.Role))
	}
	level := slog.LevelInfo
	if x.refused != nil {
		level, attrs = slog.LevelWarn, append(attrs, x.refused...)
	}
	if x.cause != nil {
		level, attrs = slog.LevelError, append(attrs, slog.String("cause", x.cause.Error()))
	}
	s.Logger.LogAttrs(c.Request.Context(), level, "request", attrs...)
}

// method is the request's method if it is a common one: clients can send any word, and
// each would become a label of the metrics.
func method(c *gin.Context) string {
	switch m := c.Request.Method; m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}
