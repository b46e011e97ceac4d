package search

import (
	"slices"
	"sync"

	"github.com/aceso-health/aceso/fhir"
)

// span is a part of the extractor's arena.
type span struct{ from, to uint32 }

// extractor walks a tape once and writes the keys that a plan asks for into its
// arena. It is reused: once its slices are large enough it allocates nothing.
type extractor struct {
	*fhir.Tape
	d      *fhir.Definitions
	roles  *roles
	plan   *plan
	custom *plan // of custom parameters only, which are read by themselves; nil of all others
	at     int32 // root of the current resource
	root   int32 // of the tape, or a resource inside it
	inner  []inner
	base   string
	quiet  bool  // nested resource: compartments only
	here   int32 // the node that is read, for the place of a refusal
	limit  limits

	buf      []byte // the arena
	keys     []headed
	open     headed   // the key under construction
	sorted   []headed // scratch for sorting
	ranks    ranks
	dates    []dateValue
	numbers  []numberValue
	seen     []seenValue // one per parameter of the plan
	patients []span      // "Patient/1" in compartment keys
	subjects []span      // "Patient/1" of subject and patient
	codes    []span      // tokens of code

	text   []byte   // unescaped and folded text
	tails  [][]byte // token parts of composites
	parts  [3][]int32
	shared []sharedTokens
	fault  *fhir.Error

	known     *known              // with many values only
	combined  int                 // combinations of composites so far
	probe     []byte              // scratch
	wordsSeen map[uint64]struct{} // by their hashes

	units    map[string]*knownUnit
	systems  map[string]string
	memo     memo
	measured measured // the last amount
	linked   linked   // the last reference
	firsts   firsts   // the last element with composites
}

type dateValue struct {
	param  span
	lo, hi int64
}

type numberValue struct {
	param  headed
	lo, hi span
}

// seenValue says whether a parameter has a value, and holds the lowest and highest
// for sorting.
type seenValue struct {
	present, sorted bool
	lo, hi          span
}

var extractors = sync.Pool{New: func() any { return &extractor{d: fhir.R4(), roles: rolesOf()} }}

// extract walks the tape of a resource, and stops at a fault. The extractor is valid until
// release.
func extract(t *fhir.Tape, base string, limit limits) *extractor {
	x := extractors.Get().(*extractor)
	x.reset(t, base)
	x.limit = limit
	if len(t.Nodes) == 0 {
		return x
	}
	x.resource(0, false)
	x.nested()
	x.allWords()
	return x
}

func (x *extractor) release() {
	const keep = 1 << 18 // do not pool the arenas of huge resources
	if x.Tape = nil; cap(x.buf) < keep && cap(x.text) < keep {
		extractors.Put(x)
	}
}

func (x *extractor) reset(t *fhir.Tape, base string) {
	x.Tape, x.base, x.fault, x.quiet, x.custom = t, base, nil, false, nil
	x.here, x.limit, x.known, x.combined = 0, limits{}, nil, 0
	x.root, x.inner = 0, x.inner[:0]
	x.buf, x.text = x.buf[:0], x.text[:0]
	x.keys, x.dates, x.numbers, x.seen = x.keys[:0], x.dates[:0], x.numbers[:0], x.seen[:0]
	x.patients, x.subjects, x.codes = x.patients[:0], x.subjects[:0], x.codes[:0]
	clear(x.shared)
	x.shared = x.shared[:0]
	x.measured.at, x.linked.at, x.firsts.at = -1, -1, -1
}

// resource walks the resource at a node.
func (x *extractor) resource(i int32, quiet bool) {
	x.plan, x.at, x.quiet = x.roles.plans[x.Nodes[i].Type](), i, quiet
	if x.plan.err != nil {
		x.fault = &fhir.Error{Kind: fhir.Internal, Detail: "The server cannot read its search definitions.", Err: x.plan.err}
		return
	}
	if !quiet {
		x.seen = slices.Grow(x.seen[:0], len(x.plan.params))[:len(x.plan.params)]
		clear(x.seen)
	}
	x.self(i)
	x.visit(i, x.plan.root)
	if quiet {
		return
	}
	x.notDeceased()
	x.join()
}

// nested adds the compartments and labels of contained resources and of those in
// Bundle and Parameters.
func (x *extractor) nested() {
	for _, i := range x.Marked {
		if x.fault != nil {
			return
		}
		if x.here = i; x.Nodes[i].Elem == x.roles.security {
			x.label(i)
		} else {
			x.resource(i, true)
		}
	}
}

func (x *extractor) label(i int32) {
	system, code := x.coding(i)
	x.beginOther(&labelPrefix)
	x.buf = appendPair(x.buf, system, code, '|')
	x.end()
}

// self puts a patient, encounter and so on into its own compartment, and writes
// the key of the id. The id of a contained resource is not one of this server.
func (x *extractor) self(i int32) {
	id := x.child(i, roleID)
	if id == nil {
		return
	}
	contained := x.Nodes[i].Elem >= 0 && x.d.Elements[x.Nodes[i].Elem].Name == "contained"
	for _, name := range compartmentNames {
		if name == x.plan.name && !contained && fhir.IsID(id) {
			x.compartment(name, id)
		}
	}
	if x.quiet {
		return
	}
	x.beginOther(&x.plan.id)
	x.buf = append(x.buf, id...)
	x.end()
}

// compartment writes the key of a compartment.
func (x *extractor) compartment(typ string, id []byte) {
	x.beginOther(&compartmentPrefix)
	x.buf = append(append(append(x.buf, typ...), '/'), id...)
	if key := x.end(); typ == "Patient" {
		x.patients = append(x.patients, key)
	}
}

// visit follows the trie for a node and its children.
func (x *extractor) visit(i int32, s *state) {
	for k := range s.sinks {
		x.sink(i, &s.sinks[k])
	}
	if len(s.table) == 0 {
		return
	}
	before := int32(-1) // values of an element are adjacent
	for c := i + 1; c < x.Nodes[i].Next && x.fault == nil; c = x.Nodes[c].Next {
		at := int(x.Nodes[c].Elem - s.low)
		if at < 0 || at >= len(s.table) || x.Nodes[c].PrimitiveExt {
			continue
		}
		for k := range s.table[at] {
			if e := &s.table[at][k]; x.follows(c, e, before != x.Nodes[c].Elem) {
				x.visit(c, e.to)
			}
		}
		before = x.Nodes[c].Elem
	}
}

// follows says whether an edge leads to node c, the first value of its element or not.
func (x *extractor) follows(c int32, e *edge, first bool) bool {
	if e.typ >= 0 && e.typ != x.Nodes[c].Type {
		return false
	}
	if e.first && !first {
		return false
	}
	if e.field < 0 {
		return true
	}
	for f := c + 1; f < x.Nodes[c].Next; f = x.Nodes[f].Next {
		if x.Nodes[f].Elem == e.field && !x.Nodes[f].PrimitiveExt && string(x.value(f)) == e.equal {
			return true
		}
	}
	return false
}

// value is the text of a primitive. It unescapes into x.text.
func (x *extractor) value(i int32) []byte {
	raw := x.Raw(i)
	if x.Nodes[i].Kind != '"' {
		return raw
	}
	raw = raw[1 : len(raw)-1]
	if !x.Nodes[i].Escaped {
		return raw
	}
	from := len(x.text)
	x.text = fhir.AppendUnescaped(x.text, raw)
	return x.text[from:]
}
