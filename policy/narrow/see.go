package narrow

import (
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// sees narrows the box by what an expression looks at, before it is evaluated.
func (r *run) sees(w *watched, values *ast.Array) {
	l := look{r, w, values}
	r.exactly(w.whole)
	for _, ref := range w.refs {
		l.reference(ref)
	}
	switch {
	case w.name == "":
	case w.called:
		l.call()
	case w.name == "eq" || w.name == "assign" || w.name == "equal" || w.name == "neq":
		l.equality()
	case w.name == "internal.member_2":
		l.member()
	case orders(w.name):
		l.order()
	case w.name == parsesTime:
	default:
		l.all()
	}
}

// look is one expression that is about to be evaluated.
type look struct {
	*run
	*watched
	values *ast.Array // of its variables
}

// value is what a term is now; nil if that is not known before it is evaluated.
func (l *look) value(t *ast.Term) ast.Value {
	switch v := t.Value.(type) {
	case ast.Var:
		if i := slices.Index(l.variables, v); i >= 0 {
			return l.values.Elem(i).Value
		}
		return nil // the expression gives it one
	case ast.Ref:
		if a, ok := attributeOf(v); ok && v.HasPrefix(ast.InputRootRef) {
			return ast.String(l.texts[a.first()])
		}
		return nil
	}
	plain := t.IsGround()
	eachRef(t, func(ast.Ref) { plain = false })
	if !plain {
		return nil
	}
	return t.Value
}

func (s set) first() (found attribute) {
	for a := range attributes {
		if s.has(a) {
			return a
		}
	}
	return found
}

// operands of a call, without its result.
func (l *look) attrs() (all set) {
	for _, o := range l.origin {
		all |= o.attrs
	}
	return all
}

func (l *look) all() {
	if l.name == "count" { // of a text, its length
		if s, ok := l.value(l.expr.Operand(0)).(ast.String); ok && l.origin[0].attrs&^closed != 0 {
			l.fail("counts the letters of %v", s)
		}
	}
	l.exactly(l.attrs())
}

// sources are the attributes whose text an operand is.
func (l *look) sources(i int, v ast.Value) (from set) {
	s, ok := stringOf(v)
	l.origin[i].attrs.each(func(a attribute) {
		if ok && s == l.texts[a] {
			from |= 1 << a
		}
	})
	return from
}

// equality compares two values, or gives a variable one.
func (l *look) equality() {
	a, b := l.expr.Operand(0), l.expr.Operand(1)
	va, vb := l.value(a), l.value(b)
	if isVar(a) && va == nil || isVar(b) && vb == nil {
		return
	}
	if !scalar(va) || !scalar(vb) {
		l.all()
		return
	}
	left, right := l.sources(0, va), l.sources(1, vb)
	if left != 0 && right != 0 && left != right { // of two texts one is held fast
		right.each(func(x attribute) {
			if !l.single(x) {
				l.exactly(1 << x)
			}
		})
	}
	if left != right || left&(left-1) != 0 {
		left.each(func(x attribute) { l.like(x, va, vb) })
	}
	if left == 0 || left&(left-1) != 0 {
		right.each(func(x attribute) { l.like(x, vb, va) })
	}
}

// like narrows to texts that are, or are not, another value, as the one at hand.
func (l *look) like(a attribute, is, other ast.Value) {
	same := is.Compare(other) == 0
	l.where(a, func(text string) bool { return (ast.String(text).Compare(other) == 0) == same })
}

func isVar(t *ast.Term) bool { _, ok := t.Value.(ast.Var); return ok }

func scalar(v ast.Value) bool {
	switch v.(type) {
	case ast.String, ast.Number, ast.Boolean, ast.Null:
		return true
	}
	return false
}

// member asks whether a value is among others.
func (l *look) member() {
	x, all := l.value(l.expr.Operand(0)), l.value(l.expr.Operand(1))
	if _, ok := stringOf(x); !ok || all == nil || l.origin[1].attrs != 0 {
		l.all()
		return
	}
	from := l.sources(0, x)
	if from == 0 {
		return
	}
	texts := textsIn(all)
	s, _ := stringOf(x)
	from.each(func(a attribute) {
		l.where(a, func(text string) bool { return texts[text] == texts[s] })
	})
}

func textsIn(v ast.Value) map[string]bool {
	texts := map[string]bool{}
	add := func(t *ast.Term) {
		if s, ok := stringOf(t.Value); ok {
			texts[s] = true
		}
	}
	switch v := v.(type) {
	case ast.Object:
		v.Foreach(func(_, t *ast.Term) { add(t) })
	case interface{ Foreach(func(*ast.Term)) }:
		v.Foreach(add)
	}
	return texts
}

// call gives values to the rules of a function, whose heads may ask for texts.
func (l *look) call() {
	for i, asked := range l.heads {
		v := l.value(l.expr.Operand(i))
		switch {
		case asked == nil:
			l.exactly(l.origin[i].attrs)
		case len(asked) > 0 && !scalar(v):
			l.exactly(l.origin[i].attrs)
		default:
			l.sources(i, v).each(func(a attribute) {
				for _, other := range asked {
					l.like(a, v, other)
				}
			})
		}
	}
	if l.types < 0 {
		return
	}
	name, ok := stringOf(l.value(l.expr.Operand(l.types)))
	if !ok {
		l.fail("asks what scopes cover in a way that is not followed")
		return
	}
	l.where(typ, func(text string) bool { return (text == name) == (l.texts[typ] == name) })
}

// order compares times, as texts or as nanoseconds.
func (l *look) order() {
	if l.attrs() == 0 {
		return
	}
	at, other := 0, 1
	if l.origin[0].attrs == 0 {
		at, other = 1, 0
	}
	is, than := l.value(l.expr.Operand(at)), l.value(l.expr.Operand(other))
	if is == nil || than == nil || l.origin[other].attrs != 0 {
		l.all()
		return
	}
	if s, ok := stringOf(than); ok {
		if _, ok := instant(s); !ok {
			l.fail("compares the time with %q", s)
		}
	}
	number, as := is.(ast.Number)
	if as && number != nanoseconds(l.texts[now]) || !as && is.Compare(ast.String(l.texts[now])) != 0 {
		return // it is another time
	}
	sign := is.Compare(than)
	l.where(now, func(text string) bool {
		if as {
			return nanoseconds(text).Compare(than) == sign
		}
		return ast.String(text).Compare(than) == sign
	})
}

func nanoseconds(text string) ast.Number {
	t, _ := time.Parse(time.RFC3339, text)
	return ast.Number(strconv.FormatInt(t.UnixNano(), 10))
}
