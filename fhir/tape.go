package fhir

// Tape is the flat form of one document: a node for every JSON value that is a
// FHIR element, in document order. It refers to the bytes and copies nothing.
// A tape is only valid until it is closed.
type Tape struct {
	scanner *scanner // owner
	data    []byte
	Nodes   []Node
	Marked  []int32 // nodes of inner resources and of security labels
}

// Node is one JSON value of a document. Nulls, arrays and resourceType members have
// no node: each array item is a node with the same Elem, and the resourceType is
// the Type of its object.
type Node struct {
	Elem         int32  // index into Definitions.Elements, -1 for the root
	Type         int32  // index into Definitions.Types of the concrete type (choice, contained and Bundle.entry.resource resolved)
	start, end   uint32 // span of the JSON value in the bytes, quotes and braces included
	Parent       int32  // index of the parent node, -1 for the root
	Next         int32  // index of the first node after this subtree
	Kind         byte   // '{' '"' 'n' (number) 't' (true or false)
	PrimitiveExt bool   // extension of a primitive, as _birthDate; its Elem and Type are those of the primitive
	Escaped      bool   // a string with escapes
	used         bool   // a contained resource that is referred to, or refers to its container
}

// ReadTape scans stored bytes without checks. The tape is valid until Close; err is
// an *Error.
func ReadTape(data []byte) (*Tape, error) {
	s, err := openTape(data)
	if err != nil {
		return nil, err
	}
	return &s.Tape, nil
}

// Close returns the tape to the pool. Nobody may use it afterwards.
func (t *Tape) Close() { t.scanner.close() }

// Raw is the JSON text of a node.
func (t *Tape) Raw(i int32) []byte { return t.data[t.Nodes[i].start:t.Nodes[i].end] }

// Place is the FHIRPath of a node, as in Patient.name[0].given[1].
func (t *Tape) Place(i int32) string { return t.scanner.place(i) }

// text is the value of a primitive: a string without quotes and escapes, a number
// or boolean as written. Without escapes it is a slice of the document.
func (t *Tape) text(i int32) []byte {
	raw := t.Raw(i)
	if t.Nodes[i].Kind != '"' {
		return raw
	}
	return unescape(raw[1 : len(raw)-1])
}

// children calls yield for every child of a node in document order, until it
// returns false.
func (t *Tape) children(i int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for c := i + 1; c < t.Nodes[i].Next; c = t.Nodes[c].Next {
			if !yield(c) {
				return
			}
		}
	}
}
