package fhir

import (
	"math"
	"slices"
	"sync"
	"unicode/utf8"
)

// Limits of a document.
const (
	MaxSize  = 20 << 20 // bytes
	maxDepth = 100      // objects and arrays inside one another
)

// scanner reads a document in one pass: JSON grammar, duplicate members, the
// walk of the definitions, and, if check is set, the rules of R4. What it finds
// is on its tape. It is reused, so a scan allocates nothing once its slices are
// large enough.
type scanner struct {
	tape
	d      *defs
	check  bool
	pos    int
	depth  int
	fault  *Error // why the scan stopped
	issues []Issue

	buf     []byte      // text of a string with escapes
	name    []byte      // text of a member name with escapes
	arrays  []arrayMark // arrays of primitives in the objects that are open
	locals  []local     // values that begin with # in the resources that are open
	ids     []localID   // contained resources, or entries, by name
	tags    []extent    // open elements of a narrative
	typeEnd int         // where the value of the root's resourceType ends
}

var scanners = sync.Pool{New: func() any { return &scanner{d: definitions()} }}

// openTape scans stored bytes without judging them. The tape is valid until
// close; err is an *Error.
func openTape(data []byte) (*scanner, error) { return scan(data, false) }

func scan(data []byte, check bool) (*scanner, error) {
	s := scanners.Get().(*scanner)
	if err := s.scan(data, check); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close gives the scanner back. It and its tape must not be used any more.
func (s *scanner) close() {
	const keep = 1 << 16 // a scanner that met a huge document is left to the collector
	if cap(s.nodes) > keep || cap(s.buf) > keep<<4 {
		return
	}
	s.data = nil
	scanners.Put(s)
}

func (s *scanner) reset(data []byte, check bool) {
	s.data, s.nodes = data, s.nodes[:0]
	s.check, s.pos, s.depth, s.fault, s.issues = check, 0, 0, nil, nil
	s.arrays, s.locals, s.ids, s.typeEnd = s.arrays[:0], s.locals[:0], s.ids[:0], 0
}

func (s *scanner) scan(data []byte, check bool) error {
	s.reset(data, check)
	switch {
	case s.d.broken != nil:
		return &Error{Kind: Internal, Detail: "The server cannot read its FHIR definitions.", Err: s.d.broken}
	case len(data) > MaxSize || len(data) > math.MaxInt32:
		return &Error{Kind: TooLarge, Detail: "The body is larger than the 20 MB that this server accepts. Send it in parts."}
	case !utf8.Valid(data):
		return &Error{Kind: Malformed, Detail: "The body is not valid UTF-8. Send JSON in UTF-8."}
	}
	s.document()
	switch {
	case s.fault != nil:
		return s.fault
	case len(s.nodes) == 0 && len(s.issues) == 0:
		return &Error{Kind: Unprocessable, Detail: "The body is not a FHIR resource: its resourceType is missing or unknown."}
	case len(s.issues) > 0:
		return &Error{Kind: Unprocessable, Detail: "The resource is not valid FHIR R4. The issues say what to correct.", Issues: s.issues}
	}
	return nil
}

func (s *scanner) document() {
	s.space()
	ok := true
	if s.peek() == '{' {
		ok = s.resource(-1, -1)
	} else {
		s.issue("structure", "", "A resource is a JSON object. Send one object with a resourceType.")
		ok = s.skip()
	}
	if !ok {
		return
	}
	s.space()
	if s.pos < len(s.data) {
		s.syntax("there is more after the end of the resource")
	}
}

// level is an object that is being read.
type level struct {
	at     int32 // its node
	t      *typeDef
	typed  bool   // resourceType was there
	odd    bool   // a member that is no element was there
	values uint64 // elements that have a value
	exts   uint64 // primitives that have an object beside them
	torn   uint64 // choice elements given with two types
	arrays int    // where its part of scanner.arrays begins
	nulls  bool   // an array of it has a null
}

// arrayMark remembers where an array of primitives is, to compare it with the
// array of the objects beside them.
type arrayMark struct {
	elem  int32
	start int
	ext   bool
}

// object reads the object at pos as a type.
func (s *scanner) object(parent, elem, typ int32, ext bool) bool {
	if s.depth++; s.depth > maxDepth {
		return s.tooDeep()
	}
	f := level{at: s.open(parent, elem, typ, '{', ext), t: &s.d.types[typ], arrays: len(s.arrays)}
	if !s.members(&f) {
		return false
	}
	s.depth--
	s.shut(f.at)
	if s.check {
		s.finish(&f)
	}
	s.arrays = s.arrays[:f.arrays]
	return true
}

// open appends the node of the value at pos. It sets every field in place: a
// literal would be built beside and copied, which is felt here.
func (s *scanner) open(parent, elem, typ int32, kind byte, ext bool) int32 {
	at := len(s.nodes)
	if at == cap(s.nodes) {
		s.nodes = slices.Grow(s.nodes, 64)
	}
	s.nodes = s.nodes[:at+1]
	n := &s.nodes[at]
	n.elem, n.typ, n.parent, n.next = elem, typ, parent, int32(at+1)
	n.start, n.end = uint32(s.pos), 0
	n.kind, n.primitiveExt, n.used = kind, ext, false
	return int32(at)
}

// shut sets the end of a node to pos.
func (s *scanner) shut(at int32) {
	s.nodes[at].end, s.nodes[at].next = uint32(s.pos), int32(len(s.nodes))
}

func (s *scanner) members(f *level) bool {
	s.pos++
	s.space()
	if s.peek() == '}' {
		s.pos++
		return true
	}
	for {
		name, ok := s.memberName()
		if !ok || !s.member(f, name) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case '}':
			s.pos++
			return true
		default:
			return s.syntax("a comma or a closing brace is missing")
		}
	}
}

// memberName reads a name and its colon and stops before the value.
func (s *scanner) memberName() ([]byte, bool) {
	start := s.pos + 1
	if s.peek() != '"' {
		return nil, s.syntax("a member name in quotes is missing")
	}
	look, ok := s.str()
	if !ok {
		return nil, false
	}
	name := s.data[start : s.pos-1]
	if look&hasEscape != 0 {
		s.name = appendUnescaped(s.name[:0], name)
		name = s.name
	}
	s.space()
	if s.peek() != ':' {
		return nil, s.syntax("a colon is missing after a member name")
	}
	s.pos++
	s.space()
	return name, true
}

// member reads the value of a member of an object.
func (s *scanner) member(f *level, name []byte) bool {
	ext := len(name) > 1 && name[0] == '_'
	plain := name
	if ext {
		plain = name[1:]
	}
	m := s.d.member(f.t, plain)
	if m == nil || ext && s.d.types[m.typ].kind != primitiveType {
		return s.otherMember(f, name)
	}
	el := &s.d.elements[m.elem]
	if (f.values|f.exts)&el.bit != 0 {
		skip, ok := s.again(f, m, ext)
		if skip || !ok {
			return ok
		}
	}
	if ext {
		f.exts |= el.bit
	} else {
		f.values |= el.bit
	}
	switch list := s.peek() == '['; {
	case list && el.array:
		return s.array(f, m, ext)
	case list:
		s.issueIn(f.at, m.elem, "structure", "This element cannot repeat. Send a single value, not an array.")
		return s.skip()
	case el.array && s.peek() != 'n':
		s.issueIn(f.at, m.elem, "structure", "This element repeats. Send an array, also for a single value.")
		return s.skip()
	}
	return s.value(f.at, m, ext)
}

// otherMember reads a member that is no element of the type.
func (s *scanner) otherMember(f *level, name []byte) bool {
	if f.t.kind == resourceType && string(name) == "resourceType" {
		if f.typed {
			return s.duplicate(f.at)
		}
		f.typed = true
		ok := s.skip()
		if f.at == 0 {
			s.typeEnd = s.pos
		}
		return ok
	}
	f.odd = true
	s.issueNamed(f.at, name, "structure", "R4 has no such element here. Leave it out or correct its name.")
	return s.skip()
}

// again judges an element that was met before: the other half of a primitive, a
// duplicate member, or a choice element with two types.
func (s *scanner) again(f *level, m *member, ext bool) (skip, ok bool) {
	el := &s.d.elements[m.elem]
	if f.torn&el.bit != 0 {
		return true, s.skip()
	}
	if el.choice && s.otherChoice(f, m) {
		f.torn |= el.bit
		s.issueIn(f.at, m.elem, "structure", "This element is given with two types. Keep one of them.")
		return true, s.skip()
	}
	if ext && f.exts&el.bit != 0 || !ext && f.values&el.bit != 0 {
		return true, s.duplicate(f.at)
	}
	return false, true
}

func (s *scanner) otherChoice(f *level, m *member) bool {
	for c := f.at + 1; c < int32(len(s.nodes)); c = s.nodes[c].next {
		if s.nodes[c].elem == m.elem && s.nodes[c].typ != m.typ {
			return true
		}
	}
	return false
}

// array reads the items of an element that repeats.
func (s *scanner) array(f *level, m *member, ext bool) bool {
	if s.depth++; s.depth > maxDepth {
		return s.tooDeep()
	}
	if s.d.types[m.typ].kind == primitiveType {
		s.arrays = append(s.arrays, arrayMark{m.elem, s.pos, ext})
	}
	s.pos++
	s.space()
	if s.peek() == ']' {
		s.issueIn(f.at, m.elem, "structure", "An array must not be empty. Leave the element out.")
		s.pos++
		s.depth--
		return true
	}
	for {
		if !s.item(f, m, ext) {
			return false
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
			s.space()
		case ']':
			s.pos++
			s.depth--
			return true
		default:
			return s.syntax("a comma or a closing bracket is missing")
		}
	}
}

func (s *scanner) item(f *level, m *member, ext bool) bool {
	if s.peek() != 'n' || s.d.types[m.typ].kind != primitiveType {
		return s.value(f.at, m, ext)
	}
	f.nulls = true
	return s.skip()
}

// value reads one value of an element.
func (s *scanner) value(parent int32, m *member, ext bool) bool {
	t := &s.d.types[m.typ]
	c := s.peek()
	switch {
	case t.kind == primitiveType && !ext:
		return s.primitive(parent, m, t)
	case c != '{':
		return s.wrongType(parent, m.elem, "This element is an object.")
	case t.kind == abstractType:
		return s.resource(parent, m.elem)
	}
	return s.object(parent, m.elem, m.typ, ext)
}

// wrongType reports the value at pos and steps over it.
func (s *scanner) wrongType(parent, elem int32, wanted string) bool {
	detail := wanted + " Send it as one."
	if s.peek() == 'n' {
		detail = "A null is only for gaps in an array of primitives. Leave the element out."
	}
	s.issueIn(parent, elem, "structure", detail)
	return s.skip()
}

// primitive reads a string, number or boolean.
func (s *scanner) primitive(parent int32, m *member, t *typeDef) bool {
	c := s.peek()
	kind := t.json
	switch {
	case kind == '"' && c == '"', kind == 'n' && (c == '-' || '0' <= c && c <= '9'), kind == 't' && (c == 't' || c == 'f'):
	default:
		return s.wrongType(parent, m.elem, wantedKind(kind))
	}
	at := s.open(parent, m.elem, m.typ, kind, false)
	var look looks
	ok := true
	switch kind {
	case '"':
		look, ok = s.str()
	case 'n':
		ok = s.number()
	default:
		ok = s.literal()
	}
	s.nodes[at].end = uint32(s.pos)
	if !ok || !s.check {
		return ok
	}
	s.judge(at, t, look)
	return true
}

func wantedKind(kind byte) string {
	switch kind {
	case '"':
		return "This element is a JSON string."
	case 'n':
		return "This element is a JSON number, without quotes."
	}
	return "This element is true or false, without quotes."
}
