package fhir

import (
	"bytes"
	"slices"
)

// local is a reference inside the document: #id names a contained resource, #
// alone the container.
type local struct {
	at        int32
	reference bool // Reference.reference, which must resolve
}

// localID identifies a contained resource or an entry of a Bundle.
type localID struct {
	text    []byte // the id, or the fullUrl
	version []byte // of an entry's resource
	at      int32  // the contained resource, or the fullUrl
}

// resource reads the resource at pos: the document, a contained resource or an
// entry of a Bundle.
func (s *scanner) resource(parent, elem int32) bool {
	typ, found := s.typeAhead()
	if typ < 0 {
		detail := "A resource must have a resourceType. Add it."
		if found {
			detail = "The resourceType is not one of R4. Correct it."
		}
		s.issueIn(parent, elem, "structure", detail)
		return s.skip()
	}
	at, mark := int32(len(s.Nodes)), len(s.locals)
	if parent >= 0 {
		s.Marked = append(s.Marked, at)
	}
	if !s.object(parent, elem, typ, false) {
		return false
	}
	if !s.check {
		return true
	}
	if parent >= 0 && s.d.Elements[elem].Name == "contained" {
		s.judgeContained(at)
		return true
	}
	s.judgeLocals(at, s.locals[mark:])
	s.locals = s.locals[:mark]
	if typ == s.d.marks.bundle && !s.loose {
		s.judgeBundle(at)
	}
	return true
}

// typeAhead finds the resourceType of the object at pos, at any place in it,
// without moving. It returns -1 for none and for types unknown to R4.
func (s *scanner) typeAhead() (typ int32, found bool) {
	pos, depth := s.pos, s.depth
	typ, found = s.lookAhead()
	s.pos, s.depth, s.fault = pos, depth, nil
	if typ < 0 {
		s.ahead = 0
	}
	return typ, found
}

// lookAhead is typeAhead, but moves. If the resourceType is the first member, it
// sets ahead, so that nobody reads it again.
func (s *scanner) lookAhead() (typ int32, found bool) {
	s.pos++
	s.space()
	for first := true; s.peek() == '"'; first = false {
		name, ok := s.memberName()
		if !ok {
			return -1, false
		}
		here := string(name) == "resourceType"
		start := s.pos
		if !s.skip() {
			return -1, false
		}
		if here {
			if first {
				s.ahead = s.pos
			}
			return s.concreteType(s.data[start:s.pos]), true
		}
		s.space()
		if s.peek() != ',' {
			return -1, false
		}
		s.pos++
		s.space()
	}
	return -1, false
}

func (s *scanner) concreteType(raw []byte) int32 {
	if len(raw) < 2 || raw[0] != '"' {
		return -1
	}
	return s.d.resourceIndex(unescape(raw[1 : len(raw)-1]))
}

// judgeContained checks dom-2, dom-4 and dom-5 for a contained resource.
func (s *scanner) judgeContained(at int32) {
	for c := range s.children(at) {
		switch s.nameOf(c) {
		case "contained":
			s.issueAt(c, "invariant", "dom-2: A contained resource must not contain resources. Contain them in the outer resource.")
		case "meta":
			s.judgeContainedMeta(c)
		}
	}
}

func (s *scanner) judgeContainedMeta(meta int32) {
	for c := range s.children(meta) {
		switch s.nameOf(c) {
		case "versionId", "lastUpdated":
			s.issueAt(c, "invariant", "dom-4: A contained resource has no version and no time of its own. Leave them out.")
		case "security":
			s.issueAt(c, "invariant", "dom-5: A contained resource has no security labels of its own. Label the outer resource.")
		}
	}
}

// nameOf is the element name of a node, "" for the document.
func (s *scanner) nameOf(at int32) string {
	if e := s.Nodes[at].Elem; e >= 0 {
		return s.d.Elements[e].Name
	}
	return ""
}

// judgeLocals checks ref-1 and dom-3: a local reference must resolve, and a
// contained resource must be referred to or refer to its container.
func (s *scanner) judgeLocals(at int32, locals []local) {
	s.ids = s.ids[:0]
	for c := range s.children(at) {
		if s.nameOf(c) == "contained" {
			s.ids = append(s.ids, localID{text: s.memberText(c, "id"), at: c})
		}
	}
	if len(s.ids) == 0 && len(locals) == 0 {
		return
	}
	slices.SortStableFunc(s.ids, func(a, b localID) int { return bytes.Compare(a.text, b.text) })
	for _, l := range locals {
		s.resolveLocal(l)
	}
	for i := range s.ids {
		s.judgeLocalID(i)
	}
}

func (s *scanner) judgeLocalID(i int) {
	id := &s.ids[i]
	switch {
	case i > 0 && len(id.text) > 0 && bytes.Equal(id.text, s.ids[i-1].text):
		s.issueAt(id.at, "invariant", "Two contained resources have the same id. Give each its own.")
	case !s.Nodes[id.at].used && !s.loose:
		s.issueAt(id.at, "invariant", "dom-3: A contained resource must be referred to with # and its id, or refer to its container with #.")
	}
}

func (s *scanner) resolveLocal(l local) {
	target := s.text(l.at)[1:]
	if len(target) == 0 {
		if holder := s.containedHolder(l.at); holder >= 0 {
			s.Nodes[holder].used = true
			return
		}
	}
	i, ok := slices.BinarySearchFunc(s.ids, target, func(id localID, t []byte) int { return bytes.Compare(id.text, t) })
	switch {
	case ok && len(target) > 0:
		s.Nodes[s.ids[i].at].used = true
		if l.reference {
			s.judgeTarget(l.at, s.Nodes[s.ids[i].at].Type)
		}
	case l.reference:
		s.issueAt(l.at, "invariant", "ref-1: The reference begins with # but no contained resource has that id. Contain the resource or correct the id.")
	}
}

// containedHolder is the contained resource around a node, or -1.
func (s *scanner) containedHolder(at int32) int32 {
	for ; at >= 0; at = s.Nodes[at].Parent {
		if s.nameOf(at) == "contained" {
			return at
		}
	}
	return -1
}
