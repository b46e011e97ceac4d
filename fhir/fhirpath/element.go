package fhirpath

import (
	"github.com/aceso-health/aceso/fhir"
)

// fhirType is the type of an element.
func (v *Value) fhirType() *fhir.Type { return &fhir.R4().Types[v.tape.Nodes[v.at].Type] }

// hasValue says whether an element is a primitive with a value.
func (v *Value) hasValue() bool { return v.kind == Element && v.tape.Nodes[v.at].Kind != '{' }

// parts yields the nodes whose members are the children of an element: its own object
// and, of a primitive, the one with its extensions.
func (v *Value) parts() int32 {
	switch {
	case v.tape.Nodes[v.at].Kind == '{':
		return v.at
	default:
		return v.ext
	}
}

// children appends the children of an element that have the index elem in
// Definitions.Elements, or all of them if it is -1.
func (v *Value) children(to Collection, elem int32) Collection {
	at := v.parts()
	if at < 0 {
		return to
	}
	nodes := v.tape.Nodes
	start, extended := len(to), false
	for c := at + 1; c < nodes[at].Next; c = nodes[c].Next {
		n := &nodes[c]
		if elem >= 0 && n.Elem != elem {
			continue
		}
		extended = extended || n.PrimitiveExt
		if to == nil {
			to = make(Collection, 0, 4)
		}
		to = append(to, Value{tape: v.tape, at: c, ext: -1})
	}
	switch {
	case extended && elem >= 0 && !fhir.R4().Elements[elem].Array:
		return append(to[:start], joined(to[start:]))
	case extended:
		return append(to[:start], pair(to[start:])...)
	}
	return to
}

// passed is how many children can be passed over at the cost of a step.
const passed = 16

// width is how many children of a large element must be passed over to find some; 0 for a
// small one.
func (v *Value) width() (n int) {
	const small = 1024 // nodes
	at, nodes := v.parts(), v.tape.Nodes
	if nodes[at].Next-at < small {
		return 0
	}
	for c := at + 1; c < nodes[at].Next; c = nodes[c].Next {
		n++
	}
	return n
}

// joined is the value and the extensions of a primitive that does not repeat.
func joined(sides Collection) Value {
	v := sides[0]
	for _, o := range sides[1:] {
		if o.tape.Nodes[o.at].PrimitiveExt {
			v.ext = o.at
		} else {
			v.at, v.ext = o.at, v.at
		}
	}
	return v
}

// slot is the place of a primitive: the same for its value and its extensions.
type slot struct {
	elem int32
	n    int
}

// pair joins the values and the extensions of primitives, in the order of R4's elements
// and of their arrays.
func pair(all Collection) Collection {
	type side struct {
		elem int32
		ext  bool
	}
	at := map[side]int{}
	found := map[slot]int{}
	out := make(Collection, 0, len(all))
	for _, v := range all {
		n := &v.tape.Nodes[v.at]
		ahead, first := v.tape.Ahead(v.at)
		s := side{n.Elem, n.PrimitiveExt}
		if first {
			at[s] = 0
		}
		at[s] += ahead
		key := slot{n.Elem, at[s]}
		i, ok := found[key]
		switch {
		case !ok:
			found[key] = len(out)
			out = append(out, v)
		case n.PrimitiveExt:
			out[i].ext = v.at
		default:
			out[i].at, out[i].ext = v.at, out[i].at
		}
	}
	return inPlace(out, found)
}

// inPlace sorts the items of each repeating primitive by their place in its array: one
// that has only extensions may stand between two that have values.
func inPlace(all Collection, found map[slot]int) Collection {
	places := make([]int, len(all))
	for s, i := range found {
		places[i] = s.n
	}
	for i := 1; i < len(all); i++ {
		for j := i; j > 0 && sameElement(&all[j], &all[j-1]) && places[j] < places[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
			places[j], places[j-1] = places[j-1], places[j]
		}
	}
	return all
}

func sameElement(a, b *Value) bool { return a.tape.Nodes[a.at].Elem == b.tape.Nodes[b.at].Elem }

// parent is the element that an element is in; false for a resource at the top.
func (v *Value) parent() (Value, bool) {
	up := v.tape.Nodes[v.at].Parent
	return Value{tape: v.tape, at: up, ext: -1}, up >= 0
}

// resource is the nearest resource that an element is in or is.
func (v *Value) resource() Value {
	at := v.at
	for at > 0 && !fhir.R4().Types[v.tape.Nodes[at].Type].IsResource() {
		at = v.tape.Nodes[at].Parent
	}
	return Value{tape: v.tape, at: at, ext: -1}
}

// rootResource is the resource that an element is in, or, inside a contained resource,
// its container.
func (v *Value) rootResource() Value {
	r := v.resource()
	if r.at == 0 || fhir.R4().Elements[r.tape.Nodes[r.at].Elem].Name != "contained" {
		return r
	}
	up, _ := r.parent()
	return up.resource()
}

// systemKinds are the types of System that primitives of FHIR become.
var systemKinds = map[string]Kind{
	"boolean": Boolean, "integer": Integer, "positiveInt": Integer, "unsignedInt": Integer, "decimal": Decimal,
	"date": Date, "dateTime": DateTime, "instant": DateTime, "time": Time,
}

// system is the value of System that a primitive or a Quantity becomes where an operator
// or a function needs one; another value stays what it is.
func (v *Value) system() Value {
	if v.kind != Element {
		return *v
	}
	t := v.fhirType()
	if !t.IsPrimitive() {
		if isKindOf(t.Name, "Quantity") {
			return v.quantity()
		}
		return *v
	}
	if !v.hasValue() {
		return *v
	}
	text := string(v.tape.Text(v.at))
	switch kind := systemKinds[t.Name]; kind {
	case Boolean:
		return boolean(text == "true")
	case Integer, Decimal:
		return numberOf(kind, text, v)
	case Date, DateTime, Time:
		if m, ok := parseAs(kind, text); ok {
			return Value{kind: kind, moment: m}
		}
	}
	return str(text)
}

func numberOf(kind Kind, text string, v *Value) Value {
	d, ok := parseDecimal(text)
	if !ok {
		return *v
	}
	if n, whole := d.isInteger(); whole && kind == Integer {
		return integer(n)
	}
	return decimalOf(d)
}

// quantity is the System value of a FHIR Quantity. One with a comparator is no amount.
func (v *Value) quantity() Value {
	var amount *decimal
	unit, code, system := "", "", ""
	for _, c := range v.children(nil, -1) {
		if !c.hasValue() {
			continue
		}
		text := string(c.tape.Text(c.at))
		switch fhir.R4().Elements[c.tape.Nodes[c.at].Elem].Name {
		case "value":
			amount, _ = parseDecimal(text)
		case "comparator":
			return *v
		case "unit":
			unit = text
		case "code":
			code = text
		case "system":
			system = text
		}
	}
	switch {
	case amount == nil:
		return *v
	case system == ucumSystem && (code == "a" || code == "mo"):
		return duration(amount, map[string]string{"a": "year", "mo": "month"}[code])
	case system == ucumSystem:
		return quantity(amount, code)
	case code != "":
		return quantity(amount, system+"|"+code)
	case unit != "":
		return quantity(amount, unit)
	}
	return quantity(amount, "1")
}
