package fhirpath

import (
	"strconv"

	"github.com/aceso-health/aceso/fhir"
)

// Kind is what a value is: an element of a document, or of one of the System types.
type Kind uint8

// The kinds of value.
const (
	Element Kind = iota
	Boolean
	String
	Integer
	Decimal
	Date
	DateTime
	Time
	Quantity
	TypeInfo // what type() returns
)

// kindNames are the names of the System types.
var kindNames = [...]string{Boolean: "Boolean", String: "String", Integer: "Integer", Decimal: "Decimal", Date: "Date",
	DateTime: "DateTime", Time: "Time", Quantity: "Quantity", TypeInfo: "TypeInfo"}

// Collection is the result of an expression: values in order. Nothing in FHIRPath is
// not a collection; the empty one also means "unknown".
type Collection []Value

// Value is an element of a document or a value that an expression made.
type Value struct {
	kind    Kind
	at, ext int32      // of an element: its node and the one with the extensions of a primitive, or -1
	tape    *fhir.Tape // of an element
	n       int64      // Integer; Boolean: 1 is true; Quantity: 1 is a duration of the calendar
	text    string     // String; unit of a Quantity; namespace and name of a TypeInfo
	num     *decimal   // Decimal, Quantity
	moment  *moment    // Date, DateTime, Time
}

func elementOf(n Node) Value { return Value{tape: n.Tape, at: n.At, ext: -1} }

func boolean(b bool) Value {
	v := Value{kind: Boolean}
	if b {
		v.n = 1
	}
	return v
}

func str(s string) Value { return Value{kind: String, text: s} }

func integer(n int64) Value { return Value{kind: Integer, n: n} }

func decimalOf(d *decimal) Value { return Value{kind: Decimal, num: d} }

func quantity(d *decimal, unit string) Value { return Value{kind: Quantity, num: d, text: unit} }

// duration is a quantity in a unit of the calendar: a month is not 30 days.
func duration(d *decimal, unit string) Value {
	return Value{kind: Quantity, num: d, text: unit, n: 1}
}

// yes is a collection of one boolean.
func yes(b bool) Collection { return Collection{boolean(b)} }

// Kind says what the value is.
func (v Value) Kind() Kind { return v.kind }

// Node is the place of an element in its document; false for values that were made. If
// a primitive has only extensions, it is the node of these.
func (v Value) Node() (Node, bool) {
	return Node{v.tape, v.at}, v.kind == Element
}

// Extended is the node that has the extensions of a primitive (as _birthDate), if it has
// a value, too.
func (v Value) Extended() (Node, bool) {
	return Node{v.tape, v.ext}, v.kind == Element && v.ext >= 0
}

// Type is the name of the value's type: a FHIR type (Patient, code, BackboneElement), or
// one of System with its namespace (System.String).
func (v Value) Type() string {
	if v.kind != Element {
		return "System." + kindNames[v.kind]
	}
	return typeName(v.fhirType())
}

// Place is the path of an element in its document, as Patient.name[0].given[1]; "" for
// values that were made.
func (v Value) Place() string {
	if v.kind != Element {
		return ""
	}
	n := &v.tape.Nodes[v.at]
	if n.Parent < 0 {
		return v.fhirType().Name
	}
	up, _ := v.parent()
	el := &fhir.R4().Elements[n.Elem]
	place := up.Place() + "." + el.Name
	if !el.Array {
		return place
	}
	return place + "[" + strconv.Itoa(v.tape.Slot(v.at)) + "]"
}

// Bool is the boolean that the value is; ok is false if it is none.
func (v Value) Bool() (value, ok bool) {
	s := v.system()
	return s.n == 1, s.kind == Boolean
}

// String is the value as toString() writes it: for an element that is no primitive its
// JSON.
func (v Value) String() string {
	s := v.system()
	switch s.kind {
	case Element:
		return string(s.tape.Raw(s.at))
	case Boolean:
		return strconv.FormatBool(s.n == 1)
	case Integer:
		return strconv.FormatInt(s.n, 10)
	case Decimal:
		return s.num.String()
	case Date, DateTime, Time:
		return s.moment.String()
	case Quantity:
		return s.num.String() + " " + s.unit()
	}
	return s.text
}
