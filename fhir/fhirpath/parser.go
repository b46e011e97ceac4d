package fhirpath

import (
	"slices"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
)

// parser builds the tree of an expression: one function per level of the grammar, and
// a table of precedences for the operators. The first error ends it.
type parser struct {
	lexer lexer
	token token
	depth int
	err   *fhir.Error
}

func (p *parser) parse() (expr, error) {
	p.advance()
	e := p.expression(1)
	if p.err == nil && p.token.kind != endToken {
		p.fail("something follows the end of the expression")
	}
	if p.err != nil {
		return nil, p.err
	}
	return e, nil
}

// fail keeps the first error and ends the expression.
func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fault(p.token.at, format, args...)
	}
	p.token = token{}
}

func (p *parser) advance() {
	if p.err != nil {
		return
	}
	t, err := p.lexer.next()
	if err != nil {
		p.err, t = err, token{}
	}
	p.token = t
}

// is says whether the token is a mark or a word with a meaning of its own.
func (p *parser) is(text string) bool {
	return p.token.text == text && (p.token.kind == markToken || p.token.kind == nameToken)
}

// take skips a mark if it is next.
func (p *parser) take(mark string) bool {
	if !p.is(mark) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) want(mark string) {
	if !p.take(mark) {
		p.fail("%s is missing", mark)
	}
}

// enter counts a level of nesting; it is false if there are too many.
func (p *parser) enter() bool {
	if p.depth++; p.depth <= MaxDepth {
		return true
	}
	if p.err == nil {
		p.err = tooMuch("is nested deeper than %d levels", MaxDepth)
	}
	p.token = token{}
	return false
}

// precedences are those of the operators; a higher one binds closer.
var precedences = map[string]int{
	"implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4,
	"=": 5, "~": 5, "!=": 5, "!~": 5, "<": 6, ">": 6, "<=": 6, ">=": 6, "|": 7, "is": 8, "as": 8,
	"+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}

// expression reads operators that bind at least as closely as lowest.
func (p *parser) expression(lowest int) expr {
	if !p.enter() {
		return &literal{}
	}
	defer func() { p.depth-- }()
	left := p.signed()
	for {
		op := p.token.text
		level := precedences[op]
		if p.token.kind != markToken && p.token.kind != nameToken || level < lowest || level == 0 {
			return left
		}
		p.advance()
		if op == "is" || op == "as" {
			left = &typeTest{left, op == "as", p.typeSpec()}
			continue
		}
		left = &binary{op, left, p.expression(level + 1), operators[op]}
	}
}

// signed reads signs and what they belong to: -a.b is -(a.b).
func (p *parser) signed() expr {
	minus := p.is("-")
	if !minus && !p.is("+") {
		return p.path()
	}
	if p.advance(); !p.enter() {
		return &literal{}
	}
	defer func() { p.depth-- }()
	return &sign{minus, p.signed()}
}

func (p *parser) path() expr {
	chain := &path{first: p.term()}
	for {
		switch {
		case p.take("."):
			chain.steps = append(chain.steps, p.invocation(false))
		case p.take("["):
			chain.steps = append(chain.steps, &index{p.expression(1)})
			p.want("]")
		case len(chain.steps) == 0:
			return chain.first
		default:
			chain.defines = slices.ContainsFunc(chain.steps, defines) || defines(chain.first)
			return chain
		}
	}
}

// defines says whether a step may define a variable.
func defines(step expr) bool {
	c, ok := step.(*call)
	return ok && c.name == "defineVariable"
}

// term is what a path begins with.
func (p *parser) term() expr {
	t := p.token
	switch {
	case p.take("("):
		e := p.expression(1)
		p.want(")")
		return &path{first: e, defines: defines(e)}
	case p.take("{"):
		p.want("}")
		return &literal{}
	case t.kind == envToken:
		p.advance()
		return &variable{t.text}
	case t.kind == numberToken:
		return p.number()
	case t.kind == stringToken:
		p.advance()
		return &literal{Collection{str(t.text)}}
	case t.kind == dateToken:
		return p.date()
	case t.kind == nameToken && (t.text == "true" || t.text == "false"):
		p.advance()
		return &literal{yes(t.text == "true")}
	}
	return p.invocation(true)
}

// invocation is a name, a function or one of $this, $index and $total.
func (p *parser) invocation(start bool) expr {
	t := p.token
	switch {
	case t.kind == markToken && (t.text == "$this" || t.text == "$index" || t.text == "$total"):
		p.advance()
		return &special{t.text}
	case t.kind != nameToken && t.kind != quotedToken:
		p.fail("a name or value is missing")
		return &literal{}
	}
	p.advance()
	if t.kind == nameToken && p.take("(") {
		return p.call(t)
	}
	return &member{name: t.text, start: start}
}

// call reads the arguments of a function.
func (p *parser) call(name token) expr {
	c := &call{name: name.text, f: functions[name.text]}
	if c.f == nil {
		p.token.at = name.at
		p.fail("there is no function %s()", name.text)
		return c
	}
	if c.f.types {
		c.typ = p.typeSpec()
		p.want(")")
		return c
	}
	if !p.take(")") {
		for c.args = append(c.args, p.expression(1)); p.take(","); {
			c.args = append(c.args, p.expression(1))
		}
		p.want(")")
	}
	if n := len(c.args); p.err == nil && (n < c.f.min || n > c.f.max) {
		p.token.at = name.at
		p.fail("%s() takes %s, not %d", name.text, c.f.arity(), n)
	}
	return c
}

// typeSpec reads a type with or without its namespace.
func (p *parser) typeSpec() *typeSpec {
	t := &typeSpec{name: p.name()}
	if p.take(".") {
		t.namespace, t.name = t.name, p.name()
	}
	if p.err == nil && !t.known() {
		p.fail("there is no type %s", t.name)
	}
	return t
}

func (p *parser) name() string {
	t := p.token
	if t.kind != nameToken && t.kind != quotedToken && t.kind != stringToken {
		p.fail("the name of a type is missing")
	}
	p.advance()
	return t.text
}

// number is an integer, a decimal, or a quantity if a unit follows.
func (p *parser) number() expr {
	text := p.token.text
	d, ok := parseDecimal(text)
	if !ok {
		p.fail("a number has more than %d digits", maxDigits)
		return &literal{}
	}
	p.advance()
	unit := p.token.text
	switch {
	case p.token.kind == stringToken:
		p.advance()
		return &literal{Collection{quantity(d, unit)}}
	case p.token.kind == nameToken && calendar[unit] != "":
		p.advance()
		return &literal{Collection{duration(d, unit)}}
	case d.scale > 0:
		return &literal{Collection{decimalOf(d)}}
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		p.fail("an integer is larger than 2147483647. Write it as a decimal, with .0")
	}
	return &literal{Collection{integer(n)}}
}

func (p *parser) date() expr {
	m, kind, ok := parseMoment(p.token.text)
	if !ok {
		p.fail("a date or time is none that exists")
		return &literal{}
	}
	p.advance()
	return &literal{Collection{{kind: kind, moment: m}}}
}
