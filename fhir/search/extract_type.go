package search

import (
	"sync"

	"github.com/aceso-health/aceso/fhir"
)

// class is a group of data types that search treats alike.
type class uint8

const (
	otherClass class = iota
	textClass        // string, markdown, code, id and other plain text
	uriClass
	canonicalClass
	booleanClass
	numberClass
	dateClass
	codingClass
	conceptClass
	identifierClass
	contactClass
	quantityClass
	moneyClass
	rangeClass
	periodClass
	timingClass
	nameClass
	addressClass
	referenceClass
)

var classNames = map[string]class{
	"string": textClass, "markdown": textClass, "code": textClass, "id": textClass, "base64Binary": textClass, "time": textClass,
	"uri": uriClass, "url": uriClass, "oid": uriClass, "uuid": uriClass, "canonical": canonicalClass, "boolean": booleanClass,
	"decimal": numberClass, "integer": numberClass, "positiveInt": numberClass, "unsignedInt": numberClass,
	"date": dateClass, "dateTime": dateClass, "instant": dateClass,
	"Coding": codingClass, "CodeableConcept": conceptClass, "Identifier": identifierClass, "ContactPoint": contactClass,
	"Quantity": quantityClass, "SimpleQuantity": quantityClass, "MoneyQuantity": quantityClass, "Age": quantityClass,
	"Duration": quantityClass, "Count": quantityClass, "Distance": quantityClass, "Money": moneyClass, "Range": rangeClass,
	"Period": periodClass, "Timing": timingClass, "HumanName": nameClass, "Address": addressClass, "Reference": referenceClass,
}

// role is the role of an element in its data type.
type role uint8

const (
	noRole role = iota
	roleID
	roleSystem
	roleCode
	roleDisplay
	roleCoding
	roleText
	roleType
	roleValue
	roleComparator
	roleUnit
	roleCurrency
	roleLow
	roleHigh
	roleStart
	roleEnd
	roleEvent
	roleRepeat
	roleBounds
	roleReference
	roleIdentifier
	roleUse
	roleURL
	roleLatitude
	roleLongitude
)

var roleNames = map[string]role{
	"id": roleID, "system": roleSystem, "code": roleCode, "display": roleDisplay, "coding": roleCoding, "text": roleText,
	"type": roleType, "value": roleValue, "comparator": roleComparator, "unit": roleUnit, "currency": roleCurrency,
	"low": roleLow, "high": roleHigh, "start": roleStart, "end": roleEnd, "event": roleEvent, "repeat": roleRepeat,
	"bounds": roleBounds, "reference": roleReference, "identifier": roleIdentifier, "use": roleUse, "url": roleURL,
	"latitude": roleLatitude, "longitude": roleLongitude,
}

// roles are the classes and plans of all types and the roles of all elements by index.
type roles struct {
	d        *fhir.Definitions
	plans    []func() *plan // compiled on demand
	classes  []class
	elements []role

	security, profile int32 // the elements Meta.security and Meta.profile
	attachment        int32 // the type Attachment

	string, markdown, xhtml int32 // types of text
}

// rolesOf resolves all names once, so that a walk compares numbers only.
var rolesOf = sync.OnceValue(func() *roles {
	d := fhir.R4()
	r := &roles{d: d, plans: make([]func() *plan, len(d.Types)), classes: make([]class, len(d.Types)), elements: make([]role, len(d.Elements))}
	meta := d.TypeIndex("Meta")
	r.security, r.profile = d.Element(meta, "security"), d.Element(meta, "profile")
	r.attachment = d.TypeIndex("Attachment")
	r.string, r.markdown, r.xhtml = d.TypeIndex("string"), d.TypeIndex("markdown"), d.TypeIndex("xhtml")
	for i := range d.Types {
		name := d.Types[i].Name
		r.classes[i] = classNames[name]
		r.plans[i] = sync.OnceValue(func() *plan { return compilePlan(d, name) })
	}
	for i := range d.Elements {
		r.elements[i] = roleNames[d.Elements[i].Name]
	}
	return r
})

// find returns the first child of a node with a role, or -1.
func (x *extractor) find(i int32, r role) int32 {
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		if x.role(c) == r {
			return c
		}
	}
	return -1
}

// child is the text of the first child with a role, or nil.
func (x *extractor) child(i int32, r role) []byte {
	c := x.find(i, r)
	if c < 0 || x.Nodes[c].Kind == '{' {
		return nil
	}
	return x.value(c)
}

func (x *extractor) class(i int32) class { return x.roles.classes[x.Nodes[i].Type] }

// role is the role of a node in its data type. A primitive extension has none.
func (x *extractor) role(i int32) role {
	n := &x.Nodes[i]
	if n.PrimitiveExt {
		return noRole
	}
	return x.roles.elements[n.Elem]
}

// coding reads system and code of a Coding.
func (x *extractor) coding(i int32) (system, code []byte) {
	system, code, _ = x.fullCoding(i)
	return system, code
}

func (x *extractor) fullCoding(i int32) (system, code, display []byte) {
	for c := i + 1; c < x.Nodes[i].Next; c = x.Nodes[c].Next {
		switch x.role(c) {
		case roleSystem:
			system = x.value(c)
		case roleCode:
			code = x.value(c)
		case roleDisplay:
			display = x.value(c)
		}
	}
	return system, code, display
}
