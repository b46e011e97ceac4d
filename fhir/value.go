package fhir

// array reads the items of a repeating element.
func (s *scanner) array(f *level, m *member, ext bool) bool {
	if s.depth++; s.depth > maxDepth {
		return s.tooDeep()
	}
	if m.kind == primitiveType {
		s.arrays = append(s.arrays, arrayMark{m.elem, s.pos, ext})
	}
	if s.empty(']') {
		s.issueIn(f.at, m.elem, "structure", "An array must not be empty. Leave the element out.")
		s.depth--
		return true
	}
	for {
		if !s.item(f, m, ext) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case ']':
			s.pos++
			s.depth--
			return true
		default:
			return s.syntax("a comma or a closing bracket is missing")
		}
	}
}

func (s *scanner) item(f *level, m *member, ext bool) bool {
	if m.kind != primitiveType || s.peek() != 'n' {
		return s.value(f.at, m, ext)
	}
	f.nulls = true
	return s.skip()
}

// value reads one value of an element.
func (s *scanner) value(parent int32, m *member, ext bool) bool {
	switch {
	case m.kind == primitiveType && !ext:
		return s.primitive(parent, m)
	case s.peek() != '{':
		return s.wrongType(parent, m.elem, "This element is an object.")
	case m.kind == abstractType:
		return s.resource(parent, m.elem)
	}
	return s.object(parent, m.elem, m.typ, ext)
}

// wrongType reports the value at pos and skips it.
func (s *scanner) wrongType(parent, elem int32, wanted string) bool {
	detail := wanted + " Send it as one."
	if s.peek() == 'n' {
		detail = "A null is only for gaps in an array of primitives. Leave the element out."
	}
	s.issueIn(parent, elem, "structure", detail)
	return s.skip()
}

// primitive reads a string, number or boolean.
func (s *scanner) primitive(parent int32, m *member) bool {
	c := s.peek()
	kind := m.json
	switch {
	case kind == '"' && c == '"':
		return s.stringValue(parent, m)
	case kind == 'n' && (c == '-' || '0' <= c && c <= '9'), kind == 't' && (c == 't' || c == 'f'):
	default:
		return s.wrongType(parent, m.elem, wantedKind(kind))
	}
	at := s.open(parent, m.elem, m.typ, kind, false)
	ok := true
	if kind == 'n' {
		ok = s.number()
	} else {
		ok = s.literal()
	}
	s.Nodes[at].end = uint32(s.pos)
	if ok && s.check {
		s.judge(at, &s.d.Types[m.typ], 0)
	}
	return ok
}

// stringValue reads the string at pos as a value.
func (s *scanner) stringValue(parent int32, m *member) bool {
	at := s.open(parent, m.elem, m.typ, '"', false)
	look, ok := s.str()
	n := &s.Nodes[at]
	n.end, n.Escaped = uint32(s.pos), look&hasEscape != 0
	if ok && s.check {
		s.judge(at, &s.d.Types[m.typ], look)
	}
	return ok
}

func wantedKind(kind byte) string {
	switch kind {
	case '"':
		return "This element is a JSON string."
	case 'n':
		return "This element is a JSON number, without quotes."
	}
	return "This element is true or false, without quotes."
}
