package fhir

import (
	"errors"
	"math"
	"slices"
	"sync"
)

// Limits of a document.
const (
	maxSize  = 20 << 20 // bytes
	maxDepth = 100      // nested objects and arrays
)

// scanner reads a document in one pass onto its tape: JSON grammar, duplicate
// members, elements and types, and, if check is set, the rules of R4. Scanners are
// reused: a scan allocates nothing once the slices are large enough.
type scanner struct {
	Tape
	d      *Definitions
	check  bool
	loose  bool // only what access rests on, see ParseLoosely
	pos    int
	depth  int
	fault  *Error // why the scan stopped
	issues []Issue

	buf     []byte      // text of a string with escapes
	name    []byte      // text of a member name with escapes
	arrays  []arrayMark // arrays of primitives in the open objects
	locals  []local     // values that begin with # in the open resources
	links   []int32     // references, and links that may be references
	ids     []localID   // contained resources, or entries, by name
	tags    []extent    // open elements of a narrative
	typeEnd int         // where the value of the root's resourceType ends
	ahead   int         // end of the value of a resourceType that was read ahead, or 0

	follower []uint16 // by member, counted from one, and by type: the member that followed last time
}

var scanners = sync.Pool{New: func() any {
	s := &scanner{d: definitions()}
	s.Tape.scanner = s
	return s
}}

// openTape scans stored bytes without checks. The tape is valid until close; err
// is an *Error.
func openTape(data []byte) (*scanner, error) {
	s, err := scan(data, false)
	if err == nil && len(s.Nodes) == 0 { // damaged: its resourceType is none of R4
		s.close()
		return nil, &Error{Kind: Internal, Detail: "A stored resource cannot be read.", Err: errors.New("its resourceType is missing or unknown")}
	}
	return s, err
}

func scan(data []byte, check bool) (*scanner, error) {
	s := scanners.Get().(*scanner)
	if err := s.scan(data, check); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// close returns the scanner to the pool. Nobody may use it or its tape afterwards.
func (s *scanner) close() {
	const keep = 1 << 16 // do not pool the slices of huge documents
	if cap(s.Nodes) > keep || cap(s.buf) > keep<<4 {
		return
	}
	s.data = nil
	scanners.Put(s)
}

func (s *scanner) reset(data []byte, check bool) {
	s.data, s.Nodes, s.Marked = data, s.Nodes[:0], s.Marked[:0]
	s.check, s.loose, s.pos, s.depth, s.fault, s.issues = check, false, 0, 0, nil, nil
	s.arrays, s.locals, s.ids, s.typeEnd = s.arrays[:0], s.locals[:0], s.ids[:0], 0
	s.ahead, s.links = 0, s.links[:0]
	if s.follower == nil {
		s.follower = make([]uint16, len(s.d.members)+len(s.d.Types))
	}
}

func (s *scanner) scan(data []byte, check bool) error {
	s.reset(data, check)
	return s.read(data)
}

// read scans the document after a reset.
func (s *scanner) read(data []byte) error {
	switch {
	case s.d.broken != nil:
		return &Error{Kind: Internal, Detail: "The server cannot read its FHIR definitions.", Err: s.d.broken}
	case len(data) > maxSize || len(data) > math.MaxInt32:
		return &Error{Kind: TooLarge, Detail: "The body is larger than the 20 MB that this server accepts. Send it in parts."}
	case !validUTF8(data):
		return &Error{Kind: Malformed, Detail: "The body is not valid UTF-8. Send JSON in UTF-8."}
	}
	s.document()
	switch {
	case s.fault != nil:
		return s.fault
	case len(s.issues) > 0:
		return &Error{Kind: Unprocessable, Detail: "The resource is not valid FHIR R4. The issues say what to correct.", Issues: s.issues}
	}
	return nil
}

func (s *scanner) document() {
	s.space()
	ok, object := false, s.peek() == '{'
	if object {
		ok = s.resource(-1, -1)
	} else {
		ok = s.skip()
	}
	if !ok {
		return
	}
	s.space()
	switch {
	case s.pos < len(s.data):
		s.syntax("text follows the end of the resource")
	case !object:
		s.fault = &Error{Kind: Malformed, Detail: "A resource is a JSON object. Send one object with a resourceType."}
	}
}

// level is an open object.
type level struct {
	at     int32 // its node
	t      *Type
	typed  bool   // has a resourceType
	odd    bool   // has a member that is not an element
	values uint64 // elements with a value
	exts   uint64 // primitives with an extension
	torn   uint64 // choice elements given with two types
	last   int32  // index of the previous member, or of the type, in scanner.follower
	arrays int    // where its part of scanner.arrays begins
	nulls  bool   // one of its arrays has a null
}

// arrayMark is the place of an array of primitives or of their extensions, for
// primitiveExtensions.
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
	f := level{at: s.open(parent, elem, typ, '{', ext), t: &s.d.Types[typ], arrays: len(s.arrays), last: int32(len(s.d.members)) + typ}
	if elem == s.d.marks.security && !ext {
		s.Marked = append(s.Marked, f.at)
	}
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

// open appends the node of the value at pos. It sets every field in place: to build
// and copy a literal would be measurably slower.
func (s *scanner) open(parent, elem, typ int32, kind byte, ext bool) int32 {
	at := len(s.Nodes)
	if at == cap(s.Nodes) {
		s.Nodes = slices.Grow(s.Nodes, 64)
	}
	s.Nodes = s.Nodes[:at+1]
	n := &s.Nodes[at]
	n.Elem, n.Type, n.Parent, n.Next = elem, typ, parent, int32(at+1)
	n.start, n.end = uint32(s.pos), 0
	n.Kind, n.PrimitiveExt, n.Escaped, n.used = kind, ext, false, false
	return int32(at)
}

// shut sets the end of a node to pos.
func (s *scanner) shut(at int32) {
	s.Nodes[at].end, s.Nodes[at].Next = uint32(s.pos), int32(len(s.Nodes))
}
