package fhir

import "math/bits"

// primitiveExtensions compares the primitives of an object with their extensions
// (birthDate with _birthDate): a null only fills a gap, and an element without a
// value must have more than an id.
func (s *scanner) primitiveExtensions(f *level) {
	for rest := f.exts &^ f.values; rest != 0; rest &= rest - 1 {
		s.onlyExtension(f, f.t.first+int32(bits.TrailingZeros64(rest)))
	}
	marks := s.arrays[f.arrays:]
	for i, a := range marks {
		if a.ext && f.values&s.d.Elements[a.elem].Bit != 0 {
			continue // checked with its values
		}
		values, exts := a.start, -1
		if a.ext {
			values, exts = -1, a.start
		}
		for j, b := range marks {
			if j != i && b.elem == a.elem {
				exts = b.start
			}
		}
		if !s.aligned(values, exts) {
			s.issueNamed(f.at, []byte(s.d.Elements[a.elem].Name), "structure",
				"The array of values and the array of their extensions do not match: a null only marks a gap, and the two arrays never have one at the same place.")
		}
	}
}

// onlyExtension checks an element that has an extension but no value.
func (s *scanner) onlyExtension(f *level, elem int32) {
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

// aligned compares an array of values with the array of their extensions (-1 if
// absent), item by item.
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

// cursor is a position before an item of an array that the scan has passed.
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
