package fhir

import (
	"bytes"
	"slices"
	"strings"
)

const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// Subset reduces a stored resource to the elements that _summary (true, text,
// data) or _elements select, and adds the tag SUBSETTED. Selected elements keep
// their bytes. Mandatory elements always stay, and no element becomes empty: an
// object without selected members stays whole. With summary "" or "false" and no
// elements Subset returns the body unchanged.
func Subset(body []byte, summary string, elements []string) ([]byte, error) {
	keep, deep := subsetRule(summary, elements)
	if keep == nil {
		return body, nil
	}
	r, err := Open(body)
	if err != nil {
		return nil, err
	}
	d := definitions()
	c := subsetter{scanner: scanner{d: d}, deep: deep}
	c.reset(body, false)
	c.space()
	out := c.object(make([]byte, 0, len(body)+len(subsetted)+16), &d.Types[d.byName[r.typ]], keep)
	return tagSubsetted(out)
}

// maxElements is how many names _elements may have: more than any type has elements.
const maxElements = 100

// ParseElements reads the value of _elements. Every element of every resource is compared
// with every name.
func ParseElements(value string) ([]string, error) {
	names := strings.Split(value, ",")
	if len(names) > maxElements || slices.ContainsFunc(names, func(n string) bool { return strings.Trim(n, elementLetters) != "" || n == "" }) {
		return nil, &Error{Kind: Invalid, Expression: "_elements", Detail: "_elements is a list of at most 100 names of top-level elements with commas between them."}
	}
	return names, nil
}

const elementLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

// subsetRule says which elements of the resource stay, and whether the same rule
// applies inside them. It returns nil if all stay.
func subsetRule(summary string, elements []string) (keep func(*Element) bool, deep bool) {
	switch {
	case summary == "true":
		return inSummary, true
	case summary == "text":
		return func(e *Element) bool { return e.mandatory || isOneOf(e, "id", "meta", "text") }, false
	case summary == "data":
		return func(e *Element) bool { return e.Name != "text" }, false
	case len(elements) > 0:
		return func(e *Element) bool {
			return e.mandatory || e.modifier || isOneOf(e, "id", "meta") || isOneOf(e, elements...)
		}, false
	}
	return nil, false
}

func inSummary(e *Element) bool { return e.summary || e.mandatory || e.modifier }

// isOneOf says whether names has the element, alone or after its type.
func isOneOf(e *Element, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return n[strings.LastIndexByte(n, '.')+1:] == e.Name })
}

// subsetter copies the members of a document that a rule selects.
type subsetter struct {
	scanner
	deep bool
}

// object copies the object at pos. If no member stays, it copies all of them.
func (c *subsetter) object(out []byte, t *Type, keep func(*Element) bool) []byte {
	start, mark := c.pos, len(out)
	out = append(out, '{')
	kept := 0
	c.each('}', func() {
		from := c.pos
		name, _ := c.memberName()
		m := c.d.member(t, []byte(strings.TrimPrefix(string(name), "_")))
		if m != nil && !keep(&c.d.Elements[m.elem]) {
			c.skip()
			return
		}
		if kept++; kept > 1 {
			out = append(out, ',')
		}
		out = c.value(append(out, c.data[from:c.pos]...), m)
	})
	if kept == 0 {
		return append(out[:mark], c.data[start:c.pos]...)
	}
	return append(out, '}')
}

// value copies the value at pos.
func (c *subsetter) value(out []byte, m *member) []byte {
	start := c.pos
	if m == nil || !c.deep || !c.divisible(m) {
		c.skip()
		return append(out, c.data[start:c.pos]...)
	}
	t := &c.d.Types[m.typ]
	if c.peek() == '{' {
		return c.object(out, t, inSummary)
	}
	out = append(out, '[')
	items := 0
	c.each(']', func() {
		if items++; items > 1 {
			out = append(out, ',')
		}
		out = c.object(out, t, inSummary)
	})
	return append(out, ']')
}

// divisible says whether a summary applies inside an element. It does not split
// extensions, primitives from their extensions, or resources.
func (c *subsetter) divisible(m *member) bool {
	kind := c.d.Types[m.typ].kind
	return (kind == complexType || kind == backboneType) && m.typ != c.d.marks.extension
}

// each calls read at every member or item of the object or array at pos, and stops
// after it. The JSON is known to be valid.
func (s *scanner) each(shut byte, read func()) {
	s.pos++
	s.space()
	for s.peek() != shut && s.pos < len(s.data) {
		read()
		s.space()
		if s.peek() == ',' {
			s.pos++
			s.space()
		}
	}
	s.pos++
}

// tagSubsetted adds the tag that marks an incomplete resource.
func tagSubsetted(body []byte) ([]byte, error) {
	s, err := openTape(body)
	if err != nil {
		return nil, err
	}
	defer s.close()
	r := s.resourceFound()
	p := patch{data: body}
	meta := s.memberNode(0, "meta")
	if meta < 0 {
		p.insert(max(r.at.typeEnd, r.at.id.end), `,"meta":{"tag":[`+subsetted+`]}`)
		return p.apply(), nil
	}
	tag := s.memberNode(meta, "tag")
	switch {
	case tag >= 0 && bytes.Contains(body[s.Nodes[tag].start:s.Nodes[tag].end], []byte(subsetted)): // masked before
		return body, nil
	case tag >= 0:
		p.insert(int(s.Nodes[tag].start), subsetted+",")
	case r.emptyMeta():
		p.insert(r.at.meta.start+1, `"tag":[`+subsetted+`]`)
	default:
		p.insert(r.at.meta.start+1, `"tag":[`+subsetted+`],`)
	}
	return p.apply(), nil
}
