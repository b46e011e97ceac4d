package fhirpath

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// parents are the types of R4 that are a kind of another than Element, BackboneElement
// (of the parts of resources) and DomainResource.
var parents = map[string]string{
	"code": "string", "id": "string", "markdown": "string",
	"url": "uri", "canonical": "uri", "oid": "uri", "uuid": "uri",
	"positiveInt": "integer", "unsignedInt": "integer",
	"Age": "Quantity", "Count": "Quantity", "Distance": "Quantity", "Duration": "Quantity",
	"Timing": "BackboneElement", "Dosage": "BackboneElement", "ElementDefinition": "BackboneElement",
	"MarketingStatus": "BackboneElement", "Population": "BackboneElement", "ProdCharacteristic": "BackboneElement",
	"ProductShelfLife": "BackboneElement", "SubstanceAmount": "BackboneElement",
	"BackboneElement": "Element", "Element": "", "Resource": "", "DomainResource": "Resource",
	"Bundle": "Resource", "Binary": "Resource", "Parameters": "Resource",
}

// profiled are names of R4 for a Quantity with constraints. They are no types of data.
var profiled = map[string]string{"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}

// typeName is the name under which expressions know a type.
func typeName(t *fhir.Type) string {
	if !t.IsBackbone() {
		return t.Name
	}
	if in, _, _ := strings.Cut(t.Name, "."); !fhir.IsResourceType(in) {
		return "Element"
	}
	return "BackboneElement"
}

// parentOf is the type that a type is a kind of, "" at the top.
func parentOf(name string) string {
	if p, ok := parents[name]; ok {
		return p
	}
	if fhir.IsResourceType(name) {
		return "DomainResource"
	}
	return "Element"
}

// isKindOf says whether a FHIR type is another one or below it.
func isKindOf(name, of string) bool {
	for ; name != ""; name = parentOf(name) {
		if name == of {
			return true
		}
	}
	return false
}

// known says whether there is such a type. What another namespace has is not known here,
// and nothing is of it.
func (t *typeSpec) known() bool {
	if t.namespace != "" && t.namespace != "FHIR" {
		return true
	}
	return profiled[t.name] != "" || fhir.R4().TypeIndex(t.name) >= 0 || t.namespace == "" && slices.Contains(kindNames[1:], t.name)
}

// fhirName is the name of a FHIR type that is meant, "" if it is none.
func (t *typeSpec) fhirName() string {
	if t.namespace != "" && t.namespace != "FHIR" {
		return ""
	}
	if p := profiled[t.name]; p != "" {
		return p
	}
	return t.name
}

// holds says whether a value is of the type: an element of a FHIR type or one below it,
// another value of exactly one of System.
func (t *typeSpec) holds(v *Value) bool {
	if v.kind != Element {
		return kindNames[v.kind] == t.name && (t.namespace == "" || t.namespace == "System")
	}
	return isKindOf(typeName(v.fhirType()), t.fhirName())
}

// selects says whether as and ofType let a value through. R4 does not let a code
// through as a string: among primitives they want exactly the type.
func (t *typeSpec) selects(v *Value) bool {
	if v.kind == Element && v.fhirType().IsPrimitive() && fhir.R4().TypeIndex(t.fhirName()) >= 0 {
		name := v.fhirType().Name
		return name == t.fhirName() || t.fhirName() == "Element"
	}
	return t.holds(v)
}
