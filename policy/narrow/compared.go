package narrow

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// generic are functions that only compare the texts in their arguments, or move them.
const generic = ` eq equal assign neq internal.member_2 internal.member_3 count object.union object.union_n object.get object.keys
object.remove object.filter object.subset union intersection and or minus set_diff array.concat is_array is_boolean is_null
is_number is_object is_set is_string type_name all any `

func isGeneric(name string) bool {
	return strings.Contains(strings.ReplaceAll(generic, "\n", " "), " "+name+" ")
}

// keeps says whether the texts in what a function returns are texts of its arguments.
func keeps(name string) bool { return isGeneric(name) || name == parsesTime }

const parsesTime = "time.parse_rfc3339_ns"

// orders compare times.
func orders(name string) bool { return strings.Contains(" lt lte gt gte ", " "+name+" ") }

// truth says whether a function returns true or false, or a number of things: no texts.
func truth(b *ast.Builtin) bool {
	switch b.Decl.Result().(type) {
	case types.Boolean:
		return true
	case types.Number:
		return b.Name != parsesTime
	}
	return false
}

// compare collects what the expressions of a rule may compare.
func (f *flow) compare(path string, r *ast.Rule) {
	for i, arg := range r.Head.Args {
		o := *f.at(place{path: path, argument: i + 1})
		f.together(o, f.of(arg, r))
	}
	f.together(*f.at(place{path: path}))
	ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
		if e.IsCall() && f.rules[e.Operator().String()] != nil {
			return false
		}
		f.together(f.within(e, r))
		return false
	})
}

// within are the origins of all values in an expression: of its terms, of what it looks
// up, and of the names under which it does.
func (f *flow) within(x any, r *ast.Rule) (all origin) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Ref:
			all.add(f.ref(x, r))
			for _, t := range x[1:] {
				if !scalar(t.Value) {
					all.add(f.within(t, r))
				}
			}
			return true
		case *ast.Term:
			all.add(f.of(x, r))
		}
		return false
	}).Walk(x)
	return all
}

// together notes that texts of all these origins may be compared.
func (f *flow) together(origins ...origin) {
	var all origin
	for _, o := range origins {
		all.add(o)
	}
	if all.attrs != 0 {
		f.compared = append(f.compared, all)
	}
}

// check finds what no proof can take apart.
func (f *flow) check() error {
	for _, o := range f.compared {
		if o.literals[derived] {
			return &gap{"a text that a function makes is compared with the request's " + o.attrs.String()}
		}
	}
	var found error
	f.eachRule(func(_ string, r *ast.Rule) {
		if found == nil {
			found = f.checkRule(r)
		}
	})
	return found
}

func (f *flow) checkRule(r *ast.Rule) (found error) {
	fail := func(at *ast.Location, format string, args ...any) {
		if found == nil {
			if at == nil {
				at = r.Location
			}
			found = &gap{fmt.Sprintf("%s:%d ", at.File, at.Row) + fmt.Sprintf(format, args...)}
		}
	}
	eachRef(r, func(ref ast.Ref) {
		if why := f.checkRef(ref); why != "" {
			fail(ref[0].Location, "%s", why)
		}
	})
	ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
		if why := f.checkCall(e, r); why != "" {
			fail(e.Location, "%s", why)
		}
		return false
	})
	for _, t := range append([]*ast.Term{r.Head.Key, r.Head.Value}, r.Head.Args...) {
		if t != nil && computes(t) { // the compiler moves it into the body, where it is watched
			fail(r.Location, "has a head that computes something")
		}
	}
	ast.WalkTerms(r, func(t *ast.Term) bool {
		if c, ok := t.Value.(*ast.ArrayComprehension); ok && f.of(c.Term, r).attrs&^closed != 0 {
			fail(t.Location, "puts the request's %s in order", f.of(c.Term, r).attrs)
		}
		return false
	})
	return found
}

// computes says whether a term is more than values and variables.
func computes(t *ast.Term) (found bool) {
	ast.WalkTerms(t, func(t *ast.Term) bool {
		switch t.Value.(type) {
		case ast.Ref, ast.Call, *ast.SetComprehension, *ast.ArrayComprehension, *ast.ObjectComprehension:
			found = true
		}
		return found
	})
	return found
}

// eachRef visits all references, and input and data where they stand alone.
func eachRef(x any, visit func(ast.Ref)) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Ref:
			visit(x)
			for _, t := range x[1:] {
				eachRef(t, visit)
			}
			return true
		case ast.Var:
			if x == "input" || x == "data" {
				visit(ast.Ref{ast.NewTerm(x)})
			}
		}
		return false
	}).Walk(x)
}

func (f *flow) checkRef(ref ast.Ref) string {
	switch {
	case ref.HasPrefix(ast.InputRootRef):
		if _, ok := attributeOf(ref); !ok && !covered(ref) {
			return fmt.Sprintf("reads %v in a way that cannot be taken apart", ref)
		}
	case ref.HasPrefix(ast.DefaultRootRef) && f.rulePath(ref) == "":
		if _, err := f.document.Find(ref.ConstantPrefix()[1:]); err != nil {
			return fmt.Sprintf("refers to %v, of which nothing is known", ref)
		}
		for path := range f.rules {
			if rest, ok := strings.CutPrefix(path, ref.ConstantPrefix().String()); ok && (rest[0] == '.' || rest[0] == '[') {
				return fmt.Sprintf("refers to all of %v", ref.ConstantPrefix())
			}
		}
	}
	return ""
}

// checkCall: functions that look into a text of the request, or do arithmetic with its
// time, cannot be cut.
func (f *flow) checkCall(e *ast.Expr, r *ast.Rule) string {
	if !e.IsCall() || f.rules[e.Operator().String()] != nil {
		return ""
	}
	name := e.Operator().String()
	var attrs set
	for _, t := range e.Operands() {
		attrs |= f.of(t, r).attrs
	}
	switch {
	case attrs&^closed == 0, isGeneric(name):
		return ""
	case attrs == 1<<now && (orders(name) || name == parsesTime):
		return ""
	}
	return fmt.Sprintf("uses the function %s on the request's %s", strings.TrimPrefix(name, "internal."), attrs)
}

// String names the attributes.
func (s set) String() string {
	var all []string
	s.each(func(a attribute) { all = append(all, names[a]) })
	return strings.Join(all, ", ")
}
