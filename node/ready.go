package node

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// ready names the reasons why the node cannot serve. It stops naming one when the cause is
// gone.
func (n *Node) ready(ctx context.Context) error {
	var reasons []string
	for _, j := range n.journals() {
		if j.Err() != nil {
			reasons = append(reasons, "no checkpoint can be made of "+j.Source())
		}
	}
	if n.policy.Problem() != nil || n.proposed != nil && n.proposed() != nil {
		reasons = append(reasons, "the policy folder does not compile or fails its tests; the policies before it are in force")
	}
	writes, decides := n.trials.of(ctx, n)
	if writes != nil || n.gate.Unrecorded() {
		reasons = append(reasons, "records cannot be written")
	}
	if decides != nil {
		reasons = append(reasons, "the policies in force cannot decide a question that was asked; it is refused")
	}
	if n.damaged.Load() {
		reasons = append(reasons, "the scrubber found records or resources that were changed")
	}
	if why := n.bridge.contradicted(); why != "" {
		reasons = append(reasons, why)
	}
	select {
	case <-n.home.lost():
		reasons = append(reasons, "another process has taken this node's place")
	default:
	}
	if len(reasons) == 0 {
		return nil
	}
	return &fhir.Error{Kind: fhir.Unavailable, Detail: strings.Join(reasons, "; ") + ".", Err: errors.Join(writes, decides)}
}

const (
	// trialEvery is for how long an outcome counts: anybody may ask for it.
	trialEvery = time.Second
	// trialTimeout bounds a trial.
	trialTimeout = 5 * time.Second
)

// trials are how the node's attempts to write and to decide ended.
type trials struct {
	mu              sync.Mutex
	last            time.Time
	writes, decides error
}

// of tries again, unless the last time is only a moment ago.
func (t *trials) of(ctx context.Context, n *Node) (writes, decides error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.last) >= trialEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialTimeout)
		defer cancel()
		t.writes, t.decides, t.last = n.store.Probe(ctx), n.policy.Failing(ctx), time.Now()
	}
	return t.writes, t.decides
}
