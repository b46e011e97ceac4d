package fhir

import "encoding/binary"

// members reads the members of the object at pos. Its node is open.
func (s *scanner) members(f *level) bool {
	switch {
	case s.ahead > 0:
		s.passType(f)
	case s.empty('}'):
		return true
	case !s.nextMember(f):
		return false
	}
	for {
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
			if !s.nextMember(f) {
				return false
			}
		case '}':
			s.pos++
			return true
		default:
			return s.syntax("a comma or a closing brace is missing")
		}
	}
}

// empty enters an object or array, and leaves it if it is empty.
func (s *scanner) empty(shut byte) bool {
	s.pos++
	s.space()
	if s.peek() == shut {
		s.pos++
		return true
	}
	return false
}

// passType skips the resourceType, if typeAhead read it as the first member.
func (s *scanner) passType(f *level) {
	s.pos, s.ahead, f.typed = s.ahead, 0, true
	if f.at == 0 {
		s.typeEnd = s.pos
	}
}

// nextMember reads a member. Documents repeat themselves, so it first tries the
// name that followed last time.
func (s *scanner) nextMember(f *level) bool {
	if i := s.follower[f.last]; i > 0 {
		if m := &s.d.members[i-1]; s.isNext(m) {
			f.last = int32(i - 1)
			if m.text && s.peek() == '"' && (f.values|f.exts)&m.bit == 0 { // the usual case
				f.values |= m.bit
				return s.stringValue(f.at, m)
			}
			return s.element(f, m, false)
		}
	}
	name, ok := s.memberName()
	return ok && s.member(f, name)
}

// isNext skips the name of a member and its colon, if they are at pos.
func (s *scanner) isNext(m *member) bool {
	d, i, n := s.data, s.pos, len(m.quoted)
	if i+n+8 > len(d) || binary.LittleEndian.Uint64(d[i:])<<m.lack != m.head<<m.lack {
		return false
	}
	if n > 8 && (binary.LittleEndian.Uint64(d[i+n-8:]) != m.tail || n > 16 && string(d[i+8:i+n-8]) != m.quoted[8:n-8]) {
		return false
	}
	i += n
	if d[i] == ' ' {
		i++
	}
	if d[i] != ':' {
		return false
	}
	if i++; d[i] == ' ' {
		i++
	}
	s.pos = i
	s.space()
	return true
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
		s.name = AppendUnescaped(s.name[:0], name)
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
	i := s.d.memberIndex(f.t, plain)
	if i < 0 || ext && s.d.members[i].kind != primitiveType {
		return s.otherMember(f, name)
	}
	if !ext {
		s.follower[f.last], f.last = uint16(i+1), i
	}
	return s.element(f, &s.d.members[i], ext)
}

// element reads the value of an element.
func (s *scanner) element(f *level, m *member, ext bool) bool {
	if (f.values|f.exts)&m.bit != 0 {
		skip, ok := s.again(f, m, ext)
		if skip || !ok {
			return ok
		}
	}
	if ext {
		f.exts |= m.bit
	} else {
		f.values |= m.bit
	}
	switch list := s.peek() == '['; {
	case list && m.array:
		return s.array(f, m, ext)
	case list:
		s.issueIn(f.at, m.elem, "structure", "This element cannot repeat. Send a single value, not an array.")
		return s.skip()
	case m.array && s.peek() != 'n':
		s.issueIn(f.at, m.elem, "structure", "This element repeats. Send an array, also for a single value.")
		return s.skip()
	}
	return s.value(f.at, m, ext)
}

// otherMember reads a member that is not an element of the type.
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

// again handles an element that occurred before: the other half of a primitive, a
// duplicate member, or a choice element with two types.
func (s *scanner) again(f *level, m *member, ext bool) (skip, ok bool) {
	el := &s.d.Elements[m.elem]
	if f.torn&el.Bit != 0 {
		return true, s.skip()
	}
	if el.Choice && s.otherChoice(f, m) {
		f.torn |= el.Bit
		s.issueIn(f.at, m.elem, "structure", "This element is given with two types. Keep one of them.")
		return true, s.skip()
	}
	if ext && f.exts&el.Bit != 0 || !ext && f.values&el.Bit != 0 {
		return true, s.duplicate(f.at)
	}
	return false, true
}

func (s *scanner) otherChoice(f *level, m *member) bool {
	for c := f.at + 1; c < int32(len(s.Nodes)); c = s.Nodes[c].Next {
		if s.Nodes[c].Elem == m.elem && s.Nodes[c].Type != m.typ {
			return true
		}
	}
	return false
}
