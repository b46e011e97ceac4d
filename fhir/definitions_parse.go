package fhir

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// definitionsParser turns the lines of the table into Definitions. Types are named
// before they are defined, so the names of an element's types and targets wait
// until all lines are read.
type definitionsParser struct {
	d         *Definitions
	sets      map[string]*codeSet
	set       *codeSet
	typeNames []string // per element, comma-separated
	targets   []string
	in        map[string][]string // the compartment being read
}

func parseDefinitions(text string) (*Definitions, error) {
	p := &definitionsParser{
		d:    &Definitions{byName: map[string]int32{}, byBase: map[string][]SearchParam{}, compartments: map[string]map[string][]string{}},
		sets: map[string]*codeSet{},
	}
	p.d.Elements = make([]Element, 0, strings.Count(text, "\nE\t"))
	var fields []string
	line := 0
	for one := range strings.Lines(text) {
		line++
		fields = fields[:0]
		for field := range strings.SplitSeq(strings.TrimSuffix(one, "\n"), "\t") {
			fields = append(fields, field)
		}
		if err := p.line(fields); err != nil {
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
	p.d.deciding = sync.OnceValue(p.d.findDeciding)
	return p.d, nil
}

func (p *definitionsParser) line(f []string) error {
	d := p.d
	switch {
	case f[0] == "T" && len(f) == 3:
		return p.typ(f[1], f[2])
	case f[0] == "E" && len(f) == 6 && len(d.Types) > 0:
		return p.element(f)
	case f[0] == "V" && len(f) == 3:
		p.set = &codeSet{name: f[2]}
		p.sets[f[1]] = p.set
	case f[0] == "S" && len(f) == 3 && p.set != nil:
		p.set.add(f[1], strings.Fields(f[2]))
	case f[0] == "P" && len(f) == 6:
		d.params = append(d.params, SearchParam{Name: f[1], Kind: f[2], Bases: list(f[3]), Targets: list(f[4]), Expression: f[5]})
	case f[0] == "X" && len(f) == 4 && len(d.params) > 0:
		last := &d.params[len(d.params)-1]
		last.Components = append(last.Components, Component{Name: f[1], Kind: f[2], Expression: f[3]})
	case f[0] == "C" && len(f) == 2:
		p.in = map[string][]string{}
		d.compartments[f[1]] = p.in
	case f[0] == "R" && len(f) == 3 && p.in != nil:
		p.in[f[1]] = list(f[2])
	default:
		return fmt.Errorf("unknown line: %.20q", f)
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
	n := int32(len(p.d.Elements))
	t := Type{Name: name, kind: typeKind(k), first: n, end: n}
	if t.kind == primitiveType {
		if t.format = formatOf(name); t.format == nil {
			return fmt.Errorf("primitive %s: no format", name)
		}
		t.json = t.format.json
	}
	p.d.byName[name] = int32(len(p.d.Types))
	p.d.Types = append(p.d.Types, t)
	return nil
}

func (p *definitionsParser) element(f []string) error {
	d := p.d
	t := &d.Types[len(d.Types)-1]
	position := t.end - t.first
	if position > 63 {
		return fmt.Errorf("type %s: more than 64 elements", t.Name)
	}
	e := Element{Owner: int32(len(d.Types) - 1), Bit: 1 << position}
	e.Name, e.Choice = strings.CutSuffix(f[1], "[x]")
	e.mandatory = strings.Contains(f[2], "1")
	e.Array = strings.Contains(f[2], "*")
	e.summary = strings.Contains(f[2], "s")
	e.modifier = strings.Contains(f[2], "m")
	if f[5] != "" {
		if e.codes = p.sets[f[5]]; e.codes == nil {
			return fmt.Errorf("element %s: no value set %s", e.Name, strconv.Quote(f[5]))
		}
	}
	if e.mandatory {
		t.mandatory |= e.Bit
	}
	t.end++
	d.Elements = append(d.Elements, e)
	p.typeNames, p.targets = append(p.typeNames, f[3]), append(p.targets, f[4])
	return nil
}

// resolve looks up the types and targets of all elements.
func (p *definitionsParser) resolve() error {
	for i := range p.d.Elements {
		e := &p.d.Elements[i]
		var err error
		if e.Types, err = p.indexes(p.typeNames[i]); err != nil {
			return fmt.Errorf("element %s: %w", e.Name, err)
		}
		if e.targets, err = p.indexes(p.targets[i]); err != nil {
			return fmt.Errorf("element %s: %w", e.Name, err)
		}
		if slices.Contains(e.targets, p.d.TypeIndex("Resource")) {
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

// findLandmarks looks up what the rules of R4 name, and checks their assumptions.
func (d *Definitions) findLandmarks() error {
	m := &d.marks
	for name, to := range map[string]*int32{
		"Resource": &m.resource, "Bundle": &m.bundle, "Extension": &m.extension, "Coding": &m.coding, "CodeableConcept": &m.concept,
		"canonical": &m.canonical, "uri": &m.uri, "url": &m.url, "oid": &m.oid, "uuid": &m.uuid,
		"Reference": &m.reference,
	} {
		if *to = d.TypeIndex(name); *to < 0 {
			return fmt.Errorf("type %s is missing", name)
		}
	}
	m.referenceType = m.reference
	if m.reference = d.Element(m.reference, "reference"); m.reference < 0 {
		return fmt.Errorf("element Reference.reference is missing")
	}
	meta := d.TypeIndex("Meta")
	if meta < 0 {
		return fmt.Errorf("type Meta is missing")
	}
	if m.security = d.Element(meta, "security"); m.security < 0 {
		return fmt.Errorf("element Meta.security is missing")
	}
	for i := range d.Types {
		if t := &d.Types[i]; t.first == t.end || d.Elements[t.first].Name != "id" {
			return fmt.Errorf("type %s: its first element is not the id", t.Name)
		}
	}
	return nil
}

// buildMembers lists the JSON names of every type and hashes them.
func (d *Definitions) buildMembers() {
	for i := range d.Types {
		t := &d.Types[i]
		start := len(d.members)
		for e := t.first; e < t.end; e++ {
			el := &d.Elements[e]
			for _, typ := range el.Types {
				name := el.Name
				if el.Choice {
					name = ChoiceName(name, d.Types[typ].Name)
				}
				d.members = append(d.members, newMember(name, e, typ, el, &d.Types[typ]))
			}
		}
		d.hashMembers(t, start)
	}
}

func newMember(name string, elem, typ int32, el *Element, t *Type) member {
	m := member{quoted: `"` + name + `"`, elem: elem, typ: typ, bit: el.Bit, kind: t.kind, json: t.json, array: el.Array}
	m.text = t.kind == primitiveType && t.json == '"' && !el.Array
	var room [8]byte
	n := copy(room[:], m.quoted)
	m.head, m.lack = binary.LittleEndian.Uint64(room[:]), uint8(64-8*n)
	if n == len(room) {
		m.tail = binary.LittleEndian.Uint64([]byte(m.quoted[len(m.quoted)-n:]))
	}
	return m
}

func (d *Definitions) hashMembers(t *Type, start int) {
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
func (d *Definitions) buildBases() {
	for _, p := range slices.Concat(d.params, ownParams) {
		for _, base := range p.Bases {
			d.byBase[base] = append(d.byBase[base], p)
		}
	}
	general := append(d.byBase["Resource"], d.byBase["DomainResource"]...)
	delete(d.byBase, "Resource")
	delete(d.byBase, "DomainResource")
	for i := range d.Types {
		if t := &d.Types[i]; t.kind == resourceType {
			d.byBase[t.Name] = append(slices.Clip(d.byBase[t.Name]), general...)
		}
	}
}
