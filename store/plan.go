package store

import (
	"context"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// Plan says which custom search parameters resources have keys of, and how far the pass is
// that gives those written before their keys. The zero Plan has none.
type Plan struct {
	Number int64     `json:"number"` // counts the changes of Params: a change or a query made by another one is ErrChanged
	Turn   int64     `json:"turn"`   // counts all changes of the plan
	Params []Planned `json:"params,omitempty"`
	Passes []Pass    `json:"passes,omitempty"` // still to be made, the first one first
	Holder string    `json:"holder,omitempty"` // who made the last portion of a pass
	Labels Labelling `json:"labels,omitzero"`
}

// Labelling says by which rules resources have security labels beside those of their
// documents, and whether all have the keys of these. The zero Labelling has no rules.
type Labelling struct {
	Rules  string `json:"rules,omitempty"`  // as package labels writes them
	Number int64  `json:"number,omitempty"` // of the plan that began with them: it names them
	Ready  bool   `json:"ready,omitempty"`
}

// relabel is the labelling of a later plan with rules.
func (l Labelling) relabel(rules string, number int64) (next Labelling, changed bool) {
	switch {
	case rules == l.Rules:
		return l, false
	case rules == "":
		return Labelling{}, true // keys of rules that are gone mean nothing
	}
	return Labelling{Rules: rules, Number: number}, true
}

// Planned is a parameter of a Plan.
type Planned struct {
	search.Custom
	Ready  bool   `json:"ready,omitempty"`  // all resources have its keys: searches can use it
	Failed string `json:"failed,omitempty"` // why its keys are not made
}

// Pass goes through the resources of a type in the order of their places.
type Pass struct {
	Type  string `json:"type"`
	After int64  `json:"after"` // the place of the last resource that was done
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // about how many there are, once it is known
}

// Indexer is a store that makes search keys anew while it serves.
type Indexer interface {
	// Plan returns the plan, from a snapshot that will last.
	Plan(ctx context.Context) (Plan, error)
	// Amend replaces the plan, or answers ErrChanged if its turn is no longer the one before
	// next.Turn. No change that was made by a plan with another number is committed after it.
	Amend(ctx context.Context, next Plan) error
	// Rekey gives up to limit further resources of the first pass the custom keys that keys
	// makes, in place of those that they have, and returns the plan with how far that is; all
	// of it or nothing. It answers ErrChanged like Amend. A resource that changes meanwhile has
	// its keys already. An error of keys ends it.
	Rekey(ctx context.Context, p Plan, limit int, keys MakeKeys) (Plan, error)
}

// MakeKeys makes the custom keys of a resource. base is the base URL that its other keys were
// made with.
type MakeKeys func(doc *fhir.Resource, base string) (*search.Index, error)

// Replan is the plan for other parameters and rules of labels. Those that stay go on as they
// are; the types of others, and of other rules all types, are gone through from the beginning.
// It is p itself if nothing is different.
func (p Plan) Replan(params []Planned, rules string) (next Plan, changed bool) {
	var types []string
	next = Plan{Number: p.Number + 1, Turn: p.Turn + 1, Holder: p.Holder, Params: slices.Clone(params)}
	for i := range next.Params {
		n := &next.Params[i]
		if old := p.planned(n.Key); old == nil || old.Failed != n.Failed {
			types = append(types, n.Bases...)
		} else {
			n.Ready = old.Ready
		}
	}
	for _, old := range p.Params {
		if next.planned(old.Key) == nil {
			types = append(types, old.Bases...)
		}
	}
	if next.Labels, changed = p.Labels.relabel(rules, next.Number); changed && rules != "" {
		types = fhir.ResourceTypes()
	}
	if len(types) == 0 && !changed {
		return p, false
	}
	for _, pass := range p.Passes {
		if !slices.Contains(types, pass.Type) {
			next.Passes = append(next.Passes, pass)
		}
	}
	slices.Sort(types)
	for _, typ := range slices.Compact(types) {
		next.Passes = append(next.Passes, Pass{Type: typ})
	}
	return next, true
}

func (p *Plan) planned(key string) *Planned {
	for i := range p.Params {
		if p.Params[i].Key == key {
			return &p.Params[i]
		}
	}
	return nil
}

// Again is the plan that makes all keys anew.
func (p Plan) Again() Plan {
	labels := p.Labels
	p.Labels = Labelling{}
	next, _ := p.Replan(nil, labels.Rules)
	params := slices.Clone(p.Params)
	for i := range params {
		params[i].Ready = false
	}
	next.Params = params
	return next
}

// Advance is the plan once n resources of the first pass up to a place are done; done says
// that these were the last.
func (p Plan) Advance(place, n int64, done bool) Plan {
	p.Turn++
	p.Passes, p.Params = slices.Clone(p.Passes), slices.Clone(p.Params)
	if !done {
		p.Passes[0].After, p.Passes[0].Done = place, p.Passes[0].Done+n
		return p
	}
	p.Passes = p.Passes[1:]
	p.Labels.Ready = p.Labels.Rules != "" && (p.Labels.Ready || len(p.Passes) == 0)
	for i := range p.Params {
		one := &p.Params[i]
		waits := slices.ContainsFunc(p.Passes, func(pass Pass) bool { return slices.Contains(one.Bases, pass.Type) })
		one.Ready = one.Ready || one.Failed == "" && !waits
	}
	return p
}

// Customs compiles what there should be keys of. What this program cannot compile, though
// another one could, is left out until the plan is made anew: it must not end all requests.
func (p *Plan) Customs(compile search.Compile) (*search.Customs, error) {
	ready := map[string]bool{}
	var all []search.Custom
	for _, one := range p.Params {
		always := func(*search.Custom) bool { return true }
		if _, err := search.CompileCustoms(p.Number, []search.Custom{one.Custom}, always, compile); err == nil && one.Failed == "" {
			all = append(all, one.Custom)
			ready[one.Key] = one.Ready
		}
	}
	return search.CompileCustoms(p.Number, all, func(c *search.Custom) bool { return ready[c.Key] }, compile)
}
