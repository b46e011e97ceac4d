package xml

import "errors"

// node is one value of a JSON document, or the name of a member, which stands before the
// member's value.
type node struct {
	kind       byte // { [ " n (number) t (true, false) 0 (null) k (name)
	start, end int32
	next       int32 // the node after this one and all inside
}

// outline is a JSON document as a list of its values, in their order, made in one pass.
type outline struct {
	data  []byte
	pos   int
	depth int
	nodes []node
}

var errJSON = errors.New("the document is no JSON")

// read adds the value at pos.
func (o *outline) read() error {
	at := int32(len(o.nodes))
	o.nodes = append(o.nodes, node{kind: o.peek(), start: int32(o.pos)})
	n := &o.nodes[at]
	var err error
	switch n.kind {
	case '{', '[':
		err = o.inside(n.kind)
	case '"':
		err = o.text()
	case 't', 'f':
		o.nodes[at].kind = 't'
		o.word()
	case 'n':
		o.nodes[at].kind = 0
		o.word()
	default:
		o.nodes[at].kind = 'n'
		o.word()
	}
	o.nodes[at].end, o.nodes[at].next = int32(o.pos), int32(len(o.nodes))
	if err == nil && o.pos == int(o.nodes[at].start) {
		err = errJSON
	}
	return err
}

// inside reads what an object or array holds.
func (o *outline) inside(open byte) error {
	if o.depth++; o.depth > 2*maxDepth {
		return errJSON
	}
	defer func() { o.depth-- }()
	o.pos++
	for {
		switch o.peek() {
		case open + 2: // } and ] are two after { and [
			o.pos++
			return nil
		case ',':
			o.pos++
			continue
		case 0:
			return errJSON
		}
		if open == '{' {
			if err := o.name(); err != nil {
				return err
			}
		}
		if err := o.read(); err != nil {
			return err
		}
	}
}

// name adds the name of a member and passes its colon.
func (o *outline) name() error {
	start := o.pos
	if o.peek() != '"' || o.text() != nil {
		return errJSON
	}
	o.nodes = append(o.nodes, node{kind: 'k', start: int32(start), end: int32(o.pos), next: int32(len(o.nodes) + 1)})
	if o.peek() != ':' {
		return errJSON
	}
	o.pos++
	o.peek()
	return nil
}

func (o *outline) text() error {
	for o.pos++; o.pos < len(o.data); o.pos++ {
		switch o.data[o.pos] {
		case '\\':
			o.pos++
		case '"':
			o.pos++
			return nil
		}
	}
	return errJSON
}

// word passes a number, true, false or null.
func (o *outline) word() {
	for ; o.pos < len(o.data); o.pos++ {
		switch o.data[o.pos] {
		case ',', ']', '}', ':', '"', '{', '[', ' ', '\n', '\r', '\t':
			return
		}
	}
}

// peek passes white space and is the next byte, 0 at the end.
func (o *outline) peek() byte {
	for ; o.pos < len(o.data); o.pos++ {
		switch c := o.data[o.pos]; c {
		case ' ', '\n', '\r', '\t':
		default:
			return c
		}
	}
	return 0
}
