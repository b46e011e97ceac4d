package fhir

import (
	"bytes"
	"slices"
)

// judgeReference checks the target of a Reference.reference by its text: a
// Type/id now, # at the end of the resource.
func (s *scanner) judgeReference(at int32, text []byte) {
	if text[0] == '#' {
		s.locals = append(s.locals, local{at: at, reference: true})
		return
	}
	if typ := s.d.typeOfReference(text); typ >= 0 {
		s.judgeTarget(at, typ)
	}
}

// judgeTarget checks that the Reference around a node may point to a type.
func (s *scanner) judgeTarget(at, typ int32) {
	holder := s.Nodes[at].Parent
	elem := s.Nodes[holder].Elem
	if elem < 0 {
		return
	}
	if targets := s.d.Elements[elem].targets; len(targets) > 0 && !slices.Contains(targets, typ) {
		s.issueAt(at, "value", "This element may not refer to a resource of that type. Refer to one of the types that R4 allows here.")
	}
}

// typeOfReference is the resource type in a reference: in Type/id, also at the end
// of a URL, or in a conditional reference. It is -1 if the reference names none.
func (d *Definitions) typeOfReference(ref []byte) int32 {
	if bytes.HasPrefix(ref, []byte("urn:")) {
		return -1
	}
	if i := bytes.IndexByte(ref, '?'); i >= 0 {
		return d.resourceIndex(ref[:i])
	}
	if i := bytes.IndexByte(ref, '#'); i >= 0 {
		ref = ref[:i]
	}
	typ, id := lastTwo(ref)
	if string(typ) == "_history" {
		typ, id = lastTwo(ref[:len(ref)-len("/_history/")-len(id)])
	}
	if !IsID(id) {
		return -1
	}
	return d.resourceIndex(typ)
}

// lastTwo are the last two segments of a path.
func lastTwo(path []byte) (first, second []byte) {
	slash := bytes.LastIndexByte(path, '/')
	if slash < 0 {
		return nil, nil
	}
	first = path[:slash]
	return first[bytes.LastIndexByte(first, '/')+1:], path[slash+1:]
}

// resourceIndex finds a concrete resource type, or returns -1.
func (d *Definitions) resourceIndex(name []byte) int32 {
	i, ok := d.byName[string(name)]
	if !ok || d.Types[i].kind != resourceType {
		return -1
	}
	return i
}
