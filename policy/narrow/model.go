package narrow

import (
	"context"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/aceso-health/aceso/policy"
)

// model is one revision, made ready to be watched while it decides.
type model struct {
	candidate *policy.Candidate
	flow      *flow
	query     rego.PreparedEvalQuery
	watched   []*watched
	answer    set // attributes of which texts may be in the decision
}

// watched is an expression, and what is known of it before it is evaluated; or, without an
// expression, the end of a rule.
type watched struct {
	expr      *ast.Expr
	rule      *ast.Rule
	variables []ast.Var
	name      string   // of the function that it calls, "" if none
	called    bool     // that function is one of the policies
	origin    []origin // of its operands
	whole     set      // attributes whose texts it may compare in ways that are not followed
	refs      []reference
	types     int           // the operand that becomes the type of a covered scope, -1 if none
	heads     [][]ast.Value // texts that the called rules ask of each operand
}

// parse reads a revision for a proof.
func parse(c *policy.Candidate) (*parsed, error) {
	modules, document, err := c.Parsed()
	if err != nil {
		return nil, err
	}
	return &parsed{modules, document}, replaceScopes(modules)
}

func newModel(ctx context.Context, c *policy.Candidate, p *parsed) (*model, error) {
	compiler, err := policy.Compiled(p.modules)
	if err != nil {
		return nil, err
	}
	f, err := newFlow(compiler, p.document)
	if err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	m := &model{candidate: c, flow: f, answer: f.at(place{path: "data.aceso.access.decision"}).attrs}
	arguments := f.typeArguments()
	f.eachRule(func(path string, r *ast.Rule) {
		m.add(&r.Body, r, argumentsOf(r), arguments)
		if o := f.at(place{path: path}); o.attrs != 0 { // its values are compared
			m.see(&r.Body, &watched{rule: r, whole: o.attrs})
		}
	})
	m.query, err = policy.Prepared(ctx, compiler, p.document, rego.Function2(seeing, saw))
	return m, err
}

// seeing is a function that tells a run what is about to be compared. It is always true.
var seeing = &rego.Function{Name: "seen", Decl: types.NewFunction(types.Args(types.N, types.A), types.B)}

// add puts a call of it before each expression of a body that may look at the request,
// also in the bodies of comprehensions. bound are variables that have a value before.
func (m *model) add(body *ast.Body, r *ast.Rule, bound map[ast.Var]bool, arguments map[string]int) {
	before := *body
	*body = nil
	for _, e := range before {
		for _, inner := range comprehended(e) {
			m.add(inner, r, maps.Clone(bound), arguments)
		}
		used := variablesOf(e)
		w := m.flow.watch(e, r, arguments)
		for _, v := range used {
			if bound[v] {
				w.variables = append(w.variables, v)
			}
			bound[v] = bound[v] || !e.Negated
		}
		if w.looks() {
			m.see(body, w)
		}
		body.Append(e)
	}
}

// comprehended are the bodies of comprehensions in an expression, but not those within them.
func comprehended(e *ast.Expr) (bodies []*ast.Body) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Every:
			return true
		case *ast.SetComprehension:
			bodies = append(bodies, &x.Body)
		case *ast.ArrayComprehension:
			bodies = append(bodies, &x.Body)
		case *ast.ObjectComprehension:
			bodies = append(bodies, &x.Body)
		default:
			return false
		}
		return true
	}).Walk(e)
	return bodies
}

// see appends a call to a body.
func (m *model) see(body *ast.Body, w *watched) {
	var values []*ast.Term
	for _, v := range w.variables {
		values = append(values, ast.NewTerm(v))
	}
	body.Append(&ast.Expr{
		Terms:    []*ast.Term{ast.NewTerm(ast.Ref{ast.VarTerm(seeing.Name)}), ast.IntNumberTerm(len(m.watched)), ast.ArrayTerm(values...)},
		Location: w.rule.Location,
	})
	m.watched = append(m.watched, w)
}

// looks says whether an expression may look at the request.
func (w *watched) looks() bool {
	any := w.whole
	for _, o := range w.origin {
		any |= o.attrs
	}
	for _, ref := range w.refs {
		for _, from := range ref.from {
			any |= from
		}
		any |= ref.whole
		if covered(ref.ref) {
			return true
		}
	}
	return any != 0 || w.types >= 0
}

// watch says what is known of an expression.
func (f *flow) watch(e *ast.Expr, r *ast.Rule, arguments map[string]int) *watched {
	w := &watched{expr: e, rule: r, types: -1}
	if every, ok := e.Terms.(*ast.Every); ok {
		ast.WalkTerms(every, func(t *ast.Term) bool { w.whole |= f.of(t, r).attrs; return false })
		return w
	}
	if e.IsCall() {
		w.name = e.Operator().String()
		if rules := f.rules[w.name]; rules != nil {
			w.called, w.heads = true, heads(rules)
		}
		for _, t := range e.Operands() {
			w.origin = append(w.origin, f.of(t, r))
		}
		if i, ok := arguments[w.name]; ok && !f.ownType(e.Operand(i), r, arguments) {
			w.types = i
		}
	}
	outside(e, func(ref ast.Ref) {
		if len(ref) > 1 && !isCalled(e, ref) {
			w.refs = append(w.refs, f.reference(ref, r))
		}
	})
	w.whole |= f.gathered(e, r)
	return w
}

// variablesOf are the variables of an expression outside comprehensions.
func variablesOf(e ast.Node) []ast.Var {
	vars := map[ast.Var]bool{}
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.SetComprehension, *ast.ArrayComprehension, *ast.ObjectComprehension:
			return true
		case ast.Var:
			if x != "input" && x != "data" {
				vars[x] = true
			}
		}
		return false
	}).Walk(e)
	if e, ok := e.(*ast.Expr); ok && e.IsCall() {
		for _, t := range e.Operator() {
			if v, ok := t.Value.(ast.Var); ok {
				delete(vars, v)
			}
		}
	}
	return slices.Sorted(maps.Keys(vars))
}

// argumentsOf are the variables in a rule's head that have values from the start.
func argumentsOf(r *ast.Rule) map[ast.Var]bool {
	vars := map[ast.Var]bool{}
	for _, arg := range r.Head.Args {
		for _, v := range variablesOf(arg) {
			vars[v] = true
		}
	}
	return vars
}

// outside visits the references of an expression, but not those in bodies of comprehensions:
// they are expressions of their own.
func outside(x any, visit func(ast.Ref)) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.SetComprehension, *ast.ArrayComprehension, *ast.ObjectComprehension:
			return true
		case ast.Ref:
			visit(x)
			for _, t := range x[1:] {
				outside(t, visit)
			}
			return true
		}
		return false
	}).Walk(x)
}

func isCalled(e *ast.Expr, ref ast.Ref) bool { return e.IsCall() && e.Operator().Equal(ref) }

// gathered are attributes whose texts an expression gathers in sets or objects, where
// equal ones become one.
func (f *flow) gathered(e *ast.Expr, r *ast.Rule) (all set) {
	head := func(terms ...*ast.Term) {
		for _, t := range terms {
			all |= f.of(t, r).attrs
			eachRef(t, func(ref ast.Ref) {
				for _, index := range ref[1:] {
					all |= f.of(index, r).attrs
				}
			})
		}
	}
	ast.WalkTerms(e, func(t *ast.Term) bool {
		switch v := t.Value.(type) {
		case *ast.SetComprehension:
			head(v.Term)
		case *ast.ArrayComprehension:
			head(v.Term)
		case *ast.ObjectComprehension:
			head(v.Key, v.Value)
		}
		return false
	})
	return all
}

// heads are the texts that rules with one path ask of each operand in their heads; nil for
// an operand that is asked for more than a text.
func heads(rules []*ast.Rule) [][]ast.Value {
	all := make([][]ast.Value, len(rules[0].Head.Args))
	for i := range all {
		all[i] = []ast.Value{}
		for _, r := range rules {
			switch v := r.Head.Args[i].Value.(type) {
			case ast.Var:
			case ast.String, ast.Number, ast.Boolean, ast.Null:
				all[i] = append(all[i], v)
			default:
				all[i] = nil
			}
			if all[i] == nil {
				break
			}
		}
	}
	return all
}

// partial says whether rules make a set or an object member by member.
func partial(rules []*ast.Rule) bool {
	for _, r := range rules {
		if !whole(r) {
			return true
		}
	}
	return false
}

// whole says whether a rule gives all of its value.
func whole(r *ast.Rule) bool {
	return r.Head.DocKind() == ast.CompleteDoc && len(r.Ref()) == len(r.Module.Package.Path)+1
}

// typeArguments are the functions of which an argument becomes the type of a covered
// scope, and the place of that argument.
func (f *flow) typeArguments() map[string]int {
	found := map[string]int{}
	note := func(path string, r *ast.Rule, t *ast.Term) bool {
		if _, ok := found[path]; ok {
			return false
		}
		for i, arg := range r.Head.Args {
			if arg.Equal(t) {
				found[path] = i
				return true
			}
		}
		return false
	}
	for grown := true; grown; {
		grown = false
		f.eachRule(func(path string, r *ast.Rule) {
			ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
				if i, ok := found[calledBy(e)]; ok {
					grown = note(path, r, e.Operand(i)) || grown
				}
				return false
			})
			eachRef(r, func(ref ast.Ref) {
				if covered(ref) {
					grown = note(path, r, ref[3]) || grown
				}
			})
		})
	}
	return found
}

func calledBy(e *ast.Expr) string {
	if !e.IsCall() {
		return ""
	}
	return e.Operator().String()
}

// ownType says whether an operand is the type of the request for sure: it is spelled so,
// is a variable that must be it, or an argument that was looked at where it was given.
func (f *flow) ownType(t *ast.Term, r *ast.Rule, arguments map[string]int) bool {
	own := ast.MustParseTerm("input.type")
	if t.Equal(own) {
		return true
	}
	if i, ok := arguments[pathOf(r)]; ok && i < len(r.Head.Args) && r.Head.Args[i].Equal(t) {
		return true
	}
	is := false
	ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
		if (e.IsEquality() || e.IsAssignment()) && !e.Negated {
			a, b := e.Operand(0), e.Operand(1)
			is = is || a.Equal(t) && b.Equal(own) || b.Equal(t) && a.Equal(own)
		}
		return false
	})
	return is
}
