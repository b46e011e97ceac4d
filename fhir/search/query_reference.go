package search

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// reference compiles id, Type/id, a URL and, with :identifier, an identifier.
func (c criterion) reference(v string) ([]Condition, error) {
	if c.modifier == "identifier" {
		return one(c.tokenKey(v, opIdentifier))
	}
	v = unescapeValue(v)
	if c.modifier == "below" {
		return c.below(v)
	}
	if ref, _, ok := fhir.ParseReference(v, c.o.Base); ok {
		return c.typed(ref)
	}
	published := c.modifier == "" && isCanonical(c.typ, c.def.Name) // such a URL may be any text
	if fhir.IsID(v) {
		list := c.bareID(v)
		if published {
			list = append(list, c.literal(v))
		}
		return list, nil
	}
	if !published && (c.modifier != "" || !strings.Contains(v, ":")) {
		return nil, c.invalid("A reference is id, Type/id with an R4 resource type, or an absolute URL.")
	}
	return []Condition{c.literal(v)}, nil
}

// literal compiles a URL as it is written.
func (c criterion) literal(v string) Condition {
	return HasKey{string(appendLong([]byte(c.def.Name+string(opReference)), c.canonical(v)))}
}

func (c criterion) typed(ref fhir.Ref) ([]Condition, error) {
	if c.modifier != "" && c.modifier != ref.Type {
		return nil, c.invalid("The type in the modifier and the type in the reference differ.")
	}
	c.patient(ref)
	return []Condition{HasKey{RefKey(c.def.Name, ref)}}, nil
}

// bareID compiles an id without a type: any type that the reference can point to.
func (c criterion) bareID(id string) []Condition {
	targets := c.def.Targets
	if c.modifier != "" {
		targets = []string{c.modifier}
	}
	var list []Condition
	for _, t := range targets {
		ref := fhir.Ref{Type: t, ID: id}
		c.patient(ref)
		list = append(list, HasKey{RefKey(c.def.Name, ref)})
	}
	return list
}
