package fhir

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// definitionsParser turns the lines of the table into defs. Types are named
// before they are defined, so the names of an element's types and targets wait
// until all lines are read.
type definitionsParser struct {
	d         *defs
	sets      map[string]*codeSet
	set       *codeSet
	typeNames []string // per element, comma-separated
	targets   []string
	in        map[string][]string // the compartment being read
}

func parseDefinitions(text string) (*defs, error) {
	p := &definitionsParser{
		d:    &defs{byName: map[string]int32{}, byBase: map[string][]searchParam{}, compartments: map[string]map[string][]string{}},
		sets: map[string]*codeSet{},
	}
	p.d.elements = make([]element, 0, strings.Count(text, "\nE\t"))
	var fields [6]string
	line := 0
	for one := range strings.Lines(text) {
		line++
		n := split(strings.TrimSuffix(one, "\n"), &fields)
		if err := p.line(fields[:n]); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := p.resolve(); err != nil {
		return nil, err
	}
	if err := p.d.findLandmarks(); err != nil {
		return nil, err
	}
	p.d.buildMembers()
	p.d.buildBases()
	return p.d, nil
}

// split cuts a line at its tabs into fields and says how many there are.
func split(line string, fields *[6]string) int {
	n := 0
	for ; n < len(fields)-1; n++ {
		head, tail, more := strings.Cut(line, "\t")
		fields[n] = head
		if !more {
			return n + 1
		}
		line = tail
	}
	fields[n] = line
	return n + 1
}

func (p *definitionsParser) line(f []string) error {
	d := p.d
	switch {
	case f[0] == "T" && len(f) == 3:
		return p.typ(f[1], f[2])
	case f[0] == "E" && len(f) == 6 && len(d.types) > 0:
		return p.element(f)
	case f[0] == "V" && len(f) == 3:
		p.set = &codeSet{name: f[2]}
		p.sets[f[1]] = p.set
	case f[0] == "S" && len(f) == 3 && p.set != nil:
		p.set.add(f[1], strings.Fields(f[2]))
	case f[0] == "P" && len(f) == 6:
		d.params = append(d.params, searchParam{name: f[1], kind: f[2], bases: list(f[3]), targets: list(f[4]), expression: f[5]})
	case f[0] == "X" && len(f) == 4 && len(d.params) > 0:
		last := &d.params[len(d.params)-1]
		last.components = append(last.components, component{name: f[1], kind: f[2], expression: f[3]})
	case f[0] == "C" && len(f) == 2:
		p.in = map[string][]string{}
		d.compartments[f[1]] = p.in
	case f[0] == "R" && len(f) == 3 && p.in != nil:
		p.in[f[1]] = list(f[2])
	default:
		return fmt.Errorf("cannot be read: %.20q", f)
	}
	return nil
}

// list splits at commas; "" has no items.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func (p *definitionsParser) typ(name, kind string) error {
	kinds := []string{"abstract", "primitive-type", "complex-type", "backbone", "resource"}
	k := slices.Index(kinds, kind)
	if k < 0 {
		return fmt.Errorf("type %s: unknown kind %s", name, kind)
	}
	n := int32(len(p.d.elements))
	t := typeDef{name: name, kind: typeKind(k), first: n, end: n}
	if t.kind == primitiveType {
		f := slices.Index(formatNames, name)
		if f < 0 {
			return fmt.Errorf("primitive %s: no format", name)
		}
		t.format = format(f)
		t.json = t.format.kind()
	}
	p.d.byName[name] = int32(len(p.d.types))
	p.d.types = append(p.d.types, t)
	return nil
}

func (p *definitionsParser) element(f []string) error {
	d := p.d
	t := &d.types[len(d.types)-1]
	position := t.end - t.first
	if position > 63 {
		return fmt.Errorf("type %s: more than 64 elements", t.name)
	}
	e := element{owner: int32(len(d.types) - 1), bit: 1 << position}
	e.name, e.choice = strings.CutSuffix(f[1], "[x]")
	e.mandatory = strings.Contains(f[2], "1")
	e.array = strings.Contains(f[2], "*")
	e.summary = strings.Contains(f[2], "s")
	e.modifier = strings.Contains(f[2], "m")
	if f[5] != "" {
		if e.codes = p.sets[f[5]]; e.codes == nil {
			return fmt.Errorf("element %s: no value set %s", e.name, strconv.Quote(f[5]))
		}
	}
	if e.mandatory {
		t.mandatory |= e.bit
	}
	t.end++
	d.elements = append(d.elements, e)
	p.typeNames, p.targets = append(p.typeNames, f[3]), append(p.targets, f[4])
	return nil
}

// resolve gives the elements the types and targets that they name.
func (p *definitionsParser) resolve() error {
	for i := range p.d.elements {
		e := &p.d.elements[i]
		var err error
		if e.types, err = p.indexes(p.typeNames[i]); err != nil {
			return fmt.Errorf("element %s: %w", e.name, err)
		}
		if e.targets, err = p.indexes(p.targets[i]); err != nil {
			return fmt.Errorf("element %s: %w", e.name, err)
		}
		if slices.Contains(e.targets, p.d.typeIndex("Resource")) {
			e.targets = nil
		}
	}
	return nil
}

func (p *definitionsParser) indexes(names string) ([]int32, error) {
	if names == "" {
		return nil, nil
	}
	all := make([]int32, 0, strings.Count(names, ",")+1)
	for _, name := range list(names) {
		i, ok := p.d.byName[name]
		if !ok {
			return nil, fmt.Errorf("unknown type %s", name)
		}
		all = append(all, i)
	}
	return all, nil
}

// findLandmarks looks up what the rules name, and checks what they build on.
func (d *defs) findLandmarks() error {
	m := &d.marks
	for name, to := range map[string]*int32{
		"Resource": &m.resource, "Bundle": &m.bundle, "Extension": &m.extension, "Coding": &m.coding, "CodeableConcept": &m.concept,
		"canonical": &m.canonical, "uri": &m.uri, "url": &m.url, "oid": &m.oid, "uuid": &m.uuid,
		"Reference": &m.reference,
	} {
		if *to = d.typeIndex(name); *to < 0 {
			return fmt.Errorf("type %s is missing", name)
		}
	}
	if m.reference = d.element(m.reference, "reference"); m.reference < 0 {
		return fmt.Errorf("element Reference.reference is missing")
	}
	meta := d.typeIndex("Meta")
	if meta < 0 {
		return fmt.Errorf("type Meta is missing")
	}
	m.security, m.profile = d.element(meta, "security"), d.element(meta, "profile")
	if m.security < 0 || m.profile < 0 {
		return fmt.Errorf("elements of Meta are missing")
	}
	for i := range d.types {
		if t := &d.types[i]; t.first == t.end || d.elements[t.first].name != "id" {
			return fmt.Errorf("type %s: its first element is not the id", t.name)
		}
	}
	return nil
}

// buildMembers lists the JSON names of every type and hashes them.
func (d *defs) buildMembers() {
	for i := range d.types {
		t := &d.types[i]
		start := len(d.members)
		for e := t.first; e < t.end; e++ {
			el := &d.elements[e]
			for _, typ := range el.types {
				name := el.name
				if el.choice {
					name = choiceName(name, d.types[typ].name)
				}
				d.members = append(d.members, newMember(name, e, typ, el, &d.types[typ]))
			}
		}
		d.hashMembers(t, start)
	}
}

func newMember(name string, elem, typ int32, el *element, t *typeDef) member {
	m := member{quoted: `"` + name + `"`, elem: elem, typ: typ, bit: el.bit, kind: t.kind, json: t.json, array: el.array}
	m.text = t.kind == primitiveType && t.json == '"' && !el.array
	var room [8]byte
	n := copy(room[:], m.quoted)
	m.head, m.lack = binary.LittleEndian.Uint64(room[:]), uint8(64-8*n)
	if n == len(room) {
		m.tail = binary.LittleEndian.Uint64([]byte(m.quoted[len(m.quoted)-n:]))
	}
	return m
}

func (d *defs) hashMembers(t *typeDef, start int) {
	size := int32(4)
	for int(size) < 3*(len(d.members)-start) {
		size *= 2
	}
	t.slots, t.mask = int32(len(d.slots)), size-1
	d.slots = append(d.slots, make([]uint16, size)...)
	for i := start; i < len(d.members); i++ {
		at := int32(hashName(d.members[i].name()))
		for d.slots[t.slots+at&t.mask] != 0 {
			at++
		}
		d.slots[t.slots+at&t.mask] = uint16(i + 1)
	}
}

// buildBases lists the parameters by resource type.
func (d *defs) buildBases() {
	for _, p := range slices.Concat(d.params, ownParams) {
		for _, base := range p.bases {
			d.byBase[base] = append(d.byBase[base], p)
		}
	}
	general := append(d.byBase["Resource"], d.byBase["DomainResource"]...)
	delete(d.byBase, "Resource")
	delete(d.byBase, "DomainResource")
	for i := range d.types {
		if t := &d.types[i]; t.kind == resourceType {
			d.byBase[t.name] = append(slices.Clip(d.byBase[t.name]), general...)
		}
	}
}
