package node

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/access"
)

const (
	indexPoll   = 2 * time.Second // how often a node asks whether there is something to index
	replanEvery = 30              // polls, after which it reads the SearchParameters, too
)

// index makes the search keys of custom parameters, or watches another node make them. A node
// that ends goes on where it was.
func (n *Node) index(ctx context.Context) {
	failed := false
	report := func(err error) {
		if err != nil && !failed && ctx.Err() == nil {
			n.log.Error("search keys of custom parameters could not be made: it is tried again", "error", err)
		}
		failed = err != nil
	}
	report(n.indexOnce(ctx, true))
	for poll := 1; ; poll++ {
		select {
		case <-ctx.Done():
			return
		case <-n.gate.Indexable():
		case <-time.After(indexPoll):
		}
		report(n.indexOnce(ctx, poll%replanEvery == 0))
	}
}

// indexOnce goes on until nothing is left to do.
func (n *Node) indexOnce(ctx context.Context, replan bool) error {
	if replan {
		if err := n.gate.Replan(ctx); err != nil {
			return err
		}
	}
	for {
		more, err := n.gate.Rekey(ctx)
		if err != nil || !more || ctx.Err() != nil {
			return err
		}
	}
}

// indexing tells how far custom parameters are, for /metrics.
type indexing struct{ gate *access.Gate }

var (
	indexedDone  = prometheus.NewDesc("aceso_search_parameter_indexed_resources", "Resources that have the keys of a custom search parameter that is being indexed.", []string{"parameter"}, nil)
	indexedTotal = prometheus.NewDesc("aceso_search_parameter_resources", "Resources that will have them.", []string{"parameter"}, nil)
	indexedReady = prometheus.NewDesc("aceso_search_parameter_ready", "1 if searches can use a custom search parameter.", []string{"parameter"}, nil)
)

// Describe implements prometheus.Collector.
func (i indexing) Describe(c chan<- *prometheus.Desc) {
	c <- indexedDone
	c <- indexedTotal
	c <- indexedReady
}

// Collect implements prometheus.Collector.
func (i indexing) Collect(c chan<- prometheus.Metric) {
	for _, one := range i.gate.Indexed() {
		ready := 0.0
		if one.State == "ready" {
			ready = 1
		}
		c <- prometheus.MustNewConstMetric(indexedDone, prometheus.GaugeValue, float64(one.Done), one.ID)
		c <- prometheus.MustNewConstMetric(indexedTotal, prometheus.GaugeValue, float64(one.Total), one.ID)
		c <- prometheus.MustNewConstMetric(indexedReady, prometheus.GaugeValue, ready, one.ID)
	}
}
