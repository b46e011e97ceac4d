package fabric

import "github.com/prometheus/client_golang/prometheus"

// Metrics measure all shippers of a node. Their only labels are sources and causes:
// nothing in them is about a person.
type Metrics struct {
	durations *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	alarms    *prometheus.GaugeVec
}

// NewMetrics makes the metrics; Register adds them to a registry.
func NewMetrics() *Metrics {
	return &Metrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "aceso_anchor_duration_seconds",
			Help:    "Time from sealing a batch to its valid transaction on the ledger.",
			Buckets: []float64{.05, .1, .2, .3, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600},
		}, []string{"source"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aceso_anchor_retries_total", Help: "Attempts to anchor that failed and are tried again, by cause.",
		}, []string{"source", "cause"}),
		alarms: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "aceso_ledger_alarm", Help: "1 if the ledger contradicts this node, or somebody else anchors its logs.",
		}, []string{"source"}),
	}
}

// Register adds them to a registry.
func (m *Metrics) Register(r *prometheus.Registry) {
	r.MustRegister(m.durations, m.failures, m.alarms)
}
