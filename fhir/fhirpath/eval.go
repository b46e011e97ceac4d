package fhirpath

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/ucum"
)

const ucumSystem = ucum.System

func (l *literal) eval(*run, *scope, Collection) Collection { return l.values }

func (x *special) eval(r *run, s *scope, _ Collection) Collection {
	switch x.name {
	case "$index":
		return Collection{integer(int64(s.index))}
	case "$total":
		return s.total
	}
	return s.this
}

// eval evaluates a chain. Variables that its steps define end with it.
func (p *path) eval(r *run, s *scope, on Collection) Collection {
	if p.defines {
		own := *s
		s = &own
	}
	c := p.first.eval(r, s, on)
	for _, step := range p.steps {
		if r.err != nil {
			return nil
		}
		c = step.eval(r, s, c)
	}
	return c
}

func (m *member) eval(r *run, _ *scope, on Collection) Collection {
	var out Collection
	for i := range on {
		v := &on[i]
		switch {
		case v.kind == TypeInfo:
			out = append(out, typeInfoPart(v, m.name)...)
		case v.kind != Element:
		case m.start && m.names(v):
			if len(on) == 1 {
				return on
			}
			out = append(out, *v)
		default:
			if elem := m.find(v); elem >= 0 && r.charge(v.width()/passed) {
				out = v.children(out, elem)
			}
		}
	}
	r.charge(len(on))
	return r.bounded(out)
}

// names says whether a path begins with the type of what it is applied to, as in
// Patient.name.
func (m *member) names(v *Value) bool {
	c := m.name[0:min(1, len(m.name))]
	if c < "A" || c > "Z" {
		return false
	}
	t := v.fhirType()
	return t.Name == m.name || isKindOf(typeName(t), m.name)
}

// find is the element with that name of the type of v, or -1. It remembers the last type:
// the items of a collection mostly have one.
func (m *member) find(v *Value) int32 {
	at := v.parts()
	if at < 0 {
		return -1
	}
	typ := v.tape.Nodes[at].Type
	if memo := m.memo.Load(); memo>>32 == uint64(typ)+1 {
		return int32(uint32(memo))
	}
	elem := fhir.R4().Element(typ, m.name)
	m.memo.Store((uint64(typ)+1)<<32 | uint64(uint32(elem)))
	return elem
}

func (x *index) eval(r *run, s *scope, on Collection) Collection {
	i, ok := r.whole(x.at.eval(r, s, s.this), "the index in brackets")
	if !ok || i < 0 || i >= len(on) {
		return nil
	}
	return on[i : i+1]
}

func (c *call) eval(r *run, s *scope, on Collection) Collection {
	if !r.charge(1) {
		return nil
	}
	return r.bounded(c.f.apply(r, c, s, on))
}

// arg evaluates an argument that is no condition: on $this, whatever the function is
// applied to.
func (c *call) arg(r *run, s *scope, i int) Collection {
	if i >= len(c.args) {
		return nil
	}
	return c.args[i].eval(r, s, s.this)
}

func (x *sign) eval(r *run, s *scope, on Collection) Collection {
	v, ok := r.one(x.of.eval(r, s, on), "the operand of a sign")
	switch {
	case !ok:
		return nil
	case v.kind == Integer && x.minus:
		v.n = -v.n
	case (v.kind == Decimal || v.kind == Quantity) && x.minus:
		v.num = v.num.negated()
	case v.kind != Integer && v.kind != Decimal && v.kind != Quantity:
		return r.fail(unfit("a sign stands before something that is no number"))
	}
	return Collection{v}
}

func (b *binary) eval(r *run, s *scope, on Collection) Collection {
	if !r.charge(1) {
		return nil
	}
	left := b.left.eval(r, s, on)
	if r.err != nil {
		return nil
	}
	if decided, ok := shortcut(r, b.op, left); ok {
		return decided
	}
	right := b.right.eval(r, s, on)
	if r.err != nil {
		return nil
	}
	return b.apply(r, left, right)
}

// shortcut decides and, or and implies by their left side alone, if that is possible.
func shortcut(r *run, op string, left Collection) (Collection, bool) {
	if op != "and" && op != "or" && op != "implies" {
		return nil, false
	}
	is, known := r.truth(left, "the left side of "+op)
	switch {
	case r.err != nil:
		return nil, true
	case !known || is == (op != "or"):
		return nil, false
	}
	return yes(op != "and"), true
}

func (t *typeTest) eval(r *run, s *scope, on Collection) Collection {
	return r.typed(t.of.eval(r, s, on), t.typ, t.cast)
}

// typed says whether one item is of a type, or leaves out those that are not.
func (r *run) typed(c Collection, t *typeSpec, cast bool) Collection {
	switch {
	case len(c) > 1 && (!cast || r.env.Strict):
		return r.fail(unfit("is or as is applied to %d items instead of one", len(c)))
	case cast:
		return r.ofType(c, t)
	case len(c) == 0:
		return nil
	}
	return yes(t.holds(&c[0]))
}

// constants are the variables that R4 defines.
var constants = map[string]string{
	"sct": "http://snomed.info/sct", "loinc": "http://loinc.org", "ucum": ucumSystem,
}

func (x *variable) eval(r *run, s *scope, _ Collection) Collection {
	for v := s.vars; v != nil; v = v.older {
		if v.name == x.name {
			return v.value
		}
	}
	if c, ok := r.env.Variables[x.name]; ok {
		return c
	}
	switch x.name {
	case "context":
		return r.context
	case "resource", "rootResource":
		return r.around(x.name == "rootResource")
	}
	if c, ok := constants[x.name]; ok {
		return Collection{str(c)}
	}
	if name, ok := strings.CutPrefix(x.name, "vs-"); ok {
		return Collection{str("http://hl7.org/fhir/ValueSet/" + name)}
	}
	if name, ok := strings.CutPrefix(x.name, "ext-"); ok {
		return Collection{str("http://hl7.org/fhir/StructureDefinition/" + name)}
	}
	return r.fail(unfit("there is no variable %%%s", x.name))
}

// around is the resource that the evaluation began in.
func (r *run) around(root bool) Collection {
	if len(r.context) == 0 || r.context[0].kind != Element {
		return nil
	}
	if root {
		return Collection{r.context[0].rootResource()}
	}
	return Collection{r.context[0].resource()}
}
