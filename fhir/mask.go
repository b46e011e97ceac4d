package fhir

import (
	"fmt"
	"slices"
	"strings"
)

// Mask says which elements of resources are left out of documents that are shown. It hides
// from a document (Document), and says what rests on something hidden (Hides); when it applies it
// does not know. nil hides nothing.
type Mask struct {
	types map[int32]*masked
}

// masked is a type of resource under a mask. A backbone element is masked alike wherever it
// stands: Questionnaire.item below an item, too.
type masked struct {
	hidden
	parts map[int32]*hidden // by backbone type
}

// hidden is an element that is left out, or below which something is.
type hidden struct {
	whole bool
	below map[string]*hidden // by name in JSON
}

// Mask reads paths such as Patient.birthDate, Observation.value[x] and *.identifier, where
// the star stands for every type that has the element.
func (d *Definitions) Mask(paths []string) (*Mask, error) {
	m := &Mask{types: map[int32]*masked{}}
	for _, path := range paths {
		if err := m.add(d, path); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Mask) add(d *Definitions, path string) error {
	names := strings.Split(path, ".")
	if len(names) < 2 || slices.Contains(names, "") {
		return fmt.Errorf("%q is no path of an element, like Patient.birthDate or *.identifier", path)
	}
	if slices.Contains([]string{"id", "meta", "implicitRules"}, names[1]) || slices.Contains(names, "modifierExtension") {
		return fmt.Errorf("%s cannot be masked: without id, meta, implicitRules and modifierExtension a document would be another one, or mean something else", path)
	}
	if names[0] != "*" {
		typ := d.TypeIndex(names[0])
		switch {
		case typ < 0 || !d.Types[typ].IsResource():
			return fmt.Errorf("%s cannot be masked: R4 has no resource type %s", path, names[0])
		case !m.addTo(typ, names[1:]):
			return fmt.Errorf("%s cannot be masked: %s has no such element", path, names[0])
		}
		return nil
	}
	found := false
	for i := range d.Types {
		found = d.Types[i].IsResource() && m.addTo(int32(i), names[1:]) || found
	}
	if !found {
		return fmt.Errorf("%s cannot be masked: no resource type has such an element", path)
	}
	return nil
}

// addTo hides an element of a type, if it has it.
func (m *Mask) addTo(typ int32, names []string) bool {
	if !definitions().has(typ, names) {
		return false
	}
	of := m.types[typ]
	if of == nil {
		of = &masked{parts: map[int32]*hidden{}}
		m.types[typ] = of
	}
	of.hide(typ, &of.hidden, names)
	return true
}

// has says whether a type has the element at a path.
func (d *Definitions) has(typ int32, names []string) bool {
	if len(names) == 0 {
		return true
	}
	for e := range d.meant(typ, names[0]) {
		if d.has(e.typ, names[1:]) {
			return true
		}
	}
	return false
}

// meant are the members of a type that one name of a path means: value, value[x] and
// valueQuantity are ways to name a choice.
func (d *Definitions) meant(typ int32, name string) func(yield func(*member) bool) {
	return func(yield func(*member) bool) {
		t := &d.Types[typ]
		for i := t.first; i < t.end; i++ {
			el := &d.Elements[i]
			for _, of := range el.Types {
				json := el.Name
				if el.Choice {
					json = ChoiceName(json, d.Types[of].Name)
				}
				if name != json && name != el.Name && (!el.Choice || name != el.Name+"[x]") {
					continue
				}
				if !yield(d.member(t, []byte(json))) {
					return
				}
			}
		}
	}
}

// hide marks what a path names below a place.
func (m *masked) hide(typ int32, at *hidden, names []string) {
	d := definitions()
	for e := range d.meant(typ, names[0]) {
		switch {
		case len(names) == 1:
			at.child(e.name()).whole = true
		case !d.has(e.typ, names[1:]):
		case e.kind == backboneType:
			if m.parts[e.typ] == nil {
				m.parts[e.typ] = &hidden{}
			}
			m.hide(e.typ, m.parts[e.typ], names[1:])
		default:
			m.hide(e.typ, at.child(e.name()), names[1:])
		}
	}
}

func (h *hidden) child(name string) *hidden {
	if h.below == nil {
		h.below = map[string]*hidden{}
	}
	if h.below[name] == nil {
		h.below[name] = &hidden{}
	}
	return h.below[name]
}

// at is what is hidden of a member: all of it, or what next has; nil is nothing.
func (m *masked) at(h *hidden, e *member) (whole bool, next *hidden) {
	if h != nil {
		next = h.below[e.name()]
	}
	if next != nil && next.whole {
		return true, nil
	}
	if e.kind == backboneType && m != nil {
		return false, m.parts[e.typ]
	}
	return false, next
}

// Masks says whether the mask hides something of resources of a type.
func (m *Mask) Masks(typ string) bool {
	if m == nil {
		return false
	}
	return m.types[definitions().TypeIndex(typ)] != nil
}

// Hides says whether something that an element of a type holds is hidden, given the path to
// it: it is hidden itself, it is part of what is, or a part of it is. What the definitions
// do not know counts as hidden, if anything of the type is; no path means the whole resource.
func (m *Mask) Hides(typ string, path ...string) bool {
	if !m.Masks(typ) {
		return false
	}
	i := definitions().TypeIndex(typ)
	return m.types[i].hides(i, &m.types[i].hidden, path)
}

func (m *masked) hides(typ int32, h *hidden, path []string) bool {
	if len(path) == 0 {
		return true // only what hides something has a place
	}
	d, known := definitions(), false
	for e := range d.meant(typ, path[0]) {
		known = true
		whole, next := m.at(h, e)
		if whole || next != nil && m.hides(e.typ, next, path[1:]) {
			return true
		}
	}
	return !known
}

// Covers says whether the mask hides all that a path names, in all types that the path means.
func (m *Mask) Covers(path string) bool {
	d, names := definitions(), strings.Split(path, ".")
	for i := range d.Types {
		typ := int32(i)
		if !d.Types[i].IsResource() || names[0] != "*" && names[0] != d.Types[i].Name || !d.has(typ, names[1:]) {
			continue
		}
		of := m.types[typ]
		if of == nil || !of.covers(typ, &of.hidden, names[1:]) {
			return false
		}
	}
	return true
}

func (m *masked) covers(typ int32, h *hidden, names []string) bool {
	d := definitions()
	for e := range d.meant(typ, names[0]) {
		whole, next := m.at(h, e)
		if whole || !d.has(e.typ, names[1:]) {
			continue
		}
		if len(names) == 1 || next == nil || !m.covers(e.typ, next, names[1:]) {
			return false
		}
	}
	return true
}
