package validate

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// profile is a compiled StructureDefinition: a tree of what it demands beyond R4.
type profile struct {
	url, typ string
	contexts []usage // where an extension may be
	root     *rule
}

// usage is a place where an extension may be.
type usage struct{ kind, expression string }

// rule is what a profile demands of an element.
type rule struct {
	name        string // of the element, without [x]; of the root its type
	slice       string // its name, if the rule is for a slice
	min, most   int32  // how often; most is -1 without bound
	types       []kind // nil: as in R4
	fixed       *value
	pattern     *value
	least       *value // minValue
	greatest    *value // maxValue
	maxLength   int
	binding     *binding
	constraints []*constraint
	slicing     *slicing
	slices      []*rule
	children    []*rule
	same        *rule  // of a content reference: what it refers to
	reference   string // the path of same
}

// kind is one type that an element may have.
type kind struct {
	code     string
	profiles []string // of the value
	targets  []string // of a Reference: profiles of what it refers to
}

// slicing is how the values of an element are divided among slices.
type slicing struct {
	by      []discriminator
	closed  bool
	atEnd   bool // what is in no slice comes last
	ordered bool
}

// binding is a set of codes.
type binding struct {
	strength string
	set      string
}

// constraint is an expression that must hold. It is compiled when first needed.
type constraint struct {
	key        string
	warning    bool
	expression string
	program    program
}

func newRule(name string) *rule { return &rule{name: name, most: -1} }

// child finds or makes the rule for a child element.
func (r *rule) child(name string) *rule {
	if c := r.find(name); c != nil {
		return c
	}
	c := newRule(name)
	r.children = append(r.children, c)
	return c
}

func (r *rule) find(name string) *rule {
	if i := slices.IndexFunc(r.children, func(c *rule) bool { return c.name == name }); i >= 0 {
		return r.children[i]
	}
	return nil
}

// inSlice finds or makes the rule for a slice.
func (r *rule) inSlice(name string) *rule {
	if i := slices.IndexFunc(r.slices, func(s *rule) bool { return s.slice == name }); i >= 0 {
		return r.slices[i]
	}
	s := newRule(r.name)
	s.slice = name
	r.slices = append(r.slices, s)
	return s
}

// clone copies a tree, so that a derived profile can add to it. A content reference is
// resolved anew afterwards.
func (r *rule) clone() *rule {
	c := *r
	c.same = nil
	c.constraints = slices.Clone(r.constraints)
	c.slices, c.children = cloneAll(r.slices), cloneAll(r.children)
	return &c
}

func cloneAll(rules []*rule) []*rule {
	var all []*rule
	for _, r := range rules {
		all = append(all, r.clone())
	}
	return all
}

// typeOf is the type that an element of a rule has, if it can have one only; else -1.
func typeOf(d *fhir.Definitions, r *rule, elem int32) int32 {
	switch {
	case len(r.types) == 1:
		if typ := d.TypeIndex(r.types[0].code); typ >= 0 {
			return typ
		}
	case elem >= 0 && len(d.Elements[elem].Types) == 1:
		return d.Elements[elem].Types[0]
	}
	if elem >= 0 && len(d.Elements[elem].Types) == 1 {
		return d.Elements[elem].Types[0]
	}
	return -1
}
