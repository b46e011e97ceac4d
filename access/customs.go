package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/custom"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/labels"
	"github.com/aceso-health/aceso/store"
)

const searchParameter = "SearchParameter"

// customs remembers the plan of custom search parameters, until the store says that it is
// another one.
type customs struct {
	mu      sync.Mutex
	current *customPlan
	idle    idleHolder
	work    chan struct{} // has one element if there may be keys to make
}

// Indexable has an element when a change may have left keys to make.
func (g *Gate) Indexable() <-chan struct{} { return g.custom.work }

// customPlan is a plan and what it compiles to.
type customPlan struct {
	store.Plan
	compiled *search.Customs
	rules    *labels.Rules
}

// idleHolder watches whether the node that makes search keys goes on.
type idleHolder struct {
	turn  int64
	since time.Time
}

// holderLife is after how long another node goes on with the keys of one that stands still.
const holderLife = 10 * time.Second

// indexer is the store, if it keeps keys of custom parameters.
func (g *Gate) indexer() (store.Indexer, bool) {
	i, ok := g.Store.(store.Indexer)
	return i, ok
}

// keyed is the plan by which this attempt makes and reads keys.
func (r *review) keyed(ctx context.Context) (*search.Customs, error) {
	if r.plan != nil {
		return r.plan.compiled, nil
	}
	p, err := r.gate.planned(ctx)
	if err != nil {
		return nil, unavailable("search parameters cannot be read", err)
	}
	r.plan = p
	return p.compiled, nil
}

// planned is the plan that is remembered, or that of the store.
func (g *Gate) planned(ctx context.Context) (*customPlan, error) {
	g.custom.mu.Lock()
	p := g.custom.current
	g.custom.mu.Unlock()
	if p != nil {
		return p, nil
	}
	return g.readPlan(ctx)
}

func (g *Gate) readPlan(ctx context.Context) (*customPlan, error) {
	indexer, ok := g.indexer()
	if !ok {
		return &customPlan{}, nil
	}
	p, err := indexer.Plan(ctx)
	if err != nil {
		return nil, err
	}
	return g.remember(p)
}

// remember compiles a plan, and keeps it unless a later one is there.
func (g *Gate) remember(p store.Plan) (*customPlan, error) {
	compiled, err := p.Customs(custom.Compile)
	if err != nil {
		return nil, fmt.Errorf("compile search parameters: %w", err)
	}
	rules, err := labels.Compile(json.RawMessage(p.Labels.Rules))
	if err != nil {
		return nil, err
	}
	made := &customPlan{p, compiled, rules}
	if rules != nil {
		compiled.Rule(&search.Ruled{Number: p.Labels.Number, Apply: func(f *fhir.Facts) error { made.label(f); return nil }})
	}
	g.custom.mu.Lock()
	defer g.custom.mu.Unlock()
	switch old := g.custom.current; {
	case old != nil && old.Turn == p.Turn:
		return old, nil
	case old == nil || old.Turn < p.Turn:
		g.custom.current = made
	}
	return made, nil
}

// forgetPlan lets the next request read the plan: the store has found that something was
// worked out by what has changed.
func (g *Gate) forgetPlan() {
	g.custom.mu.Lock()
	defer g.custom.mu.Unlock()
	g.custom.current = nil
}

// definable refuses an active SearchParameter that cannot be searched by.
func (t *change) definable(ctx context.Context, s *step) error {
	if s.Ref.Type != searchParameter {
		return nil
	}
	c, active, err := search.ReadCustom(s.stamped, custom.Compile)
	if err != nil || !active {
		return err
	}
	if _, err := t.keyed(ctx); err != nil {
		return err
	}
	var others []search.Custom
	for _, p := range t.review.plan.Params {
		others = append(others, p.Custom)
	}
	for _, other := range t.steps {
		if other == s || other.stamped == nil || other.Ref.Type != searchParameter {
			continue
		}
		if o, active, err := search.ReadCustom(other.stamped, custom.Compile); err == nil && active {
			others = append(slices.DeleteFunc(others, func(p search.Custom) bool { return p.ID == o.ID }), o)
		}
	}
	return c.Clash(others)
}

// definitionsChanged plans keys anew after a SearchParameter was written. It is not for the
// client that this may fail: the background work does it, too.
func (g *Gate) definitionsChanged(ctx context.Context, ops []Operation) {
	if !slices.ContainsFunc(ops, func(op Operation) bool { return op.Ref.Type == searchParameter && op.Method != "GET" }) {
		return
	}
	if err := g.Replan(context.WithoutCancel(ctx)); err != nil {
		g.Log.Warn("search parameters could not be read after one was written: it is tried again", "error", err)
	}
	select {
	case g.custom.work <- struct{}{}:
	default:
	}
}

// replans is how often it is tried to change a plan that others change, too.
const replans = 50

// Replan lets there be keys of the SearchParameters that are active now.
func (g *Gate) Replan(ctx context.Context) error {
	indexer, ok := g.indexer()
	if !ok {
		return nil
	}
	for try := 0; ; try++ {
		before, err := indexer.Plan(ctx) // before the SearchParameters: they are not older
		if err != nil {
			return err
		}
		params, err := g.activeCustoms(ctx)
		if err != nil {
			return err
		}
		for i := range params {
			for _, old := range before.Params {
				if old.Key == params[i].Key {
					params[i].Failed = old.Failed
				}
			}
		}
		rules, err := g.labelRules(ctx)
		if err != nil {
			return err
		}
		next, changed := before.Replan(params, rules)
		if changed {
			err = indexer.Amend(ctx, next)
		}
		if errors.Is(err, store.ErrChanged) && try < replans {
			continue
		}
		if err == nil {
			_, err = g.remember(next)
		}
		return err
	}
}

// activeCustoms reads the active SearchParameters, the oldest first. What cannot be beside
// those before it is left out.
func (g *Gate) activeCustoms(ctx context.Context) (params []store.Planned, err error) {
	query, err := search.ParseQuery(searchParameter, []fhir.Param{{Name: "status", Value: "active"}}, search.QueryOptions{})
	if err != nil {
		return nil, err
	}
	everything := func(store.Row) (bool, error) { return true, nil }
	var all []search.Custom
	for after := []byte(nil); ; {
		page, err := g.Store.Search(ctx, store.Search{Query: query, Visible: everything, Limit: maximumCount, After: after, Bytes: MaxAnswer})
		if err != nil {
			return nil, err
		}
		for _, v := range page.Matches {
			c, active, err := custom.Read(v.Body)
			var unfit *fhir.Error
			if err != nil && !errors.As(err, &unfit) {
				return nil, err
			}
			if err == nil && active && c.Clash(all) == nil {
				all, params = append(all, c), append(params, store.Planned{Custom: c})
			}
		}
		if after = page.Next; after == nil {
			return params, nil
		}
	}
}

// rekeyedAtOnce is how many resources get their keys in one transaction.
const rekeyedAtOnce = 500

// Rekey gives some more resources their keys, if any need them and no other node is about it;
// more says that it is worth going on at once.
func (g *Gate) Rekey(ctx context.Context) (more bool, err error) {
	indexer, ok := g.indexer()
	if !ok {
		return false, nil
	}
	p, err := g.readPlan(ctx)
	if err != nil || len(p.Passes) == 0 || !g.holds(&p.Plan) {
		return false, err
	}
	p.Holder = g.Node
	next, err := indexer.Rekey(ctx, p.Plan, rekeyedAtOnce, p.compiled.Keys)
	var fault *search.CustomFault
	switch {
	case errors.Is(err, store.ErrChanged):
		return true, nil
	case errors.As(err, &fault):
		return true, g.giveUp(ctx, indexer, p.Plan, fault)
	case err != nil:
		return false, err
	}
	_, err = g.remember(next)
	return len(next.Passes) > 0, err
}

// holds says whether this node is the one that makes keys, or takes over from one that
// stands still.
func (g *Gate) holds(p *store.Plan) bool {
	if p.Holder == "" || p.Holder == g.Node {
		return true
	}
	g.custom.mu.Lock()
	defer g.custom.mu.Unlock()
	if w := &g.custom.idle; w.turn != p.Turn {
		*w = idleHolder{p.Turn, g.Now()}
		return false
	}
	return g.Now().Sub(g.custom.idle.since) > holderLife
}

// giveUp ends the making of the keys of a parameter that a resource does not fit: the one at
// fault, or, of several together, the youngest.
func (g *Gate) giveUp(ctx context.Context, indexer store.Indexer, p store.Plan, fault *search.CustomFault) error {
	params := slices.Clone(p.Params)
	at := slices.IndexFunc(params, func(one store.Planned) bool { return one.Key == fault.Key })
	for i := range params {
		if fault.Key == "" && params[i].Failed == "" && slices.Contains(params[i].Bases, p.Passes[0].Type) {
			at = i
		}
	}
	if at < 0 {
		return fault
	}
	params[at].Failed = fault.Error()
	g.Log.Warn("a search parameter is not used: a resource does not fit it", "parameter", params[at].Code, "type", p.Passes[0].Type, "reason", fault.Error())
	next, _ := p.Replan(params, p.Labels.Rules)
	if err := indexer.Amend(ctx, next); err != nil && !errors.Is(err, store.ErrChanged) {
		return err
	}
	_, err := g.readPlan(ctx)
	return err
}

// Customs are the custom search parameters as they are now; nil if they cannot be read.
func (g *Gate) Customs(ctx context.Context) *search.Customs {
	p, err := g.planned(ctx)
	if err != nil {
		return nil
	}
	return p.compiled
}

// Indexing is how far it is that a custom search parameter can be used.
type Indexing struct {
	ID, URL, Code string
	Types         []string
	State         string // ready, building or failed
	Reason        string // why it has failed
	Done, Total   int64  // resources of the types that are gone through now; Total is not known at first
}

// Indexed says of each custom search parameter how far it is, as this node has seen it last.
func (g *Gate) Indexed() (all []Indexing) {
	g.custom.mu.Lock()
	p := g.custom.current
	g.custom.mu.Unlock()
	if p == nil {
		return nil
	}
	for _, one := range p.Params {
		i := Indexing{ID: one.ID, URL: one.URL, Code: one.Code, Types: one.Bases, State: "building", Reason: one.Failed}
		switch {
		case one.Failed != "":
			i.State = "failed"
		case one.Ready:
			i.State = "ready"
		}
		for _, pass := range p.Passes {
			if i.State == "building" && slices.Contains(one.Bases, pass.Type) {
				i.Done, i.Total = i.Done+pass.Done, i.Total+pass.Total
			}
		}
		all = append(all, i)
	}
	return all
}

// IndexProgress is Indexed for those whom the policy lets operate the node.
func (g *Gate) IndexProgress(ctx context.Context, c *Call) ([]Indexing, error) {
	if err := g.Operate(ctx, c, "operations"); err != nil {
		return nil, err
	}
	if _, err := g.readPlan(ctx); err != nil {
		return nil, unavailable("search parameters cannot be read", err)
	}
	return g.Indexed(), nil
}
