package fhir

// Text is the value of a primitive: a string without quotes and escapes, a number or
// boolean as written. It may be a slice of the document.
func (t *Tape) Text(i int32) []byte { return t.text(i) }

// Data is the document. Callers must not change it.
func (t *Tape) Data() []byte { return t.data }

// Span is where the JSON value of a node begins and ends, quotes and braces included.
func (t *Tape) Span(i int32) (start, end int) {
	return int(t.Nodes[i].start), int(t.Nodes[i].end)
}

// Ahead says how many places of its JSON array a node is after the item before it, or,
// if it is the first with a value, after the opening bracket. Nulls take places but have
// no nodes: this tells which value and which extension of a repeating primitive belong
// together.
func (t *Tape) Ahead(i int32) (places int, first bool) {
	for at := int(t.Nodes[i].start) - 1; at >= 0; at-- {
		switch c := t.data[at]; {
		case c == ',':
			places++
		case c == '[' || c == ':':
			return places, true
		case !isSpace(c) && c != 'n' && c != 'u' && c != 'l':
			return places, false
		}
	}
	return places, true
}

// Slot is the place of a node in its JSON array, counted with the nulls.
func (t *Tape) Slot(i int32) int {
	n := &t.Nodes[i]
	slot := 0
	for c := n.Parent + 1; c <= i; c = t.Nodes[c].Next {
		if o := &t.Nodes[c]; o.Elem == n.Elem && o.PrimitiveExt == n.PrimitiveExt {
			places, first := t.Ahead(c)
			if first {
				slot = 0
			}
			slot += places
		}
	}
	return slot
}
