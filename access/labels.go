package access

import (
	"context"
	"errors"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/labels"
	"github.com/aceso-health/aceso/store"
)

// label notes which labels a version has by the rules in force. It is asked of everything
// before it is judged, so that new rules bind at once, the past included; the keys of the
// index follow (see store.Plan), and until then count for nothing.
func (r *review) label(ctx context.Context, f *fhir.Facts) error {
	if r.plan == nil {
		if _, err := r.keyed(ctx); err != nil {
			return err
		}
	}
	r.plan.label(f)
	return nil
}

func (p *customPlan) label(f *fhir.Facts) { p.rules.Apply(f, p.Labels.Number) }

// labelled says whether the labels of all resources can be told by their keys.
func (p *customPlan) labelled() bool { return p.rules == nil || p.Labels.Ready }

// labelRules are the rules that are wanted now, "" if there are none.
func (g *Gate) labelRules(ctx context.Context) (string, error) {
	row, err := g.Store.Kept(ctx, labels.Space, labels.Key)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	choice, err := labels.ParseChoice(row.Value)
	if err != nil {
		return "", err
	}
	rules, err := labels.Resolve(choice)
	return string(rules), err
}

// Relabel puts the rules that are wanted in force for every later request of this node, and
// lets the index follow; other nodes learn of them when they next look at the plan.
func (g *Gate) Relabel(ctx context.Context) error {
	if err := g.Replan(ctx); err != nil {
		return err
	}
	select {
	case g.custom.work <- struct{}{}:
	default:
	}
	return nil
}

// Labelled is how far the index follows the rules in force.
func (g *Gate) Labelled(ctx context.Context) (labels.Progress, error) {
	p, err := g.readPlan(ctx)
	if err != nil {
		return labels.Progress{}, unavailable("rules of labels cannot be read", err)
	}
	how := labels.Progress{State: "none"}
	switch {
	case p.rules == nil:
	case p.Labels.Ready:
		how.State = "ready"
	default:
		how.State = "building"
		for _, pass := range p.Passes {
			how.Done, how.Total = how.Done+pass.Done, how.Total+pass.Total
		}
	}
	return how, nil
}
