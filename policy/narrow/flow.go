package narrow

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// origin is where the texts in a value may come from.
type origin struct {
	attrs    set
	literals map[string]bool
}

// derived among the literals says that a function made texts that are written nowhere.
const derived = "\x00derived"

func (o *origin) add(p origin) (grown bool) {
	if p.attrs&^o.attrs != 0 {
		o.attrs, grown = o.attrs|p.attrs, true
	}
	for text := range p.literals {
		if !o.literals[text] {
			if o.literals == nil {
				o.literals = map[string]bool{}
			}
			o.literals[text], grown = true, true
		}
	}
	return grown
}

// place holds values: a variable of a rule, the value of rules of one path, an argument
// of a function.
type place struct {
	rule     *ast.Rule
	variable ast.Var
	path     string
	argument int
}

// flow follows the texts of a request through policies: where each value may come from,
// and what each attribute is compared with. It says more rather than less.
type flow struct {
	compiler *ast.Compiler
	document ast.Value
	text     string // all of the policies and their data
	rules    map[string][]*ast.Rule
	places   map[place]*origin
	data     map[string]origin
	compared []origin
	grown    bool
}

func newFlow(compiler *ast.Compiler, document map[string]any) (*flow, error) {
	v, err := ast.InterfaceToValue(document)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	f := &flow{
		compiler: compiler, document: v, text: string(text),
		rules: map[string][]*ast.Rule{}, places: map[place]*origin{}, data: map[string]origin{},
	}
	for _, name := range slices.Sorted(maps.Keys(compiler.Modules)) {
		f.text += compiler.Modules[name].String()
		for _, r := range compiler.Modules[name].Rules {
			path := pathOf(r)
			for ; r != nil; r = r.Else {
				f.rules[path] = append(f.rules[path], r)
			}
		}
	}
	for f.grown = true; f.grown; {
		f.grown = false
		f.eachRule(f.follow)
	}
	f.eachRule(f.compare)
	return f, nil
}

// pathOf is where the values of a rule are found: its package and its name. Rules with
// longer paths make one object together.
func pathOf(r *ast.Rule) string {
	return r.Ref()[:len(r.Module.Package.Path)+1].String()
}

func (f *flow) eachRule(visit func(path string, r *ast.Rule)) {
	for _, path := range slices.Sorted(maps.Keys(f.rules)) {
		for _, r := range f.rules[path] {
			visit(path, r)
		}
	}
}

func (f *flow) at(p place) *origin {
	o := f.places[p]
	if o == nil {
		o = &origin{}
		f.places[p] = o
	}
	return o
}

func (f *flow) put(p place, o origin) {
	if f.at(p).add(o) {
		f.grown = true
	}
}

// follow follows one rule once.
func (f *flow) follow(path string, r *ast.Rule) {
	for i, arg := range r.Head.Args {
		f.bind(arg, *f.at(place{path: path, argument: i + 1}), r)
	}
	ast.WalkExprs(r.Body, func(e *ast.Expr) bool {
		f.expression(e, r)
		return false
	})
	value := f.of(r.Head.Value, r)
	value.add(f.of(r.Head.Key, r))
	for _, t := range r.Head.Reference[1:] {
		value.add(f.of(t, r))
	}
	f.put(place{path: path}, value)
}

// bind lets the variables of a term have what comes from o.
func (f *flow) bind(t *ast.Term, o origin, r *ast.Rule) {
	ast.WalkVars(t, func(v ast.Var) bool {
		f.put(place{rule: r, variable: v}, o)
		return false
	})
}

func (f *flow) expression(e *ast.Expr, r *ast.Rule) {
	if every, ok := e.Terms.(*ast.Every); ok {
		o := f.of(every.Domain, r)
		f.bind(every.Key, o, r)
		f.bind(every.Value, o, r)
		return
	}
	ast.WalkRefs(e, func(ref ast.Ref) bool { f.indexes(ref, r); return false })
	if !e.IsCall() {
		return
	}
	operands := e.Operands()
	path := e.Operator().String()
	switch rules := f.rules[path]; {
	case rules != nil:
		arity := len(rules[0].Head.Args)
		for i, t := range operands[:min(arity, len(operands))] {
			f.put(place{path: path, argument: i + 1}, f.of(t, r))
		}
		if len(operands) > arity {
			f.bind(operands[arity], *f.at(place{path: path}), r)
		}
	case e.IsEquality() || e.IsAssignment():
		f.bind(operands[0], f.of(operands[1], r), r)
		f.bind(operands[1], f.of(operands[0], r), r)
	default:
		f.builtin(e, r)
	}
}

// indexes lets a variable that runs through a value have what is in it.
func (f *flow) indexes(ref ast.Ref, r *ast.Rule) {
	o := f.ref(ref, r)
	for _, t := range ref[1:] {
		if v, ok := t.Value.(ast.Var); ok {
			f.put(place{rule: r, variable: v}, o)
		}
	}
}

// builtin lets the result of a function have what its arguments have, or, of one that
// makes texts, texts of which nothing is known.
func (f *flow) builtin(e *ast.Expr, r *ast.Rule) {
	operands, b := e.Operands(), ast.BuiltinMap[e.Operator().String()]
	if b == nil || len(operands) <= b.Decl.Arity() || truth(b) {
		return
	}
	var o origin
	for _, t := range operands[:len(operands)-1] {
		o.add(f.of(t, r))
	}
	if !keeps(b.Name) {
		o = origin{literals: map[string]bool{derived: true}}
	}
	f.bind(operands[len(operands)-1], o, r)
}

// of is where the texts of a term come from.
func (f *flow) of(t *ast.Term, r *ast.Rule) (o origin) {
	if t == nil {
		return o
	}
	switch v := t.Value.(type) {
	case ast.String:
		return origin{literals: map[string]bool{string(v): true}}
	case ast.Number:
		return origin{literals: map[string]bool{string(v): true}}
	case ast.Var:
		return *f.at(place{rule: r, variable: v})
	case ast.Ref:
		return f.ref(v, r)
	case *ast.SetComprehension:
		return f.of(v.Term, r)
	case *ast.ArrayComprehension:
		return f.of(v.Term, r)
	case *ast.ObjectComprehension:
		o.add(f.of(v.Key, r))
		o.add(f.of(v.Value, r))
	case ast.Object:
		v.Foreach(func(k, t *ast.Term) { o.add(f.of(k, r)); o.add(f.of(t, r)) })
	case interface{ Foreach(func(*ast.Term)) }:
		v.Foreach(func(t *ast.Term) { o.add(f.of(t, r)) })
	}
	return o
}

// ref is where the texts of what a reference leads to come from.
func (f *flow) ref(ref ast.Ref, r *ast.Rule) origin {
	switch {
	case ref.HasPrefix(ast.InputRootRef):
		a, _ := attributeOf(ref)
		return origin{attrs: a}
	case !ref.HasPrefix(ast.DefaultRootRef):
		return f.of(ref[0], r)
	}
	if path := f.rulePath(ref); path != "" {
		return *f.at(place{path: path})
	}
	return f.below(ref.ConstantPrefix())
}

// rulePath is the path of the rules that a reference leads to, "" for data.
func (f *flow) rulePath(ref ast.Ref) string {
	for n := 2; n <= len(ref); n++ {
		if path := ref[:n].String(); f.rules[path] != nil {
			return path
		}
	}
	return ""
}

// below is all that data say at or below a path.
func (f *flow) below(ref ast.Ref) origin {
	key := ref.String()
	if o, ok := f.data[key]; ok {
		return o
	}
	o := origin{literals: map[string]bool{}}
	if v, err := f.document.Find(ref[1:]); err == nil {
		ast.WalkTerms(ast.NewTerm(v), func(t *ast.Term) bool {
			switch v := t.Value.(type) {
			case ast.String:
				o.literals[string(v)] = true
			case ast.Number:
				o.literals[string(v)] = true
			}
			return false
		})
	}
	f.data[key] = o
	return o
}

// attributeOf is the attribute that a reference into the input names; ok is false for
// anything else.
func attributeOf(ref ast.Ref) (set, bool) {
	words := make([]string, 0, 2)
	for _, t := range ref[1:] {
		word, _ := stringOf(t.Value)
		words = append(words, word)
	}
	i := slices.Index(names[:], strings.Join(words, "."))
	if i < 0 {
		return 0, false
	}
	return 1 << i, true
}
