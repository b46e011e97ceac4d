package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// plan holds the search expressions of all parameters of a resource type as one
// trie, so that one walk finds all keys.
type plan struct {
	typ      int32
	name     string
	id       prefix
	text     prefix // of the words of the narrative
	content  prefix // and of those of other text
	root     *state
	params   []planParam
	joined   bool // has the keys of patient and code together
	deceased int  // the parameter that is false without a value; -1 if none
	err      error
}

// planParam is one parameter of a plan.
type planParam struct {
	name         string
	ranks        [keyKinds]uint16
	targets      []string
	compartments uint8 // bits of compartmentNames that a reference places the resource in
	sorted       bool
	joined       bool // its codes are in the keys of patient and code together
	silent       bool // no present mark: every resource has it
	caseless     bool // its values are strings, though it is a token
	canonical    bool // some of its values are canonicals
}

// compartmentNames are the types that have compartments, in the order of the bits.
var compartmentNames = [...]string{"Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"}

const patientBit = 1

// state is a place in the trie: what to do with a node, and the edges to its
// children, by position of the element in its type.
type state struct {
	sinks []sink
	low   int32
	table [][]edge
}

// edge leads from a node to a child.
type edge struct {
	typ   int32 // only values of this type; -1 for all
	field int32 // only if the child's child field has the text equal; -1 for all
	equal string
	first bool
	to    *state
	key   string // identifies the edge among those of its element
}

// sink turns a node into keys of a parameter.
type sink struct {
	param  int
	kind   sinkKind
	target string // only references to this type
	exists bool
	parts  []part // of a composite
}

// sinkKind is the kind of a parameter.
type sinkKind uint8

const (
	noSink sinkKind = iota
	tokenSink
	referenceSink
	stringSink
	dateSink
	numberSink
	quantitySink
	uriSink
	compositeSink
	placeSink
)

var sinkKindNames = map[string]sinkKind{
	"token": tokenSink, "reference": referenceSink, "string": stringSink, "date": dateSink, "number": numberSink,
	"quantity": quantitySink, "uri": uriSink, "composite": compositeSink, "special": placeSink,
}

// part is one part of a composite: paths from the composite's element.
type part struct {
	kind  sinkKind
	paths []partPath
}

// partPath is a chain of elements; global starts at the resource.
type partPath struct {
	elems  []int32
	typ    int32 // of the last, -1 for all
	global bool
}

func compilePlan(d *fhir.Definitions, typ string) *plan {
	p := &plan{typ: d.TypeIndex(typ), name: typ, root: &state{low: -1}, deceased: -1}
	for _, def := range fhir.SearchParams(typ) {
		if _, union := unions[def.Name]; union || !supported(def) || def.Name == "_id" {
			continue
		}
		p.err = errors.Join(p.err, p.add(d, def))
	}
	p.err = errors.Join(p.err, p.rank())
	_, code := findParam(typ, "code")
	_, subject := findParam(typ, "subject")
	_, patient := findParam(typ, "patient")
	p.joined = code && (subject || patient)
	for i := range p.params {
		p.params[i].joined = p.joined && p.params[i].name == "code"
	}
	return p
}

// add compiles one parameter.
func (p *plan) add(d *fhir.Definitions, def fhir.SearchParam) error {
	paths, err := parseExpression(def.Expression)
	if err != nil {
		return err
	}
	n, found := len(p.params), 0
	p.params = append(p.params, planParam{
		name: def.Name, targets: def.Targets, sorted: sortable(def) && def.Name != "_lastUpdated",
		silent: def.Name == "_lastUpdated", compartments: compartmentBits(p.name, def),
	})
	ends := endTypes(d, p.typ, paths)
	p.params[n].caseless = def.Kind == "token" && len(ends) > 0 && !slices.ContainsFunc(ends, func(t int32) bool { return d.Types[t].Name != "string" && d.Types[t].Name != "markdown" })
	p.params[n].canonical = slices.ContainsFunc(ends, func(t int32) bool { return d.Types[t].Name == "canonical" })
	parts, err := compileParts(d, p.typ, def, paths)
	if err != nil {
		return err
	}
	for _, one := range paths {
		if one.root != "" && one.root != p.name && one.root != "Resource" && one.root != "DomainResource" {
			continue
		}
		found++
		if one.exists {
			p.deceased = n
		}
		s := sink{param: n, kind: sinkKindNames[def.Kind], target: one.target, exists: one.exists, parts: parts}
		if err := p.root.insert(d, []int32{p.typ}, one.steps, s); err != nil {
			return fmt.Errorf("%s.%s: %w", p.name, def.Name, err)
		}
	}
	if found == 0 {
		return fmt.Errorf("%s.%s: no alternative is for this type", p.name, def.Name)
	}
	return nil
}

// endTypes lists the types of the values that paths lead to.
func endTypes(d *fhir.Definitions, typ int32, paths []path) (all []int32) {
	for _, one := range paths {
		if one.root != "" && one.root != d.Types[typ].Name && one.root != "Resource" && one.root != "DomainResource" {
			continue
		}
		types := []int32{typ}
		for _, s := range one.steps {
			types = typesBelow(d, types, s.name)
			if s.as != "" {
				types = []int32{typeLike(d, s.as)}
			}
		}
		all = append(all, types...)
	}
	return all
}

// compartmentBits says which compartments a reference of the parameter places its
// resource in. Beyond the definitions, patient and subject always count for
// Patient: one compartment too many is safer than one too few.
func compartmentBits(typ string, def fhir.SearchParam) uint8 {
	var bits uint8
	if def.Kind != "reference" {
		return 0
	}
	for i, name := range compartmentNames {
		if slices.Contains(fhir.CompartmentParams(name, typ), def.Name) {
			bits |= 1 << i
		}
	}
	if (def.Name == "patient" || def.Name == "subject") && slices.Contains(def.Targets, "Patient") {
		bits |= patientBit
	}
	return bits
}

// insert adds steps below a state for values of the types.
func (s *state) insert(d *fhir.Definitions, types []int32, steps []step, end sink) error {
	if len(steps) == 0 {
		s.sinks = append(s.sinks, end)
		return nil
	}
	found := false
	for _, typ := range types {
		elem := d.Element(typ, steps[0].name)
		if elem < 0 {
			continue
		}
		found = true
		if err := s.follow(d, elem, steps, end); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("no element %s", steps[0].name)
	}
	return nil
}

func (s *state) follow(d *fhir.Definitions, elem int32, steps []step, end sink) error {
	types := d.Elements[elem].Types
	e := edge{typ: -1, field: -1, equal: steps[0].equal, first: steps[0].first}
	if as := steps[0].as; as != "" {
		if e.typ = typeLike(d, as); e.typ < 0 {
			return fmt.Errorf("unknown type %s", as)
		}
		types = []int32{e.typ}
	}
	if f := steps[0].field; f != "" {
		if e.field = d.Element(types[0], f); e.field < 0 {
			return fmt.Errorf("no element %s", f)
		}
	}
	return s.edge(elem, e).insert(d, types, steps[1:], end)
}

// typeLike finds a type; one expression of R4 says DateTime for dateTime.
func typeLike(d *fhir.Definitions, name string) int32 {
	if i := d.TypeIndex(name); i >= 0 {
		return i
	}
	return d.TypeIndex(strings.ToLower(name[:1]) + name[1:])
}

// edge finds or adds the edge to an element.
func (s *state) edge(elem int32, e edge) *state {
	if s.low < 0 {
		s.low = elem
	}
	for ; s.low > elem; s.low-- {
		s.table = append([][]edge{nil}, s.table...)
	}
	for int(elem-s.low) >= len(s.table) {
		s.table = append(s.table, nil)
	}
	e.key = fmt.Sprint(e.typ, e.field, e.equal, e.first)
	edges := &s.table[elem-s.low]
	for _, old := range *edges {
		if old.key == e.key {
			return old.to
		}
	}
	e.to = &state{low: -1}
	*edges = append(*edges, e)
	return e.to
}

// compileParts compiles the parts of a composite against the types of its elements.
func compileParts(d *fhir.Definitions, typ int32, def fhir.SearchParam, bases []path) ([]part, error) {
	var parts []part
	for i, c := range def.Components {
		paths, err := parseExpression(c.Expression)
		if err != nil {
			return nil, err
		}
		p := part{kind: sinkKindNames[c.Kind]}
		if i == 1 {
			p.kind = sinkKindNames[secondPart(def).Kind]
		}
		for _, base := range bases {
			for _, one := range paths {
				p.paths = append(p.paths, compilePart(d, typ, base, one)...)
			}
		}
		if len(p.paths) == 0 {
			return nil, fmt.Errorf("composite %s: part %s leads nowhere", def.Name, c.Name)
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// secondPart returns the definition of the second part of a composite. The first
// is a token in all of R4; a definition that says otherwise has swapped them.
func secondPart(def fhir.SearchParam) fhir.Component {
	if def.Components[0].Kind != "token" {
		return def.Components[0]
	}
	return def.Components[1]
}

func compilePart(d *fhir.Definitions, typ int32, base, one path) []partPath {
	types := []int32{typ}
	if !one.global {
		for _, s := range base.steps {
			types = typesBelow(d, types, s.name)
		}
	}
	var all []partPath
	for _, t := range types {
		p := partPath{typ: -1, global: one.global}
		at := []int32{t}
		for _, s := range one.steps {
			elem := int32(-1)
			if len(at) > 0 {
				elem = d.Element(at[0], s.name)
			}
			if elem < 0 {
				return all
			}
			p.elems, at = append(p.elems, elem), d.Elements[elem].Types
			if s.as != "" {
				p.typ = typeLike(d, s.as)
			}
		}
		all = append(all, p)
	}
	return all
}

// typesBelow lists the types of the elements with a name.
func typesBelow(d *fhir.Definitions, types []int32, name string) []int32 {
	var all []int32
	for _, t := range types {
		if e := d.Element(t, name); e >= 0 {
			all = append(all, d.Elements[e].Types...)
		}
	}
	return all
}
