package fhir

// tape is the flat form of one document: a node for every JSON value that is a
// FHIR element, in document order. It refers to the bytes and copies nothing.
// A tape is only valid until its scanner is closed.
type tape struct {
	data   []byte
	nodes  []node
	marked []int32 // resources inside the resource, and security labels
}

// node is one JSON value of a document, in document order. A null and an array
// make no node: each array item is a node of its own with the same elem. The
// resourceType member makes no node either: it is the typ of its object.
type node struct {
	elem         int32  // index into defs.elements: name, types ...; -1 for the root
	typ          int32  // index into defs.types of the concrete type (choice, contained and Bundle.entry.resource resolved)
	start, end   uint32 // span of the JSON value in the bytes, quotes and braces included
	parent       int32  // index of the parent node, -1 for the root
	next         int32  // index of the first node after this subtree
	kind         byte   // '{' '"' 'n' (number) 't' (true or false)
	primitiveExt bool   // the object beside a primitive, as in _birthDate; its elem and typ are the primitive's
	escaped      bool   // of a string: it has escapes
	used         bool   // of a contained resource, while scanning: something refers to it, or it to its container
}

// raw is the JSON text of a node.
func (t *tape) raw(i int32) []byte { return t.data[t.nodes[i].start:t.nodes[i].end] }

// text is the value of a primitive: a string without its quotes and escapes,
// a number or boolean as written. It is a part of the document's bytes unless
// the string has escapes.
func (t *tape) text(i int32) []byte {
	raw := t.raw(i)
	if t.nodes[i].kind != '"' {
		return raw
	}
	return unescape(raw[1 : len(raw)-1])
}

// children calls yield for every child of a node in document order, until it
// returns false.
func (t *tape) children(i int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
			if !yield(c) {
				return
			}
		}
	}
}
