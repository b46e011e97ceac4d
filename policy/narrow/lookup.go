package narrow

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// reference narrows the box where a text of the request is the name of what is looked up.
func (l *look) reference(w reference) {
	l.exactly(w.whole)
	switch {
	case covered(w.ref):
		l.scopes(w.ref)
	case !w.followed:
		for i := 1; i < len(w.ref); i++ {
			if w.from[i] != 0 {
				l.lookup(w.ref, i, w.from[i])
			}
		}
	}
}

// reference is a reference in an expression, and what is known of it before.
type reference struct {
	ref      ast.Ref
	from     []set // of each element: the attributes of which it may be a text
	whole    set   // attributes that are compared in ways that are not followed
	followed bool  // it leads to rules or the input, not to data or a variable
}

func (f *flow) reference(ref ast.Ref, r *ast.Rule) reference {
	w := reference{ref: ref, from: make([]set, len(ref)), followed: ref.HasPrefix(ast.InputRootRef)}
	for i := 1; i < len(ref); i++ {
		w.from[i] = f.of(ref[i], r).attrs
	}
	if !ref.HasPrefix(ast.DefaultRootRef) {
		return w
	}
	path := f.rulePath(ref)
	if w.followed = path != ""; !w.followed {
		return w
	}
	value := f.at(place{path: path}).attrs
	if partial(f.rules[path]) {
		w.whole = value
	}
	for i := range ref[1:] {
		if t := ref[i+1]; !scalar(t.Value) { // it looks into what the rules give
			w.whole |= value | w.from[i+1]
		}
	}
	return w
}

// lookup compares what each text of the attributes leads to.
func (l *look) lookup(ref ast.Ref, i int, from set) {
	key := l.value(ref[i])
	if key == nil && isVar(ref[i]) {
		return // it runs through all
	}
	base, ok := l.base(ref, i)
	name, isText := stringOf(key)
	if !ok || !isText {
		l.exactly(from)
		return
	}
	rest := ast.Ref{}
	for _, t := range ref[i+1:] {
		v := l.value(t)
		if v == nil {
			break
		}
		rest = append(rest, ast.NewTerm(v))
	}
	is := found(base, name, rest)
	from.each(func(a attribute) {
		if name == l.texts[a] {
			l.where(a, func(text string) bool { return same(is, found(base, text, rest)) })
		}
	})
}

// base is the value in which the element i of a reference is looked up, if it does not
// rest on the request.
func (l *look) base(ref ast.Ref, i int) (ast.Value, bool) {
	var v ast.Value
	if ref.HasPrefix(ast.DefaultRootRef) {
		v = l.model.flow.document
	} else if v = l.value(ref[0]); v == nil || l.model.flow.of(ref[0], l.rule).attrs != 0 {
		return nil, false
	}
	for _, t := range ref[1:i] {
		name := l.value(t)
		if name == nil {
			return nil, false
		}
		inner, err := v.Find(ast.Ref{ast.NewTerm(name)})
		if err != nil {
			return ast.Null{}, true // leads nowhere, whatever the text
		}
		v = inner
	}
	return v, true
}

func found(base ast.Value, name string, rest ast.Ref) ast.Value {
	v, err := base.Find(append(ast.Ref{ast.StringTerm(name)}, rest...))
	if err != nil {
		return nil
	}
	return v
}

func same(a, b ast.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Compare(b) == 0
}

// scopes looks at a fact about scopes.
func (l *look) scopes(ref ast.Ref) {
	name, isName := stringOf(l.value(ref[3]))
	action, isAction := stringOf(l.value(ref[4]))
	context, isContext := stringOf(l.value(ref[5]))
	if !isName || !isAction || !isContext {
		l.fail("asks what scopes cover in a way that is not followed")
		return
	}
	f := l.model.flow
	l.exactly(f.of(ref[4], l.rule).attrs | f.of(ref[3], l.rule).attrs&^(1<<typ))
	l.covers(name, action, context)
}
