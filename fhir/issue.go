package fhir

import "strconv"

const maxIssues = 50

// issue notes a finding, if the scan checks the document.
func (s *scanner) issue(code, place, detail string) {
	if s.check && len(s.issues) < maxIssues {
		s.issues = append(s.issues, Issue{Code: code, Detail: detail, Expression: place})
	}
}

// full says that there are enough findings: no need to build more expressions.
func (s *scanner) full() bool { return !s.check || len(s.issues) >= maxIssues }

// issueAt notes a finding about a node.
func (s *scanner) issueAt(at int32, code, detail string) {
	if !s.full() && s.matters(s.Nodes[at].Elem) {
		s.issue(code, s.place(at), detail)
	}
}

// issueIn notes a finding about the next value of an element, which has no node.
func (s *scanner) issueIn(parent, elem int32, code, detail string) {
	switch {
	case s.full() || !s.matters(elem):
	case parent < 0:
		s.issue(code, "", detail)
	default:
		s.issue(code, s.step(parent, elem, false, int32(len(s.Nodes))), detail)
	}
}

// issueNamed notes a finding about a member that is not an element. The place
// includes its name only if it looks like an element name: it is the client's text.
func (s *scanner) issueNamed(parent int32, name []byte, code, detail string) {
	if s.full() || s.loose {
		return
	}
	place := s.place(parent)
	if isName(name) {
		place += "." + string(name)
	}
	s.issue(code, place, detail)
}

func isName(name []byte) bool {
	if len(name) == 0 || len(name) > 64 {
		return false
	}
	for i, c := range name {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// place is the FHIRPath of a node, as in Patient.name[0].given[1].
func (s *scanner) place(at int32) string {
	n := &s.Nodes[at]
	if n.Parent < 0 {
		return s.d.Types[n.Type].Name
	}
	return s.step(n.Parent, n.Elem, n.PrimitiveExt, at)
}

// step is the FHIRPath of an element of a node. If it repeats, its index is the
// number of its values before a node.
func (s *scanner) step(parent, elem int32, ext bool, before int32) string {
	el := &s.d.Elements[elem]
	place := s.place(parent) + "." + el.Name
	if !el.Array {
		return place
	}
	index := 0
	for c := parent + 1; c < before; c = s.Nodes[c].Next {
		if s.Nodes[c].Elem == elem && s.Nodes[c].PrimitiveExt == ext {
			index++
		}
	}
	return place + "[" + strconv.Itoa(index) + "]"
}
