package fhir

import (
	"math/bits"
	"slices"
)

// judge checks the primitive of a node: its format, its code list and, for a
// reference, its target.
func (s *scanner) judge(at int32, t *Type, look looks) {
	n := &s.Nodes[at]
	text := s.data[n.start:n.end]
	if n.Kind == '"' {
		text = text[1 : len(text)-1]
		if look&hasEscape != 0 {
			s.buf = AppendUnescaped(s.buf[:0], text)
			text = s.buf
		}
	}
	if fault := s.formatFault(t, text, look); fault != "" {
		code := "value"
		if t.Name == "xhtml" && fault != notXML {
			code = "invariant"
		}
		s.issueAt(at, code, fault)
		return
	}
	if codes := s.d.Elements[n.Elem].codes; codes != nil && !s.loose && !codes.hasCode(text) {
		s.issueAt(at, "code-invalid", "The code is not in the required value set "+codes.name+". Send one of its codes.")
	}
	switch {
	case n.Elem == s.d.marks.reference:
		if s.linkKind(at) != noLink {
			s.links = append(s.links, at)
		}
		s.judgeReference(at, text)
	case s.d.marks.isURI(n.Type):
		if text[0] == '#' {
			s.locals = append(s.locals, local{at: at})
		}
		if s.linkKind(at) != noLink {
			s.links = append(s.links, at)
		}
	case t.Name == "xhtml":
		if s.linkKind(at) != noLink {
			s.links = append(s.links, at)
		}
	}
}

func (s *scanner) formatFault(t *Type, text []byte, look looks) string {
	switch {
	case t.Name == "xhtml":
		return s.narrativeFault(text)
	case look&hasControl != 0:
		return "The value has a control character, which FHIR does not allow. Leave it out."
	}
	return t.format.faultOf(text)
}

// finish checks an object after its end.
func (s *scanner) finish(f *level) {
	const id = 1 // the first element of every type
	given := f.values | f.exts
	if missing := f.t.mandatory &^ given; missing != 0 {
		s.missing(f, missing)
	}
	if s.loose {
		return
	}
	n := &s.Nodes[f.at]
	if f.t.kind != resourceType && !f.odd && (given&^id == 0 && !n.PrimitiveExt || given == 0) {
		s.issueAt(f.at, "invariant", "ele-1: An element must have a value or children other than its id. Leave it out or fill it.")
	}
	if f.exts != 0 || f.nulls {
		s.primitiveExtensions(f)
	}
	switch {
	case n.Type == s.d.marks.extension:
		s.finishExtension(f)
	case n.Elem >= 0 && s.d.Elements[n.Elem].codes != nil && !n.PrimitiveExt:
		s.finishCoded(f.at, s.d.Elements[n.Elem].codes)
	}
}

func (s *scanner) missing(f *level, missing uint64) {
	for ; missing != 0; missing &= missing - 1 {
		el := &s.d.Elements[f.t.first+int32(bits.TrailingZeros64(missing))]
		if !s.full() && (!s.loose || slices.Contains(el.Types, s.d.marks.referenceType)) {
			s.issue("required", s.place(f.at)+"."+el.Name, "This element is mandatory. Add it.")
		}
	}
}

// finishExtension checks ext-1.
func (s *scanner) finishExtension(f *level) {
	value, extension := false, false
	for c := range s.children(f.at) {
		switch s.d.Elements[s.Nodes[c].Elem].Name {
		case "value":
			value = true
		case "extension":
			extension = true
		}
	}
	if value == extension {
		s.issueAt(f.at, "invariant", "ext-1: An extension must have either a value or extensions, and not both.")
	}
}

// finishCoded checks a Coding or CodeableConcept with a required binding. A
// concept without a coding passes only if an extension says why.
func (s *scanner) finishCoded(at int32, codes *codeSet) {
	m := &s.d.marks
	ok := false
	switch s.Nodes[at].Type {
	case m.coding:
		ok = s.codingIn(at, codes)
	case m.concept:
		codings := 0
		extended := false
		for c := range s.children(at) {
			switch s.Nodes[c].Type {
			case m.coding:
				codings++
				ok = ok || s.codingIn(c, codes)
			case m.extension:
				extended = true
			}
		}
		ok = ok || codings == 0 && extended
	default:
		ok = true
	}
	if !ok {
		s.issueAt(at, "code-invalid", "No coding is of the required value set "+codes.name+". Send one of its codes with its system.")
	}
}

func (s *scanner) codingIn(at int32, codes *codeSet) bool {
	return codes.hasCoding(s.memberText(at, "system"), s.memberText(at, "code"))
}
