package fhirpath

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// typing are the functions that ask for types, and for the precision of values.
var typing = map[string]*function{
	"is":   {types: true, gives: "Boolean", apply: func(r *run, c *call, _ *scope, on Collection) Collection { return r.typed(on, c.typ, false) }},
	"as":   {types: true, gives: "type", apply: func(r *run, c *call, _ *scope, on Collection) Collection { return r.typed(on, c.typ, true) }},
	"type": {gives: "any", apply: typeOf},

	"comparable":   {min: 1, max: 1, gives: "Boolean", apply: comparableTo},
	"precision":    {gives: "Integer", apply: precisionOf},
	"lowBoundary":  {max: 1, gives: "any", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.boundary(c, s, on, -1) }},
	"highBoundary": {max: 1, gives: "any", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.boundary(c, s, on, 1) }},
}

func typeOf(_ *run, _ *call, _ *scope, on Collection) Collection {
	out := make(Collection, len(on))
	for i := range on {
		name := on[i].Type()
		if !strings.HasPrefix(name, "System.") {
			name = "FHIR." + name
		}
		out[i] = Value{kind: TypeInfo, text: name}
	}
	return out
}

// typeInfoPart is the namespace or name of a type.
func typeInfoPart(v *Value, part string) Collection {
	namespace, name, _ := strings.Cut(v.text, ".")
	switch part {
	case "namespace":
		return Collection{str(namespace)}
	case "name":
		return Collection{str(name)}
	}
	return nil
}

func comparableTo(r *run, c *call, s *scope, on Collection) Collection {
	a, okA := r.one(on, "what comparable() is applied to")
	b, okB := r.one(c.arg(r, s, 0), "the argument of comparable()")
	if !okA || !okB {
		return nil
	}
	if a.kind != Quantity || b.kind != Quantity {
		return yes(false)
	}
	_, _, ok := alike(&a, &b, true)
	return yes(ok)
}

// precisionOf counts the digits after the point of a number, and all digits of a date or
// time.
func precisionOf(r *run, _ *call, _ *scope, on Collection) Collection {
	v, ok := r.one(on, "what precision() is applied to")
	switch {
	case !ok:
		return nil
	case v.amount() != nil:
		return Collection{integer(int64(v.amount().scale))}
	case v.moment != nil:
		return Collection{integer(int64(v.moment.digits()))}
	}
	return r.fail(unfit("precision() is applied to something that has none"))
}

// subtypeOf is used by hasTemplateIdOf and conformsTo: a type of R4 by its URL.
func subtypeOf(v *Value, url string) (is, known bool) {
	name, ok := strings.CutPrefix(url, "http://hl7.org/fhir/StructureDefinition/")
	if !ok || fhir.R4().TypeIndex(name) < 0 {
		return false, false
	}
	return isKindOf(typeName(v.fhirType()), name), true
}
