package fhir

import "bytes"

// A Bundle is cut into its frame and its resources before anything is parsed. Then
// each resource is parsed once, as the document to be stored, and an error in one
// entry of a batch does not affect the others. The cut only follows brackets,
// strings and member names: if the frame and every resource are valid, so was the
// Bundle.

// cut is a Bundle in parts.
type cut struct {
	frame     []byte   // the Bundle without entry.resource members
	resources [][]byte // by entry; nil where there is none
}

// cutBundle cuts a Bundle. It leaves what it cannot follow in the frame, for the
// parser to refuse.
func cutBundle(data []byte) (cut, error) {
	c := cutter{data: data, frame: make([]byte, 0, 4096)}
	c.members(func(name int) bool {
		if !c.named(name, "entry") {
			return false
		}
		c.items(c.entry)
		return true
	})
	c.keep(len(data))
	if c.broken {
		return cut{}, &Error{Kind: Malformed, Detail: "A Bundle entry is not a valid JSON object.", Expression: "Bundle.entry"}
	}
	return cut{frame: c.frame, resources: c.resources}, nil
}

type cutter struct {
	data      []byte
	at        int // read so far
	kept      int // copied to the frame, or cut, so far
	frame     []byte
	resources [][]byte
	broken    bool
}

// entry reads one item of Bundle.entry and cuts its resource out.
func (c *cutter) entry() {
	i := len(c.resources)
	c.resources = append(c.resources, nil)
	c.members(func(name int) bool {
		if !c.named(name, "resource") || c.peek() != '{' {
			return false
		}
		from := c.at
		c.skip()
		c.broken = c.broken || c.resources[i] != nil
		c.resources[i] = c.data[from:c.at]
		c.drop(name)
		return true
	})
}

// drop removes the member that began at name from the frame, with one of the
// commas around it. It insists on the commas: otherwise it would repair invalid
// JSON.
func (c *cutter) drop(name int) {
	before := c.before(name)
	first, last := c.data[before] == '{', c.peek() == '}'
	switch {
	case !first && c.data[before] != ',', !last && c.peek() != ',':
		c.broken = true
	case !last:
		c.keep(name)
		c.at++
		c.broken = c.broken || c.peek() != '"'
	case first:
		c.keep(name)
	default:
		c.keep(before)
		c.broken = c.broken || c.data[c.before(before)] == '{'
	}
	c.kept = c.at
}

// before is the place of the last byte before at that is not white space.
func (c *cutter) before(at int) int {
	for at--; space(c.data[at]); {
		at--
	}
	return at
}

// keep copies everything up to end that was not copied yet to the frame.
func (c *cutter) keep(end int) {
	if end > c.kept {
		c.frame = append(c.frame, c.data[c.kept:end]...)
	}
}

// members walks the object at the cursor. At each value it calls value with the
// place of the member's name, and skips the value if that returns false.
func (c *cutter) members(value func(name int) bool) {
	c.walk('{', '"', func() { c.member(value) })
}

func (c *cutter) member(value func(name int) bool) {
	name := c.at
	c.string()
	if c.peek() != ':' {
		return
	}
	c.at++
	if !value(name) {
		c.skip()
	}
}

// named says whether the member name at a place is exactly name.
func (c *cutter) named(at int, name string) bool {
	return bytes.HasPrefix(c.data[at:], []byte(`"`+name+`"`))
}

// items walks the array at the cursor.
func (c *cutter) items(item func()) { c.walk('[', '{', item) }

// walk walks the object or array at the cursor, whose first byte is open. It calls
// item at every item that begins as it must.
func (c *cutter) walk(open, begin byte, item func()) {
	if c.peek() != open {
		c.skip()
		return
	}
	c.at++
	for {
		switch c.peek() {
		case begin:
			item()
		case ',':
			c.at++
		case open + 2: // } and ] are two after { and [
			c.at++
			return
		default: // give up and leave the rest in the frame
			c.at = len(c.data)
			return
		}
	}
}

// skip skips the value at the cursor.
func (c *cutter) skip() {
	for depth := 0; ; {
		switch c.peek() {
		case 0:
			return
		case '"':
			c.string()
		case '{', '[':
			depth++
			c.at++
		case '}', ']':
			if depth == 0 {
				return
			}
			depth--
			c.at++
		case ',':
			if depth == 0 {
				return
			}
			c.at++
		default:
			c.at++
			continue
		}
		if depth == 0 {
			return
		}
	}
}

func (c *cutter) string() {
	for c.at++; c.at < len(c.data); c.at++ {
		switch c.data[c.at] {
		case '\\':
			c.at++
		case '"':
			c.at++
			return
		}
	}
	c.at = len(c.data)
}

// peek is the next byte that is not white space, 0 at the end.
func (c *cutter) peek() byte {
	for c.at < len(c.data) && space(c.data[c.at]) {
		c.at++
	}
	if c.at >= len(c.data) {
		return 0
	}
	return c.data[c.at]
}

func space(b byte) bool { return b == ' ' || b == '\n' || b == '\r' || b == '\t' }
