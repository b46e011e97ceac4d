package fhir

import "sync"

// class is a group of data types that search treats alike.
type class uint8

const (
	otherClass class = iota
	textClass        // string, markdown, code, id and whatever else is only text
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

// role is what an element is within its data type.
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
	rolePeriod
)

var roleNames = map[string]role{
	"id": roleID, "system": roleSystem, "code": roleCode, "display": roleDisplay, "coding": roleCoding, "text": roleText,
	"type": roleType, "value": roleValue, "comparator": roleComparator, "unit": roleUnit, "currency": roleCurrency,
	"low": roleLow, "high": roleHigh, "start": roleStart, "end": roleEnd, "event": roleEvent, "repeat": roleRepeat,
	"bounds": roleBounds, "reference": roleReference, "identifier": roleIdentifier, "use": roleUse, "period": rolePeriod,
}

// roles are the classes of all types and the roles of all elements by index.
type roles struct {
	classes  []class
	elements []role
}

// rolesOf looks everything up once, so that a walk compares numbers only.
var rolesOf = sync.OnceValue(func() *roles {
	d := definitions()
	r := &roles{classes: make([]class, len(d.types)), elements: make([]role, len(d.elements))}
	for i := range d.types {
		r.classes[i] = classNames[d.types[i].name]
	}
	for i := range d.elements {
		r.elements[i] = roleNames[d.elements[i].name]
	}
	return r
})

// find gives the first child of a node with a role, -1 if there is none.
func (x *extractor) find(i int32, r role) int32 {
	for c := i + 1; c < x.nodes[i].next; c = x.nodes[c].next {
		if x.role(c) == r {
			return c
		}
	}
	return -1
}

// child is the text of the first child with a role, nil if there is none.
func (x *extractor) child(i int32, r role) []byte {
	c := x.find(i, r)
	if c < 0 || x.nodes[c].kind == '{' {
		return nil
	}
	return x.value(c)
}

func (x *extractor) class(i int32) class { return x.roles.classes[x.nodes[i].typ] }

// role is what a node is within its data type; what stands beside a primitive
// is nothing.
func (x *extractor) role(i int32) role {
	n := &x.nodes[i]
	if n.primitiveExt {
		return noRole
	}
	return x.roles.elements[n.elem]
}

// coding reads system and code of a Coding.
func (x *extractor) coding(i int32) (system, code []byte) {
	system, code, _ = x.fullCoding(i)
	return system, code
}

func (x *extractor) fullCoding(i int32) (system, code, display []byte) {
	for c := i + 1; c < x.nodes[i].next; c = x.nodes[c].next {
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
