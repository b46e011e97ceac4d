package fhir

import "strings"

// absent stands in a masked document for what R4 demands there.
const absent = `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}`

// Document is a stored document without what the mask hides, in it and in the resources
// inside it: those elements, all narratives, since they tell of them, and what R4 does not
// know, which could be anything. It has the tag SUBSETTED whether or not something was left
// out, so that nobody learns what is there. What stays keeps its bytes. A document of types
// of which nothing is hidden is returned as it is.
func (m *Mask) Document(body []byte) ([]byte, error) {
	if m == nil {
		return body, nil
	}
	s, err := openTape(body)
	if err != nil {
		return nil, err
	}
	concerned := false
	for i := range s.Nodes {
		concerned = concerned || m.types[s.Nodes[i].Type] != nil && s.Nodes[i].Kind == '{'
	}
	s.close()
	if !concerned {
		return body, nil
	}
	c := masker{scanner: scanner{d: definitions()}, mask: m}
	c.reset(body, false)
	c.space()
	out, _ := c.resource(make([]byte, 0, len(body)+len(subsetted)+16))
	return tagSubsetted(out)
}

// TypesInside are the types of the resource and of those inside it.
func (r *Resource) TypesInside() ([]string, error) {
	s, err := openTape(r.data)
	if err != nil {
		return nil, err
	}
	defer s.close()
	types := []string{s.d.Types[s.Nodes[0].Type].Name}
	for i := range s.Nodes[1:] {
		if n := &s.Nodes[i+1]; n.Kind == '{' && s.d.Types[n.Type].IsResource() {
			types = append(types, s.d.Types[n.Type].Name)
		}
	}
	return types, nil
}

// masker copies the members of a document that a mask does not hide.
type masker struct {
	scanner
	mask *Mask
}

// resource copies the resource at pos. It is tagged if its type is masked and it is inside
// another one.
func (c *masker) resource(out []byte) ([]byte, bool) {
	typ, _ := c.typeAhead()
	c.ahead = 0
	if typ < 0 {
		c.skip()
		return out, false
	}
	of, inside, mark := c.mask.types[typ], c.pos > 0 && len(out) > 0, len(out)
	var h *hidden
	if of != nil {
		h = &of.hidden
	}
	out, some := c.object(out, typ, of, h)
	if of == nil || !inside || !some {
		return out, some
	}
	tagged, err := tagSubsetted(out[mark:])
	if err != nil {
		return out[:mark], false
	}
	return append(out[:mark], tagged...), true
}

// object copies the object at pos. It is false if nothing is left.
func (c *masker) object(out []byte, typ int32, of *masked, h *hidden) ([]byte, bool) {
	mark, kept := len(out), 0
	var there, lost uint64
	var gone []*member
	out = append(out, '{')
	c.each('}', func() {
		from := c.pos
		name, _ := c.memberName()
		m := c.d.member(&c.d.Types[typ], []byte(strings.TrimPrefix(string(name), "_")))
		before := len(out)
		if kept > 0 {
			out = append(out, ',')
		}
		var stays bool
		out, stays = c.member(append(out, c.data[from:c.pos]...), string(name), m, of, h)
		switch {
		case stays:
			kept++
			if m != nil {
				there |= m.bit
			}
			return
		case m != nil && c.d.Elements[m.elem].mandatory && m.kind != abstractType && lost&m.bit == 0:
			lost |= m.bit
			gone = append(gone, m)
		}
		out = out[:before]
	})
	for _, m := range gone {
		if there&m.bit != 0 {
			continue
		}
		if kept++; kept > 1 {
			out = append(out, ',')
		}
		out = append(out, placeholder(m)...)
	}
	if kept == 0 {
		return out[:mark], false
	}
	return append(out, '}'), true
}

// placeholder is the member that stands for a mandatory one.
func placeholder(m *member) string {
	name, value := m.name(), absent
	if m.kind == primitiveType {
		name = "_" + name
	}
	if m.array {
		value = "[" + value + "]"
	}
	return `"` + name + `":` + value
}

// member copies the value at pos of a member. It is false if the mask hides it, or all of it.
func (c *masker) member(out []byte, name string, m *member, of *masked, h *hidden) ([]byte, bool) {
	if m == nil {
		start := c.pos
		c.skip()
		return append(out, c.data[start:c.pos]...), name == "resourceType"
	}
	whole, below := of.at(h, m)
	if whole || c.d.Types[m.typ].Name == "Narrative" {
		c.skip()
		return out, false
	}
	return c.value(out, m, of, below, strings.HasPrefix(name, "_"))
}

// value copies the value at pos. What of an array of extensions of primitives is hidden
// becomes null: each stands beside its primitive.
func (c *masker) value(out []byte, m *member, of *masked, h *hidden, beside bool) ([]byte, bool) {
	if c.peek() != '[' {
		return c.one(out, m, of, h)
	}
	out = append(out, '[')
	items, some := 0, false
	c.each(']', func() {
		before := len(out)
		if items > 0 {
			out = append(out, ',')
		}
		null := c.peek() == 'n'
		var stays bool
		out, stays = c.one(out, m, of, h)
		switch {
		case stays:
			some = some || !null
		case beside:
			out = append(out, "null"...)
		default:
			out = out[:before]
			return
		}
		items++
	})
	return append(out, ']'), some
}

// one copies a value that is no array.
func (c *masker) one(out []byte, m *member, of *masked, h *hidden) ([]byte, bool) {
	switch start := c.pos; {
	case c.peek() != '{':
		c.skip()
		return append(out, c.data[start:c.pos]...), true
	case m.kind == abstractType:
		return c.resource(out)
	}
	return c.object(out, m.typ, of, h)
}
