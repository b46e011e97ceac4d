package fhir

import "math/bits"

// besides compares the primitives of an object with the objects beside them
// (birthDate and _birthDate): nulls only fill gaps, and what has no value must
// have more than an id.
func (s *scanner) besides(f *level) {
	for rest := f.exts &^ f.values; rest != 0; rest &= rest - 1 {
		s.onlyBeside(f, f.t.first+int32(bits.TrailingZeros64(rest)))
	}
	marks := s.arrays[f.arrays:]
	for i, a := range marks {
		if a.ext && f.values&s.d.Elements[a.elem].Bit != 0 {
			continue // judged with its values
		}
		values, exts := a.start, -1
		if a.ext {
			values, exts = -1, a.start
		}
		for _, b := range marks[i+1:] {
			if b.elem == a.elem {
				exts = b.start
			}
		}
		for _, b := range marks[:i] {
			if b.elem == a.elem {
				exts = b.start
			}
		}
		if !s.aligned(values, exts) {
			s.issueNamed(f.at, []byte(s.d.Elements[a.elem].Name), "structure",
				"The array of values and the array beside it must go together: a null fills a gap, and never both at one place.")
		}
	}
}

// onlyBeside judges an element that has no value, only the object beside it.
func (s *scanner) onlyBeside(f *level, elem int32) {
	for c := range s.children(f.at) {
		if n := &s.Nodes[c]; n.Elem == elem && s.onlyID(c) {
			s.issueAt(c, "invariant", "ele-1: An element must have a value or children other than its id. Leave it out or fill it.")
		}
	}
}

func (s *scanner) onlyID(at int32) bool {
	for c := range s.children(at) {
		if s.d.Elements[s.Nodes[c].Elem].Name != "id" {
			return false
		}
	}
	return true
}

// aligned walks an array of values and the array beside it (-1 if absent) in step.
func (s *scanner) aligned(values, exts int) bool {
	saved := s.pos
	defer func() { s.pos = saved }()
	v, x := s.cursor(values), s.cursor(exts)
	for v.more || x.more {
		switch {
		case v.more && x.more && v.null && x.null:
			return false
		case v.more && !x.more && v.null:
			return false
		case !v.more && x.more && (x.null || values >= 0):
			return false
		}
		v, x = s.advance(v), s.advance(x)
	}
	return true
}

// cursor stands before one item of an array that was read already.
type cursor struct {
	pos        int
	more, null bool
}

func (s *scanner) cursor(array int) cursor {
	if array < 0 {
		return cursor{}
	}
	s.pos = array + 1
	s.space()
	return s.here()
}

func (s *scanner) here() cursor {
	c := s.peek()
	return cursor{pos: s.pos, more: c != ']', null: c == 'n'}
}

func (s *scanner) advance(c cursor) cursor {
	if !c.more {
		return c
	}
	s.pos = c.pos
	s.skip()
	s.space()
	if s.peek() == ',' {
		s.pos++
		s.space()
	}
	return s.here()
}
