package fhir

import (
	"bytes"
	"slices"
)

// judgeReference checks what a Reference.reference points to, as far as its
// text says: # is judged at the end of the resource, a Type/id now.
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
	holder := s.nodes[at].parent
	elem := s.nodes[holder].elem
	if elem < 0 {
		return
	}
	if targets := s.d.elements[elem].targets; len(targets) > 0 && !slices.Contains(targets, typ) {
		s.issueAt(at, "value", "This element may not refer to a resource of that type. Refer to one of the types that R4 allows here.")
	}
}

// typeOfReference is the resource type that a reference names as Type/id, at the
// end of a URL too, or as the search of a conditional reference; -1 if it names none.
func (d *defs) typeOfReference(ref []byte) int32 {
	if bytes.HasPrefix(ref, []byte("urn:")) {
		return -1
	}
	if typ, _, ok := bytes.Cut(ref, []byte("?")); ok {
		return d.resourceIndex(typ)
	}
	ref, _, _ = bytes.Cut(ref, []byte("#"))
	if i := bytes.LastIndex(ref, []byte("/_history/")); i >= 0 {
		ref = ref[:i]
	}
	slash := bytes.LastIndexByte(ref, '/')
	if slash < 0 || !isID(ref[slash+1:]) {
		return -1
	}
	typ := ref[:slash]
	return d.resourceIndex(typ[bytes.LastIndexByte(typ, '/')+1:])
}

// resourceIndex finds a concrete resource type, -1 if there is none.
func (d *defs) resourceIndex(name []byte) int32 {
	i, ok := d.byName[string(name)]
	if !ok || d.types[i].kind != resourceType {
		return -1
	}
	return i
}
