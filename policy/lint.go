package policy

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// lintCode marks our own findings among the compiler's.
const lintCode = "aceso_lint_error"

// lint finds code that compiles but would not do what its author means. All
// findings are errors: a policy with one of them does not go into force.
func lint(compiler *ast.Compiler, modules map[string]*ast.Module, document map[string]any) ast.Errors {
	errs := lintDefault(compiler)
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		errs = append(errs, lintWith(modules[name])...)
		errs = append(errs, lintAnswers(modules[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(compiler.Modules)) {
		errs = append(errs, lintData(compiler, compiler.Modules[name], document)...)
	}
	return append(errs, lintFlow(compiler)...)
}

// lintDefault: the decision must exist, and deny by default.
func lintDefault(compiler *ast.Compiler) ast.Errors {
	for _, r := range compiler.GetRulesExact(ast.MustParseRef(entrypoint)) {
		if !r.Default {
			continue
		}
		if o, ok := r.Head.Value.Value.(ast.Object); ok {
			if allow := o.Get(ast.StringTerm("allow")); allow != nil && allow.Value.Compare(ast.Boolean(false)) == 0 {
				return nil
			}
		}
		return ast.Errors{ast.NewError(lintCode, r.Location, "the default decision must be an object with \"allow\": false")}
	}
	return ast.Errors{ast.NewError(lintCode, nil, "package aceso.access must have a default decision")}
}

// lintWith: "with" replaces input or data for a part of a rule; a policy with it
// would decide about another request.
func lintWith(m *ast.Module) (errs ast.Errors) {
	ast.WalkWiths(m, func(w *ast.With) bool {
		errs = append(errs, ast.NewError(lintCode, w.Location, "\"with\" belongs into tests, not into policies"))
		return false
	})
	return errs
}

// lintData: a reference to missing data or to a missing rule is always undefined,
// so that "not" before it is always true.
func lintData(compiler *ast.Compiler, m *ast.Module, document map[string]any) (errs ast.Errors) {
	seen := map[string]bool{}
	ast.WalkRefs(m, func(r ast.Ref) bool {
		if !r.HasPrefix(ast.DefaultRootRef) || seen[r.String()] {
			return false
		}
		seen[r.String()] = true
		if path := literalPath(r); !hasRule(compiler.RuleTree, path) && !hasData(document, path) {
			errs = append(errs, ast.NewError(lintCode, r[0].Location, "%v refers to no rule and no data", r))
		}
		return false
	})
	return errs
}

// literalPath is the part of a reference that is known before evaluation.
func literalPath(r ast.Ref) []string {
	var path []string
	for _, t := range r[1:] {
		s, ok := t.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(s))
	}
	return path
}

// hasRule says whether a path leads to a package, a rule, or into a rule's value.
func hasRule(n *ast.TreeNode, path []string) bool {
	if n = n.Child(ast.DefaultRootDocument.Value); n == nil {
		return false
	}
	for _, name := range path {
		if len(n.Values) > 0 {
			return true
		}
		if n = n.Child(ast.String(name)); n == nil {
			return false
		}
	}
	return true
}

// hasData says whether a path leads to data.
func hasData(v any, path []string) bool {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if v, ok = m[name]; !ok {
			return false
		}
	}
	return true
}

// readsTime says whether a policy can see input.now: by name, by a name computed
// at run time, or because it takes the whole input.
func readsTime(compiler *ast.Compiler) bool {
	found := false
	input := ast.InputRootDocument.Value
	for _, m := range compiler.Modules {
		visitor := ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case ast.Ref:
				if x[0].Value.Compare(input) != 0 {
					return false
				}
				found = found || !timeless(x)
				for _, t := range x[1:] {
					ast.WalkRefs(t, func(inner ast.Ref) bool {
						found = found || inner[0].Value.Compare(input) == 0 && !timeless(inner)
						return false
					})
				}
				return true
			case ast.Var:
				found = found || x.Compare(input) == 0
			}
			return found
		})
		visitor.Walk(m)
	}
	return found
}

// timeless: a reference into the input by a fixed name other than now.
func timeless(r ast.Ref) bool {
	if len(r) < 2 {
		return false
	}
	name, ok := r[1].Value.(ast.String)
	return ok && name != "now"
}
