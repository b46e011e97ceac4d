package patch

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// content is what an operation puts into a resource: a value of a type, a resource, or
// the parts of an element whose type has no name.
type content struct {
	typ   string // of a value
	sides sides
	parts []part
}

// sides are the JSON of a value and, of a primitive, that of its id and extensions; nil
// if there is none.
type sides [2][]byte

// prefixes of the members that hold each side.
var prefixes = [2]string{"", "_"}

type part struct {
	name    string
	content *content
}

// contentOf reads value[x], resource or parts of a parameter.
func contentOf(parameter element) (*content, *fhir.Error) {
	c := &content{}
	nodes := parameter.tape.Nodes
	value := fhir.R4().Element(nodes[parameter.at].Type, "value")
	for n := parameter.at + 1; n < nodes[parameter.at].Next; n = nodes[n].Next {
		if nodes[n].Elem != value {
			continue
		}
		c.typ = fhir.R4().Types[nodes[n].Type].Name
		side := 0
		if nodes[n].PrimitiveExt {
			side = 1
		}
		c.sides[side] = slices.Clone(parameter.tape.Raw(n))
	}
	for _, r := range parameter.all("resource") {
		c.sides[0] = slices.Clone(r.tape.Raw(r.at))
	}
	for _, p := range parameter.all("part") {
		inner, err := contentOf(p)
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, part{p.text("name"), inner})
	}
	if given := c.sides[0] != nil || c.sides[1] != nil; given == (len(c.parts) > 0) {
		return nil, invalid("a value must have either a value[x], a resource or parts.")
	}
	return c, nil
}

// as renders the content for an element: the name of its JSON member and both sides.
func (c *content) as(el *fhir.Element) (name string, s sides, err *fhir.Error) {
	d := fhir.R4()
	if len(c.parts) > 0 {
		if el.Choice || d.Types[el.Types[0]].IsPrimitive() {
			return "", s, invalid("the element " + el.Name + " has a type with a name: send its value as value[x].")
		}
		s[0], err = c.object(el.Types[0])
		return el.Name, s, err
	}
	takes := slices.ContainsFunc(el.Types, func(t int32) bool { return d.Types[t].Name == c.typ })
	switch {
	case el.Choice && !takes:
		return "", s, unprocessable("the element " + el.Name + "[x] has no value of the type " + c.typ + ".")
	case el.Choice:
		return fhir.ChoiceName(el.Name, c.typ), c.sides, nil
	case c.typ == "":
		return el.Name, c.sides, nil // a resource
	case !takes && !(d.Types[el.Types[0]].IsPrimitive() && d.Types[d.TypeIndex(c.typ)].IsPrimitive()):
		return "", s, unprocessable("the element " + el.Name + " has the type " + d.Types[el.Types[0]].Name + ", not " + c.typ + ".")
	}
	return el.Name, c.sides, nil
}

// member is a member of an object under construction.
type member struct {
	name   string
	array  bool
	values []sides
}

// object builds an element of a type of its parts.
func (c *content) object(typ int32) ([]byte, *fhir.Error) {
	var members []*member
	for _, p := range c.parts {
		elem := fhir.R4().Element(typ, p.name)
		if elem < 0 {
			return nil, unprocessable(fhir.R4().Types[typ].Name + " has no element with the name of a part.")
		}
		el := &fhir.R4().Elements[elem]
		name, s, err := p.content.as(el)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(members, func(m *member) bool { return m.name == name })
		switch {
		case i < 0:
			members = append(members, &member{name, el.Array, []sides{s}})
		case !el.Array:
			return nil, unprocessable("the element " + el.Name + " does not repeat, but is given twice.")
		default:
			members[i].values = append(members[i].values, s)
		}
	}
	return written(members), nil
}

// written is the JSON of an object.
func written(members []*member) []byte {
	to := []byte{'{'}
	for _, m := range members {
		for side, prefix := range prefixes {
			if !slices.ContainsFunc(m.values, func(s sides) bool { return s[side] != nil }) {
				continue
			}
			if len(to) > 1 {
				to = append(to, ',')
			}
			to = append(to, `"`+prefix+m.name+`":`...)
			to = m.write(to, side)
		}
	}
	return append(to, '}')
}

func (m *member) write(to []byte, side int) []byte {
	if !m.array {
		return append(to, m.values[0][side]...)
	}
	for i, s := range m.values {
		to = append(append(to, "[,"[min(i, 1)]), orNull(s[side])...)
	}
	return append(to, ']')
}

// orNull is null for the side that a value does not have.
func orNull(raw []byte) []byte {
	if raw == nil {
		return []byte("null")
	}
	return raw
}
