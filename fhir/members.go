package fhir

// members reads the members of the object at pos, after its node is open.
func (s *scanner) members(f *level) bool {
	s.pos++
	s.space()
	if s.peek() == '}' {
		s.pos++
		return true
	}
	for {
		name, ok := s.memberName()
		if !ok || !s.member(f, name) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			return true
		default:
			return s.syntax("a comma or a closing brace is missing")
		}
	}
}

// memberName reads a name and its colon and stops before the value.
func (s *scanner) memberName() ([]byte, bool) {
	start := s.pos + 1
	if s.peek() != '"' {
		return nil, s.syntax("a member name in quotes is missing")
	}
	look, ok := s.str()
	if !ok {
		return nil, false
	}
	name := s.data[start : s.pos-1]
	if look&hasEscape != 0 {
		s.name = appendUnescaped(s.name[:0], name)
		name = s.name
	}
	s.space()
	if s.peek() != ':' {
		return nil, s.syntax("a colon is missing after a member name")
	}
	s.pos++
	s.space()
	return name, true
}

// member reads the value of a member of an object.
func (s *scanner) member(f *level, name []byte) bool {
	ext := len(name) > 1 && name[0] == '_'
	plain := name
	if ext {
		plain = name[1:]
	}
	m := s.d.member(f.t, plain)
	if m == nil || ext && s.d.types[m.typ].kind != primitiveType {
		return s.otherMember(f, name)
	}
	el := &s.d.elements[m.elem]
	if (f.values|f.exts)&el.bit != 0 {
		skip, ok := s.again(f, m, ext)
		if skip || !ok {
			return ok
		}
	}
	if ext {
		f.exts |= el.bit
	} else {
		f.values |= el.bit
	}
	switch list := s.peek() == '['; {
	case list && el.array:
		return s.array(f, m, ext)
	case list:
		s.issueIn(f.at, m.elem, "structure", "This element cannot repeat. Send a single value, not an array.")
		return s.skip()
	case el.array && s.peek() != 'n':
		s.issueIn(f.at, m.elem, "structure", "This element repeats. Send an array, also for a single value.")
		return s.skip()
	}
	return s.value(f.at, m, ext)
}

// otherMember reads a member that is no element of the type.
func (s *scanner) otherMember(f *level, name []byte) bool {
	if f.t.kind == resourceType && string(name) == "resourceType" {
		if f.typed {
			return s.duplicate(f.at)
		}
		f.typed = true
		ok := s.skip()
		if f.at == 0 {
			s.typeEnd = s.pos
		}
		return ok
	}
	f.odd = true
	s.issueNamed(f.at, name, "structure", "R4 has no such element here. Leave it out or correct its name.")
	return s.skip()
}

// again judges an element that was met before: the other half of a primitive, a
// duplicate member, or a choice element with two types.
func (s *scanner) again(f *level, m *member, ext bool) (skip, ok bool) {
	el := &s.d.elements[m.elem]
	if f.torn&el.bit != 0 {
		return true, s.skip()
	}
	if el.choice && s.otherChoice(f, m) {
		f.torn |= el.bit
		s.issueIn(f.at, m.elem, "structure", "This element is given with two types. Keep one of them.")
		return true, s.skip()
	}
	if ext && f.exts&el.bit != 0 || !ext && f.values&el.bit != 0 {
		return true, s.duplicate(f.at)
	}
	return false, true
}

func (s *scanner) otherChoice(f *level, m *member) bool {
	for c := f.at + 1; c < int32(len(s.nodes)); c = s.nodes[c].next {
		if s.nodes[c].elem == m.elem && s.nodes[c].typ != m.typ {
			return true
		}
	}
	return false
}
