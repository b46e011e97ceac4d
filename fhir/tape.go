package fhir

// Tape is the flat form of one document: a node for every JSON value that is a
// FHIR element, in document order. It refers to the bytes and copies nothing.
// A tape is only valid until it is closed.
type Tape struct {
	scanner *scanner // takes it back
	data    []byte
	Nodes   []Node
	Marked  []int32 // resources inside the resource, and security labels
}

// Node is one JSON value of a document, in document order. A null and an array
// make no node: each array item is a node of its own with the same Elem. The
// resourceType member makes no node either: it is the Type of its object.
type Node struct {
	Elem         int32  // index into Definitions.Elements, -1 for the root
	Type         int32  // index into Definitions.Types of the concrete type (choice, contained and Bundle.entry.resource resolved)
	start, end   uint32 // span of the JSON value in the bytes, quotes and braces included
	Parent       int32  // index of the parent node, -1 for the root
	Next         int32  // index of the first node after this subtree
	Kind         byte   // '{' '"' 'n' (number) 't' (true or false)
	PrimitiveExt bool   // the object beside a primitive, as in _birthDate; its Elem and Type are the primitive's
	Escaped      bool   // of a string: it has escapes
	used         bool   // of a contained resource, while scanning: something refers to it, or it to its container
}

// ReadTape scans stored bytes without judging them. The tape is valid until
// Close; err is an *Error.
func ReadTape(data []byte) (*Tape, error) {
	s, err := openTape(data)
	if err != nil {
		return nil, err
	}
	return &s.Tape, nil
}

// Close gives the tape back for reuse. It must not be used any more.
func (t *Tape) Close() { t.scanner.close() }

// Raw is the JSON text of a node.
func (t *Tape) Raw(i int32) []byte { return t.data[t.Nodes[i].start:t.Nodes[i].end] }

// text is the value of a primitive: a string without its quotes and escapes,
// a number or boolean as written. It is a part of the document's bytes unless
// the string has escapes.
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
