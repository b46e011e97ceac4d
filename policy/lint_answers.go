package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/aceso-health/aceso/labels"
)

// lintAnswers: literal answers must be of the right type and from the closed lists,
// whether or not a rule uses them.
func lintAnswers(m *ast.Module) (errs ast.Errors) {
	ast.WalkTerms(m, func(t *ast.Term) bool {
		o, ok := t.Value.(ast.Object)
		if !ok {
			return false
		}
		if v := o.Get(ast.StringTerm("allow")); v != nil && isLiteral(v) {
			if _, ok := v.Value.(ast.Boolean); !ok {
				errs = append(errs, ast.NewError(lintCode, v.Location, "allow must be true or false, not %v", v))
			}
		}
		if v := o.Get(ast.StringTerm("reason")); v != nil && isLiteral(v) {
			if why := reasonOf.refuses(v.Value); why != "" {
				errs = append(errs, ast.NewError(lintCode, v.Location, why, v))
			}
		}
		return false
	})
	return errs
}

func isLiteral(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.String, ast.Boolean, ast.Number, ast.Null:
		return true
	}
	return false
}

// part is what a term is within the answer of the policies.
type part string

const (
	wholeAnswer part = "decision"
	reasonOf    part = "reason"
	modeOf      part = "consent"
	dutiesOf    part = "obligations"
	rowsOf      part = "constraints"
	oneRow      part = "a constraint"
	oneLabel    part = "the constraint labels"
	oneSecrecy  part = "the constraint labels.confidentiality"
	oneLevel    part = "the constraint labels.confidentiality.max"
	oneTag      part = "the constraint labels.without"
	oneSearch   part = "the constraint search"
	otherPart   part = ""
)

// field is what the field of a name is within the part; ok is false if there is none.
func (p part) field(name string) (field part, ok bool) {
	switch p {
	case wholeAnswer:
		switch part(name) {
		case reasonOf, modeOf, dutiesOf, rowsOf:
			return part(name), true
		}
		return otherPart, name == "allow"
	case rowsOf:
		switch name {
		case "types", "compartment", "shared_types", "uncompartmented", "owner", "author":
			return oneRow, true
		case "labels":
			return oneLabel, true
		case "search":
			return oneSearch, true
		}
		return otherPart, false
	case oneLabel:
		switch name {
		case "confidentiality":
			return oneSecrecy, true
		case "without":
			return oneTag, true
		}
		return otherPart, false
	case oneSecrecy:
		return oneLevel, name == "max"
	}
	return otherPart, true
}

// refuses says why a literal cannot be this part of an answer, with a place for it.
func (p part) refuses(v ast.Value) string {
	s, ok := v.(ast.String)
	word := string(s)
	switch {
	case p == reasonOf && (!ok || Reasons()[word] == ""):
		return "unknown reason code %v"
	case p == modeOf && (!ok || word != Forbids && word != Permits && word != None):
		return "unknown consent mode %v"
	case p == dutiesOf && !ok:
		return "unknown obligation %v"
	case p.narrows() && ok && word == "":
		return "the constraint %v is empty: it would not narrow anything"
	case ok:
		return p.refusesWord(word)
	}
	return ""
}

// refusesWord is refuses for what constraints have beside names.
func (p part) refusesWord(word string) string {
	switch p {
	case dutiesOf:
		if err := obliges(word); err != nil {
			return strings.ReplaceAll(err.Error(), "%", "%%") + ", in the obligation %v"
		}
	case oneLabel:
		if !isLabel(word) {
			return "%v is not a security label like system|code"
		}
	case oneLevel:
		if _, err := labels.Above(word); err != nil {
			return "the highest confidentiality must be N or R, not %v"
		}
	case oneTag:
		if _, err := labels.Sensitivity(word); err != nil {
			return "%v is neither a sensitivity of v3-ActCode nor a label like system|code"
		}
	case oneSearch:
		if !restrictsSome(word) {
			return "%v cannot be enforced for any type: see docs/scopes.md for what can"
		}
	}
	return ""
}

// narrows says whether a part is a constraint, which must not be empty.
func (p part) narrows() bool {
	return slices.Contains([]part{oneRow, oneLabel, oneSecrecy, oneLevel, oneTag, oneSearch}, p)
}

// lists says whether the members of a list of this part are looked at.
func (p part) lists() bool { return p == dutiesOf || p == oneLabel || p == oneTag }

// lintFlow follows the decision back to the literals that it is made of: through rules,
// variables, functions of policies and object.union. None may be outside the closed
// lists of reasons, consent modes, obligations, fields and constraints.
func lintFlow(compiler *ast.Compiler) ast.Errors {
	f := flow{compiler: compiler, seen: map[string]bool{}}
	f.rules(ast.MustParseRef(entrypoint), wholeAnswer)
	return f.errs
}

// flow is one walk.
type flow struct {
	compiler *ast.Compiler
	seen     map[string]bool
	errs     ast.Errors
}

func (f *flow) fault(at *ast.Location, format string, value any) {
	f.errs = append(f.errs, ast.NewError(lintCode, at, format, value))
}

// once says whether the walk has not been here.
func (f *flow) once(what string, p part) bool {
	key := string(p) + " " + what
	before := f.seen[key]
	f.seen[key] = true
	return !before
}

// rules follows every rule at or below a reference.
func (f *flow) rules(ref ast.Ref, p part) {
	fixed := ref.ConstantPrefix()
	if !f.once(fixed.String(), p) {
		return
	}
	for _, r := range f.compiler.GetRules(fixed) {
		inner, ok := f.below(r.Ref(), len(fixed), p)
		for ; ok && r != nil; r = r.Else {
			f.term(r.Head.Value, inner, r)
			f.term(r.Head.Key, inner, r)
		}
	}
}

// below is the part that a rule makes, of which the first terms of its path make p.
func (f *flow) below(path ast.Ref, terms int, p part) (part, bool) {
	switch len(path) {
	case terms:
		return p, true
	case terms + 1:
		return f.member(path[terms], p)
	}
	return otherPart, false
}

// member is the part that a key of an object leads to.
func (f *flow) member(key *ast.Term, p part) (part, bool) {
	name, literal := key.Value.(ast.String)
	if !literal {
		return otherPart, false
	}
	inner, ok := p.field(string(name))
	if !ok {
		f.fault(key.Location, "the "+string(p)+" has no field %v", key)
	}
	return inner, ok && inner != otherPart
}

// term follows a value in a rule.
func (f *flow) term(t *ast.Term, p part, in *ast.Rule) {
	if t == nil || p == otherPart {
		return
	}
	switch v := t.Value.(type) {
	case ast.Object:
		f.object(v, p, in)
	case *ast.Array:
		f.list(v, v.Len(), p, in)
	case ast.Set:
		f.list(v, v.Len(), p, in)
	case ast.Ref:
		if v.HasPrefix(ast.DefaultRootRef) {
			f.rules(v, p)
		} else if p.lists() && len(v) == 2 { // some word in list
			f.term(v[0], p, in)
		}
	case ast.Var:
		f.variable(t, p, in)
	default:
		if why := p.refuses(v); isLiteral(t) && why != "" {
			f.fault(t.Location, why, t)
		}
	}
}

func (f *flow) object(o ast.Object, p part, in *ast.Rule) {
	switch p {
	case oneLabel, oneSecrecy:
		if o.Len() == 0 {
			f.fault(in.Location, "the constraint %v is empty: it would not narrow anything", "{}")
		}
	case wholeAnswer, rowsOf:
	default:
		return
	}
	o.Foreach(func(k, v *ast.Term) {
		if inner, ok := f.member(k, p); ok {
			f.term(v, inner, in)
		}
	})
}

// list follows the members of a list of obligations; a constraint must have some.
func (f *flow) list(list interface{ Foreach(func(*ast.Term)) }, size int, p part, in *ast.Rule) {
	switch {
	case p.lists() && size > 0:
		list.Foreach(func(t *ast.Term) { f.term(t, p, in) })
	case p.narrows() && size == 0:
		f.fault(in.Location, "the constraint %v is empty: it would not narrow anything", "[]")
	}
}

// variable follows a variable to what it stands for: an argument of its function, or
// what the body of the rule gives it.
func (f *flow) variable(t *ast.Term, p part, in *ast.Rule) {
	for i, arg := range in.Head.Args {
		if arg.Equal(t) {
			f.calls(in.Ref(), i, p)
		}
	}
	if !f.once(in.Location.String()+" "+t.String(), p) {
		return
	}
	ast.WalkExprs(in.Body, func(e *ast.Expr) bool {
		f.expression(e, t, p, in)
		return false
	})
}

// expression follows a variable that an expression of a body gives a value.
func (f *flow) expression(e *ast.Expr, variable *ast.Term, p part, in *ast.Rule) {
	operands := e.Operands()
	if !e.IsCall() || len(operands) == 0 {
		return
	}
	last := operands[len(operands)-1]
	switch operator := e.Operator(); {
	case e.IsEquality() || e.IsAssignment():
		for i, side := range operands[:2] {
			if side.Equal(variable) {
				f.term(operands[1-i], p, in)
			}
		}
	case !last.Equal(variable):
	case operator.HasPrefix(ast.DefaultRootRef):
		f.rules(operator, p)
	case operator.Equal(ast.ObjectUnion.Ref()):
		f.term(operands[0], p, in)
		f.term(operands[1], p, in)
	}
}

// calls follows an argument of a function to all places that call it.
func (f *flow) calls(function ast.Ref, argument int, p part) {
	if !f.once(fmt.Sprint(function, argument), p) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(f.compiler.Modules)) {
		ast.WalkRules(f.compiler.Modules[name], func(r *ast.Rule) bool {
			ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
				if e.IsCall() && e.Operator().Equal(function) && argument < len(e.Operands()) {
					f.term(e.Operand(argument), p, r)
				}
				return false
			})
			return false
		})
	}
}
