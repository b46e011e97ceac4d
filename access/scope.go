package access

import (
	"context"
	"fmt"
	"reflect"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// CheckScopes reads a scope claim and refuses one with search parameters that the gate
// cannot enforce. The error is for whoever asked for the scope.
func (g *Gate) CheckScopes(claim string) ([]agent.Scope, error) {
	scopes, err := agent.ParseScopes(claim)
	if err != nil {
		return nil, err
	}
	for i := range scopes {
		if err := g.CheckScope(&scopes[i]); err != nil {
			return nil, err
		}
	}
	return scopes, nil
}

// CheckScope refuses a scope with search parameters that the gate cannot enforce.
func (g *Gate) CheckScope(s *agent.Scope) error {
	if s.Query == "" {
		return nil
	}
	if _, err := g.constraint(s); err != nil {
		return fmt.Errorf("%s cannot be enforced: %w", s, err)
	}
	return nil
}

// constraint is what the parameters of a scope require of a resource.
func (g *Gate) constraint(s *agent.Scope) (search.Condition, error) {
	var params []fhir.Param
	for _, p := range s.Params() {
		params = append(params, fhir.Param{Name: p.Name, Value: p.Value})
	}
	return search.ParseConstraint(s.Type, params, g.Base)
}

// searches says whether a decision is about rows that satisfy search parameters of scopes or
// of the policy: then rights are what counts.
func (r *review) searches(d *policy.Decision) bool {
	return r.granular || d.Constraints.Search != ""
}

// right is one way in which a question is permitted: by a decision, for what satisfies a
// condition.
type right struct {
	policy.Decision
	where search.Condition // nil: anything
	name  string           // of where, once it was asked for
}

// byRows says whether a question is about rows, each of which is judged: only then do scopes
// with search parameters count.
func byRows(interaction string) bool {
	switch interaction {
	case "read", "vread", "meta", "history-instance", "history-type", "search-type", "everything",
		"create", "update", "patch", "delete", "validate", "expand", "validate-code", "lookup", "subsumes", "translate":
		return true
	}
	return false
}

// scopes are those of the caller as the policy sees them: it does not know search parameters.
// Where no row is judged, those that have some count for nothing.
func (r *review) scopes(q question) []agent.Scope {
	if !r.granular {
		return r.call.Agent.Scopes
	}
	return bare(r.call.Agent.Scopes, q)
}

// bare are scopes as the policy sees them where some have search parameters.
func bare(scopes []agent.Scope, q question) []agent.Scope {
	all := make([]agent.Scope, 0, len(scopes))
	for _, s := range scopes {
		if s.Query == "" || byRows(q.interaction) {
			s.Query = ""
			all = append(all, s)
		}
	}
	return all
}

// rights are the ways in which a question is permitted, where search parameters count: what
// the scopes without any permit by themselves, and what each of those that have some permits,
// for what satisfies its condition. What the policy requires must hold in each.
func (r *review) rights(ctx context.Context, q question) ([]right, error) {
	if r.ways == nil {
		r.ways = map[question][]right{}
	}
	if known, ok := r.ways[q]; ok {
		return known, nil
	}
	all, err := r.rightsOf(ctx, q)
	if err == nil {
		r.ways[q] = all
	}
	return all, err
}

func (r *review) rightsOf(ctx context.Context, q question) (all []right, err error) {
	add := func(scopes []agent.Scope, where search.Condition) error {
		d := r.decideBy(ctx, q, scopes)
		if d.Reason == tooSlow {
			return r.refuse(d)
		}
		if d.Allow {
			one, err := r.right(ctx, q, d, where)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	}
	if !r.granular {
		d := r.decide(ctx, q)
		if d.Reason == tooSlow {
			return nil, r.refuse(d)
		}
		one, err := r.right(ctx, q, d, nil)
		return []right{one}, err
	}
	var whole []agent.Scope
	for _, s := range r.call.Agent.Scopes {
		if s.Query == "" {
			whole = append(whole, s)
		}
	}
	if err := add(whole, nil); err != nil {
		return nil, err
	}
	for _, s := range r.call.Agent.Scopes {
		if s.Query == "" || s.Type != q.typ || !byRows(q.interaction) {
			continue
		}
		where, err := r.gate.constraint(&s)
		if err != nil { // tokens with such scopes are refused; it permits nothing
			r.gate.Log.Error("a scope cannot be enforced: it permits nothing", "request", r.call.Request, "error", err)
			continue
		}
		if err := r.bindable(ctx, q, &s); err != nil {
			return nil, err
		}
		s.Query = ""
		if err := add([]agent.Scope{s}, where); err != nil {
			return nil, err
		}
	}
	return joined(all), nil
}

// right is what a decision permits for what satisfies a condition and what the policy
// requires. What it requires is known to be enforceable: its engine refuses the rest.
func (r *review) right(ctx context.Context, q question, d policy.Decision, where search.Condition) (right, error) {
	if d.Constraints.Search == "" {
		return right{Decision: d, where: where}, nil
	}
	by := agent.Scope{Type: q.typ, Query: d.Constraints.Search}
	if err := r.bindable(ctx, q, &by); err != nil {
		return right{}, err
	}
	required, err := r.gate.constraint(&by)
	if err != nil {
		return right{}, unavailable("a constraint of the policy cannot be enforced", err)
	}
	if where == nil {
		return right{Decision: d, where: required}, nil
	}
	return right{Decision: d, where: search.All{where, required}}, nil
}

// mayBeInSomeWay is mayBe where search parameters count.
func (r *review) mayBeInSomeWay(ctx context.Context, q question, row store.Row, actions []string) (bool, error) {
	ways, err := r.rights(ctx, q)
	if err != nil {
		return false, err
	}
	for i := range ways {
		by := &ways[i]
		if !within(by.Constraints, q, row) {
			continue
		}
		may, err := row.Within && len(ways) == 1, error(nil)
		if !may {
			may, err = r.holds(ctx, by, row)
		}
		if err == nil && may {
			may, err = r.agreed(ctx, by.Decision, actions, row)
		}
		if err != nil || may {
			return may, err
		}
	}
	return false, nil
}

// joined are rights without those that others have: of the same decision, the one for
// anything, or one for what satisfies any of the conditions.
func joined(all []right) (some []right) {
next:
	for _, one := range all {
		for i := range some {
			switch has := &some[i]; {
			case !alike(&has.Decision, &one.Decision):
			case has.where == nil:
				continue next
			default:
				has.where = search.Any{has.where, one.where}
				continue next
			}
		}
		some = append(some, one)
	}
	return some
}

// alike says whether two decisions judge rows alike.
func alike(a, b *policy.Decision) bool {
	return a.Consent == b.Consent && reflect.DeepEqual(a.Constraints, b.Constraints)
}

// requires is what is required of each row that may be visible: for the stores, see
// store.Within.
func (r *review) requires(ctx context.Context, interaction, action string) store.Within {
	return func(typ string) search.Condition {
		q := question{interaction, action, typ}
		if d := r.decide(ctx, q); !r.searches(&d) {
			return nil
		}
		all, err := r.rights(ctx, q)
		if err != nil || len(all) == 0 {
			return nil
		}
		var some search.Any
		for i := range all {
			if all[i].where == nil {
				return nil
			}
			some = append(some, all[i].where)
		}
		if len(some) == 1 {
			return some[0]
		}
		return some
	}
}

// narrowed says whether some rows are hidden by search parameters.
func (r *review) narrowed(ctx context.Context, q question) bool {
	return r.requires(ctx, q.interaction, q.action)(q.typ) != nil
}

// holds says whether a version satisfies the condition of a right by itself: by the search keys
// that are stored with it or, of a past one, by its document. One that is deleted is judged by
// what it was. What a version that may be shown satisfies is remembered: it never changes.
func (r *review) holds(ctx context.Context, by *right, row store.Row) (bool, error) {
	if by.where == nil {
		return true, nil
	}
	shown, is := row.Content.(*content)
	if !is || row.Deleted {
		return r.satisfies(ctx, by.where, row)
	}
	if by.name == "" {
		by.name = fmt.Sprintf("%#v", by.where)
	}
	key := append(append(make([]byte, 0, 256), shown.Hash[:]...), by.name...)
	if held, known := recall(&r.gate.held, key); known {
		return held, nil
	}
	held, err := r.satisfies(ctx, by.where, row)
	if err == nil {
		r.gate.held.put(string(key), held)
	}
	return held, err
}

// satisfies is holds for a condition.
func (r *review) satisfies(ctx context.Context, where search.Condition, row store.Row) (bool, error) {
	version := row.Version
	if row.Deleted {
		version--
	} else if row.Content != nil {
		holds, known, err := row.Content.Holds(where)
		if err != nil {
			return false, unavailable("what a resource holds cannot be read", err)
		}
		if known {
			return holds, nil
		}
		document, err := row.Content.Document()
		if err == nil && document != nil {
			return search.Holds(where, document, r.gate.Base)
		}
	}
	v, err := r.gate.Store.GetVersion(ctx, row.Ref, version)
	if err != nil || v.Body == nil {
		return false, unavailable("what a resource holds cannot be read", err)
	}
	return search.Holds(where, v.Body, r.gate.Base)
}

// content is what a version holds.
type content store.Version

// Holds implements store.Content.
func (c *content) Holds(where search.Condition) (holds, known bool, err error) {
	if c.Content == nil {
		return false, false, nil
	}
	return c.Content.Holds(where)
}

// Document implements store.Content.
func (c *content) Document() ([]byte, error) { return c.Body, nil }

// written is what a version will hold.
type written struct{ index *search.Index }

// Holds implements store.Content.
func (w written) Holds(c search.Condition) (holds, known bool, err error) {
	return search.Match(c, search.Holder{Index: w.index}, nil), true, nil
}

// Document implements store.Content.
func (w written) Document() ([]byte, error) { return nil, nil }
