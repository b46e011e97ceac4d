package narrow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/policy"
)

// run is one combination of texts and facts, and what its evaluation looked at: the box
// of all combinations that are decided alike.
type run struct {
	domain *domain
	texts  [attributes]string
	facts  map[fact]bool // that hold, or that the evaluation looked at
	box    box
	order  []step // in which the box was narrowed

	input    policy.Input // without scopes
	old, new policy.Decision

	model *model          // that is being evaluated
	exits map[string]bool // rules that gave a value
	gap   error
}

// step is one thing that an evaluation looked at: a dimension, or a fact.
type step struct {
	dimension dimension
	fact      *fact
}

// decide evaluates one revision.
func (r *run) decide(ctx context.Context, m *model) (policy.Decision, error) {
	r.model, r.exits = m, map[string]bool{}
	results, err := m.query.Eval(context.WithValue(ctx, running{}, r), rego.EvalParsedInput(r.asked()), rego.EvalRuleIndexing(false))
	if r.gap != nil {
		return policy.Decision{}, r.gap
	}
	if err != nil {
		return policy.Decision{}, &gap{fmt.Sprintf("the policies fail to decide a request: %v", err)}
	}
	d, err := policy.Answered(results)
	if err != nil {
		r.exactly(m.answer)
		d = policy.Decision{Reason: "policy-error"}
	}
	r.spelled(results)
	if r.gap != nil {
		return d, r.gap
	}
	r.shown(d)
	return d, nil
}

// asked is the input with the facts about scopes.
func (r *run) asked() ast.Value {
	covers := ast.NewObject()
	for f, holds := range r.facts {
		if !holds {
			continue
		}
		name := f.typ
		if name == "" {
			name = r.texts[typ]
		}
		inner(inner(covers, name), f.action).Insert(ast.StringTerm(f.context), ast.BooleanTerm(true))
	}
	v := r.input.Value()
	a, _ := v.Find(ast.Ref{ast.StringTerm("agent")})
	if o, ok := a.(ast.Object); ok {
		o.Insert(ast.StringTerm("covered"), ast.NewTerm(covers))
	}
	return v
}

// spelled: where an answer must be a word that the server knows, it cannot be a text of the
// request, of which nothing is known.
func (r *run) spelled(results rego.ResultSet) {
	var words []string
	note := func(v any) { words = append(words, fmt.Sprint(v)) }
	for _, result := range results {
		o, ok := result.Expressions[0].Value.(ast.Object)
		if !ok {
			note(result.Expressions[0].Value)
			continue
		}
		o.Foreach(func(k, v *ast.Term) {
			note(k)
			rows, ok := v.Value.(ast.Object)
			if !ok {
				note(v)
				return
			}
			rows.Foreach(func(k, v *ast.Term) {
				if note(k); k.Equal(ast.StringTerm("labels")) || k.Equal(ast.StringTerm("search")) {
					note(v)
				}
			})
		})
	}
	all := strings.Join(words, " ")
	r.model.answer.each(func(a attribute) {
		if text := r.texts[a]; text != "" && !r.model.flow.spells(text) && strings.Contains(all, strconv.Quote(text)) {
			r.fail("makes words of an answer of the request's %s", names[a])
		}
	})
}

// inner is the object in an object; it is made where there is none.
func inner(o ast.Object, name string) ast.Object {
	if t := o.Get(ast.StringTerm(name)); t != nil {
		if found, ok := t.Value.(ast.Object); ok {
			return found
		}
	}
	made := ast.NewObject()
	o.Insert(ast.StringTerm(name), ast.NewTerm(made))
	return made
}

// shown: a text of the request in the decision is compared with what the other revision
// decides.
func (r *run) shown(d policy.Decision) {
	c := d.Constraints
	all := slices.Concat(c.Types, c.SharedTypes, c.Uncompartmented, c.Labels, d.Obligations, []string{c.Compartment, c.Owner, c.Author, c.Search, d.Reason, d.Consent})
	r.model.answer.each(func(a attribute) {
		if slices.Contains(all, r.texts[a]) {
			r.exactly(1 << a)
		}
	})
}

// where narrows the box to the texts of an attribute that compare alike.
func (r *run) where(a attribute, alike func(text string) bool) {
	d := a.dimension()
	narrowed := false
	for i, c := range r.domain[d] {
		if r.box.choices[d][i] && !alike(c.of(a)) {
			r.box.choices[d][i], narrowed = false, true
		}
	}
	if narrowed && !slices.Contains(r.order, step{dimension: d}) {
		r.order = append(r.order, step{dimension: d})
	}
}

// exactly: nothing is known but that these texts were looked at.
func (r *run) exactly(s set) {
	s.each(func(a attribute) { r.where(a, func(text string) bool { return text == r.texts[a] }) })
}

// single says whether the box has one text of an attribute left.
func (r *run) single(a attribute) bool {
	for i, c := range r.domain[a.dimension()] {
		if r.box.choices[a.dimension()][i] && c.of(a) != r.texts[a] {
			return false
		}
	}
	return true
}

// covers notes that a fact was looked at.
func (r *run) covers(name, action, context string) {
	f := fact{name, action, context}
	switch {
	case name == r.texts[typ]:
		f.typ = ""
	case name != "*" && !agent.IsTypeName(name):
		r.fail("asks whether a scope covers %q", name)
	}
	if len(action) > 1 {
		r.fail("asks whether a scope has the actions %q", action)
	}
	if len(action) == 1 && !strings.Contains(letters, action) {
		return
	}
	if _, ok := r.box.facts[f]; ok {
		return
	}
	r.box.facts[f] = r.facts[f]
	r.order = append(r.order, step{fact: &f})
}

func (r *run) fail(format string, args ...any) {
	if r.gap == nil {
		r.gap = &gap{"a policy " + fmt.Sprintf(format, args...)}
	}
}

// running is the key of a run in the context of its evaluation.
type running struct{}

// saw is the function that policies call before they look at the request.
func saw(b rego.BuiltinContext, number, values *ast.Term) (*ast.Term, error) {
	r, ok := b.Context.Value(running{}).(*run)
	i, isNumber := number.Value.(ast.Number)
	n, known := i.Int()
	list, isList := values.Value.(*ast.Array)
	if !ok || !isNumber || !known || !isList || n >= len(r.model.watched) {
		return nil, topdown.Halt{Err: errors.New("the evaluation is not watched")}
	}
	if w := r.model.watched[n]; w.expr == nil {
		r.left(w)
	} else {
		r.sees(w, list)
	}
	if r.gap != nil {
		return nil, topdown.Halt{Err: r.gap}
	}
	return ast.BooleanTerm(true), nil
}

// left: several values of one rule are compared with each other.
func (r *run) left(w *watched) {
	path := pathOf(w.rule)
	if r.exits[path] || !whole(w.rule) {
		r.exactly(w.whole)
	}
	r.exits[path] = true
}
