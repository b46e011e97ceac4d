package access

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aceso-health/aceso/store"
)

// Explanation is how the resources of one type are found.
type Explanation = store.Explanation

// Explain says how a search would be answered, to those whom the policy lets operate the
// node. The question is recorded like a search: the record names whom it singles out. No
// resource is looked at, and of how many there are, powers of ten are told.
func (g *Gate) Explain(ctx context.Context, c *Call, s SearchRequest) ([]store.Explanation, error) {
	return answer(ctx, g, c, func(r *review) ([]store.Explanation, error) {
		query, _, malformed := r.parse(ctx, searchQuestion(s.Type), &s)
		_, err := r.ask(ctx, question{"operations", "r", s.Type})
		if err = cmp.Or(err, malformed); err != nil {
			return nil, err
		}
		if err := r.unhidden(ctx, query); err != nil {
			return nil, err
		}
		explainer, ok := g.Store.(store.Explainer)
		if !ok {
			return nil, unavailable("plan cannot be told", errors.New("the store does not explain"))
		}
		var all []store.Explanation
		err = r.turns(ctx, r.call.spend(), func(ctx context.Context) (err error) {
			all, err = explainer.Explain(ctx, store.Search{Query: query, Work: r.call.spend()})
			return err
		})
		if err != nil {
			return nil, unavailable("plan cannot be told", err)
		}
		for i := range all {
			for k := range all[i].Steps {
				r.rename(all[i].Steps[k].Parameters)
			}
		}
		return all, nil
	})
}

// rename gives custom parameters their codes, and what has no parameter its meaning.
func (r *review) rename(names []string) {
	for i, name := range names {
		for _, p := range r.plan.Params {
			name = strings.ReplaceAll(name, p.Key, p.Code)
		}
		name = strings.ReplaceAll(name, "¤cpt", "(compartment)")
		names[i] = strings.ReplaceAll(name, "¤pt", "(patient and code)")
	}
}
