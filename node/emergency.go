package node

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/emergency"
)

// emergencies keeps declared emergencies through the gate.
func (n *Node) emergencies() *emergency.Desk {
	return &emergency.Desk{Keeper: gateRows{keptRows{n.store}, n.gate}, Now: time.Now}
}

// overdue is the line of /readyz about emergencies that nobody has judged in time.
func (n *Node) overdue(ctx context.Context) []string {
	_, overdue, err := n.emergencies().Waiting(ctx)
	if err != nil || overdue == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d declared emergencies have waited for the judgement of the privacy office for more than %.0f hours", overdue, emergency.ReviewIn.Hours())}
}

// emergencyFigures are the numbers of cases that wait; it implements prometheus.Collector.
type emergencyFigures struct{ desk *emergency.Desk }

func waitingFigure() *prometheus.Desc {
	return prometheus.NewDesc("aceso_emergencies_waiting", "Declared emergencies that the privacy office has not judged.", nil, nil)
}

func overdueFigure() *prometheus.Desc {
	return prometheus.NewDesc("aceso_emergencies_overdue", "Declared emergencies that should have been judged.", nil, nil)
}

// Describe implements prometheus.Collector.
func (emergencyFigures) Describe(to chan<- *prometheus.Desc) {
	to <- waitingFigure()
	to <- overdueFigure()
}

// figuresTimeout bounds what a scrape waits for the store.
const figuresTimeout = 5 * time.Second

// Collect implements prometheus.Collector.
func (f emergencyFigures) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), figuresTimeout)
	defer cancel()
	waiting, overdue, err := f.desk.Waiting(ctx)
	if err != nil { // absent rather than an error: the other figures count
		return
	}
	to <- prometheus.MustNewConstMetric(waitingFigure(), prometheus.GaugeValue, float64(waiting))
	to <- prometheus.MustNewConstMetric(overdueFigure(), prometheus.GaugeValue, float64(overdue))
}
