package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// standings are the sizes of each log, sorted by source. They ask the store, so nothing
// is locked meanwhile.
func (b *bridge) standings(ctx context.Context) []ledgerbridge.Standing {
	b.mu.Lock()
	journals := slices.Collect(maps.Values(b.journals))
	b.mu.Unlock()
	var all []ledgerbridge.Standing
	for _, j := range journals {
		if s, err := j.Standing(ctx); err == nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b ledgerbridge.Standing) int { return strings.Compare(a.Source, b.Source) })
	return all
}

// contradicted is the reason why the node must not be relied on, "" without one.
func (b *bridge) contradicted() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.anchors {
		var denied *ledgerbridge.Contradiction
		if errors.As(a.Err(), &denied) {
			return "the ledger contradicts the log " + denied.Source
		}
	}
	return ""
}

// writable refuses changes when the ledger contradicts the node, or when records have
// waited for longer than the operator allows. Every change asks, so it does no I/O:
// watch looks at the records.
func (b *bridge) writable() error {
	if why := b.contradicted(); why != "" {
		return &fhir.Error{Kind: fhir.Unavailable, Detail: "This server accepts no changes: " + why + "."}
	}
	if b.overdue.Load() {
		return &fhir.Error{Kind: fhir.Unavailable, Detail: "This server accepts no changes until its records are on the ledger again, which cannot be reached."}
	}
	return nil
}

// notes are lines for /readyz about records that wait.
func (b *bridge) notes(ctx context.Context) []string {
	var lines []string
	if b.overdue.Load() {
		lines = append(lines, "WARNING: "+takesNoChanges)
	}
	for _, s := range b.standings(ctx) {
		if s.Waiting == 0 {
			continue
		}
		age := time.Since(s.Oldest).Round(time.Second)
		line := fmt.Sprintf("%s: %d records wait for the ledger, the oldest for %s", s.Source, s.Waiting, age)
		if s.Waiting == 1 {
			line = fmt.Sprintf("%s: 1 record waits for the ledger, for %s", s.Source, age)
		}
		if b.Warn > 0 && age > b.Warn {
			line = "WARNING: " + line
		}
		lines = append(lines, line)
	}
	return lines
}

// mostAwaiting is how many clients may wait at a time; others get "pending" at once.
const mostAwaiting = 1000

// await waits for the anchors of records, and returns the value of X-Aceso-Anchor.
func (b *bridge) await(ctx context.Context, receipts []string) string {
	if len(receipts) == 0 {
		return ""
	}
	defer b.awaiting.Add(-1)
	if b.awaiting.Add(1) > mostAwaiting {
		return "pending"
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.serving, cancel)()
	var last ledgerbridge.Anchor
	for _, text := range receipts {
		receipt, err := ledgerbridge.ParseReceipt(text)
		if err != nil {
			return "pending"
		}
		b.mu.Lock()
		j := b.journals[receipt.Source]
		b.mu.Unlock()
		if j == nil {
			return "pending"
		}
		anchor, ok := j.AwaitAnchor(ctx, receipt.Seq)
		if !ok {
			return "pending"
		}
		if anchor.Block >= last.Block {
			last = anchor
		}
	}
	return fmt.Sprintf("committed; transaction=%s; block=%d", last.Transaction, last.Block)
}

// answerWaiting answers clients that wait for an anchor: the server stops, and their
// writes are done.
func (b *bridge) answerWaiting() { b.dontWait() }

// watch checks periodically how long records have waited. It logs once that it is too
// long, and stops or allows changes.
func (b *bridge) watch(ctx context.Context) {
	if b.Warn == 0 && b.ReadOnly == 0 {
		return
	}
	said := map[string]bool{}
	b.look(ctx, said)
	for range every(ctx, b.lookEvery()) {
		b.look(ctx, said)
	}
}

// lookEvery is well below the limits that are set.
func (b *bridge) lookEvery() time.Duration {
	every := time.Minute
	for _, limit := range []time.Duration{b.Warn, b.ReadOnly} {
		if limit > 0 {
			every = min(every, limit/4)
		}
	}
	return max(time.Second, every)
}

func (b *bridge) look(ctx context.Context, said map[string]bool) {
	overdue := false
	for _, s := range b.standings(ctx) {
		beyond := func(limit time.Duration) bool { return limit > 0 && s.Waiting > 0 && time.Since(s.Oldest) > limit }
		if beyond(b.Warn) && !said[s.Source] {
			b.log.Error("records have waited for the ledger for too long", "source", s.Source, "waiting", s.Waiting, "since", s.Oldest, "error", s.Err)
		}
		said[s.Source] = beyond(b.Warn)
		overdue = overdue || beyond(b.ReadOnly)
	}
	switch was := b.overdue.Swap(overdue); {
	case overdue && !was:
		b.log.Error(takesNoChanges)
	case was && !overdue:
		b.log.Info("changes are accepted again")
	}
}

const takesNoChanges = "changes are refused until records are on the ledger again"

// Describe implements prometheus.Collector: waiting records are counted on demand.
func (b *bridge) Describe(c chan<- *prometheus.Desc) {
	c <- waitingRecords
	c <- oldestAge
}

var (
	waitingRecords = prometheus.NewDesc("aceso_anchor_waiting_records", "Records that are not on the ledger yet.", []string{"source"}, nil)
	oldestAge      = prometheus.NewDesc("aceso_anchor_oldest_seconds", "Age of the oldest record that is not on the ledger yet.", []string{"source"}, nil)
)

// Collect implements prometheus.Collector.
func (b *bridge) Collect(c chan<- prometheus.Metric) {
	for _, s := range b.standings(context.Background()) {
		var age float64
		if s.Waiting > 0 {
			age = time.Since(s.Oldest).Seconds()
		}
		c <- prometheus.MustNewConstMetric(waitingRecords, prometheus.GaugeValue, float64(s.Waiting), s.Source)
		c <- prometheus.MustNewConstMetric(oldestAge, prometheus.GaugeValue, age, s.Source)
	}
}

func (b *bridge) register(registry *prometheus.Registry) {
	b.metrics.Register(registry)
	registry.MustRegister(b)
}
