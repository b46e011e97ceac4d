package validate

import (
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// compile makes a profile of a StructureDefinition. base is what it is derived from, nil
// if that is a type of R4. What a differential leaves out is in the base, so that a
// snapshot is only read where there is no differential, or the base is not known.
func compile(s *structure, base *profile, alone bool) (*profile, error) {
	p := &profile{url: s.URL, typ: s.Type, root: newRule(s.Type)}
	for _, c := range s.Context {
		p.contexts = append(p.contexts, usage{c.Type, c.Expression})
	}
	elements := s.Differential.Element
	switch {
	case len(s.Snapshot.Element) > 0 && (alone || len(elements) == 0):
		elements = s.Snapshot.Element
	case alone:
		return nil, fmt.Errorf("it has no snapshot, and its base %s is not known here", s.BaseDefinition)
	case base != nil:
		p.root = base.root.clone()
		if len(p.contexts) == 0 {
			p.contexts = base.contexts
		}
	}
	o := overlay{d: fhir.R4(), p: p}
	for i := range elements {
		if err := o.element(&elements[i]); err != nil {
			return nil, err
		}
	}
	return p, o.link(p.root)
}

// overlay writes elements of a StructureDefinition over a tree of rules.
type overlay struct {
	d *fhir.Definitions
	p *profile
}

func (o *overlay) element(e *element) error {
	r, err := o.at(e.segments())
	if err != nil {
		return fmt.Errorf("element %s: %w", e.Path, err)
	}
	return o.write(r, e)
}

// at finds or makes the rule that steps lead to.
func (o *overlay) at(steps []segment) (*rule, error) {
	r, typ := o.p.root, o.d.TypeIndex(o.p.typ)
	for _, s := range steps {
		name := strings.TrimSuffix(s.name, "[x]")
		elem := int32(-1)
		if typ >= 0 {
			elem = o.d.Element(typ, name)
		}
		if typ >= 0 && elem < 0 {
			r, typ = o.choice(r, typ, name)
			if r == nil {
				return nil, fmt.Errorf("R4 has no element %s there", name)
			}
			continue
		}
		r = r.child(name)
		for part := range strings.SplitSeq(s.slice, "/") {
			if part != "" {
				r = o.slice(r, part, elem)
			}
		}
		typ = typeOf(o.d, r, elem)
	}
	return r, nil
}

// choice is the rule of a choice element written with its type, as valueQuantity: a slice
// of value[x] by type.
func (o *overlay) choice(r *rule, typ int32, name string) (*rule, int32) {
	for e := o.d.Element(typ, "id"); e >= 0 && int(e) < len(o.d.Elements) && o.d.Elements[e].Owner == typ; e++ {
		el := &o.d.Elements[e]
		if !el.Choice || !strings.HasPrefix(name, el.Name) {
			continue
		}
		for _, one := range el.Types {
			if name == el.Name+title(o.d.Types[one].Name) {
				value := r.child(el.Name)
				byType(value)
				s := value.inSlice(name)
				s.types = []kind{{code: o.d.Types[one].Name}}
				return s, one
			}
		}
	}
	return nil, -1
}

// slice is the rule for a slice of an element. Extensions are told apart by url, choice
// elements by type, also where a profile does not say so.
func (o *overlay) slice(r *rule, name string, elem int32) *rule {
	switch {
	case r.slicing != nil || r.slice != "":
	case r.name == "extension" || r.name == "modifierExtension":
		r.slicing = &slicing{by: []discriminator{{"value", "url"}}}
	case elem >= 0 && o.d.Elements[elem].Choice:
		byType(r)
	}
	s := r.inSlice(name)
	o.typed(s, elem)
	return s
}

// typed gives a slice of a choice element its type, if its name says it.
func (o *overlay) typed(s *rule, elem int32) {
	if elem < 0 || !o.d.Elements[elem].Choice || s.types != nil {
		return
	}
	for _, one := range o.d.Elements[elem].Types {
		if s.slice == o.d.Elements[elem].Name+title(o.d.Types[one].Name) {
			s.types = []kind{{code: o.d.Types[one].Name}}
		}
	}
}

// byType divides a choice element by type, unless it is divided already.
func byType(r *rule) {
	if r.slicing == nil {
		r.slicing = &slicing{by: []discriminator{{"type", "$this"}}}
	}
}

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// write adds what an element demands to its rule.
func (o *overlay) write(r *rule, e *element) (err error) {
	if e.Min != nil {
		r.min = *e.Min
	}
	most, err := e.most()
	if err != nil {
		return err
	}
	if most >= 0 {
		r.most = most
	}
	if e.MaxLength > 0 {
		r.maxLength = e.MaxLength
	}
	if e.ContentReference != "" {
		_, r.reference, _ = strings.Cut(e.ContentReference, "#")
	}
	if e.Slicing != nil && (len(e.Slicing.Discriminator) > 0 || r.slicing == nil) {
		rules := e.Slicing.Rules
		r.slicing = &slicing{by: e.Slicing.Discriminator, closed: rules == "closed", atEnd: rules == "openAtEnd", ordered: e.Slicing.Ordered}
	}
	if b := e.Binding; b != nil && b.ValueSet != "" {
		r.binding = &binding{b.Strength, canonical(b.ValueSet)}
	}
	o.kinds(r, e)
	o.constraints(r, e)
	return o.values(r, e)
}

// kinds are the types of an element. Those of ids and urls are types of FHIRPath, which
// R4 has without a name: nothing is demanded then.
func (o *overlay) kinds(r *rule, e *element) {
	if len(e.Type) == 0 {
		return
	}
	r.types = nil
	for _, t := range e.Type {
		if strings.HasPrefix(t.Code, "http://hl7.org/fhirpath/") {
			r.types = nil
			return
		}
		k := kind{code: t.Code}
		for _, url := range t.Profile {
			k.profiles = append(k.profiles, canonical(url))
		}
		for _, url := range t.TargetProfile {
			k.targets = append(k.targets, canonical(url))
		}
		r.types = append(r.types, k)
	}
}

// constraints adds the expressions that are not R4's own: those are evaluated anyway.
func (o *overlay) constraints(r *rule, e *element) {
	for _, c := range e.Constraint {
		if c.Expression == "" || base().knows(c.Key, c.Expression) {
			continue
		}
		r.constraints = withConstraint(r.constraints, &constraint{key: c.Key, warning: c.Severity == "warning", expression: c.Expression})
	}
}

// withConstraint adds a constraint, or replaces the one with its key.
func withConstraint(all []*constraint, c *constraint) []*constraint {
	for i := range all {
		if all[i].key == c.key {
			all[i] = c
			return all
		}
	}
	return append(all, c)
}

func (o *overlay) values(r *rule, e *element) error {
	for name, to := range map[string]**value{"fixed": &r.fixed, "pattern": &r.pattern, "minValue": &r.least, "maxValue": &r.greatest} {
		data, ok := e.values[name]
		if !ok {
			continue
		}
		v, err := readValue(data)
		if err != nil {
			return fmt.Errorf("element %s: its %s cannot be read: %w", e.Path, name, err)
		}
		*to = v
	}
	return nil
}

// link resolves content references.
func (o *overlay) link(r *rule) error {
	if r.reference != "" {
		same, err := o.at((&element{Path: r.reference}).segments())
		if err != nil {
			return fmt.Errorf("content reference %s: %w", r.reference, err)
		}
		if same.reference != "" { // else it might lead back
			return fmt.Errorf("content reference %s: what it names is one itself", r.reference)
		}
		r.same = same
	}
	for _, list := range [][]*rule{r.children, r.slices} {
		for _, c := range list {
			if err := o.link(c); err != nil {
				return err
			}
		}
	}
	return nil
}
