package search

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Read is a search parameter of a type on which the answer of a query rests: its matches,
// their order, or what is shown beside them.
type Read struct {
	Type       string // "*" for all
	Param      string // as it is written; "*" for all references of the type
	expression string // of a custom one
	inside     bool   // what is contained, too
}

// reads notes that the query rests on a parameter.
func (p *queryParser) reads(typ, name string, def fhir.SearchParam) {
	p.q.Reads = append(p.q.Reads, Read{Type: typ, Param: name, expression: ownExpression(def)})
}

// ownExpression is that of a custom parameter, which its name does not tell.
func ownExpression(def fhir.SearchParam) string {
	if IsCustom(def.Name) {
		return def.Expression
	}
	return ""
}

// leads notes that the query follows references of a type to others: a chain looks at what
// is contained, and a canonical leads to what has its URL.
func (p *queryParser) leads(typ, name string, def fhir.SearchParam, targets []string) {
	p.q.Reads = append(p.q.Reads, Read{Type: typ, Param: name, expression: ownExpression(def), inside: true})
	p.leadsTo(typ, def, targets)
}

// leadsTo notes by what a canonical finds what it leads to.
func (p *queryParser) leadsTo(typ string, def fhir.SearchParam, targets []string) {
	d := fhir.R4()
	paths, err := parseExpression(def.Expression)
	if err == nil && !slices.ContainsFunc(endTypes(d, d.TypeIndex(typ), paths), func(t int32) bool { return t < 0 || d.Types[t].Name == "canonical" }) {
		return
	}
	for _, t := range targets {
		if _, published := findParam(t, "url"); published {
			p.q.Reads = append(p.q.Reads, Read{Type: t, Param: "url"}, Read{Type: t, Param: "version"})
		}
	}
}

// follows is leads for includes, which look at no contained resources.
func (p *queryParser) follows(in Include) {
	p.q.Reads = append(p.q.Reads, Read{Type: in.Source, Param: in.Param})
	if def, known := findParam(in.Source, in.Param); known {
		p.leadsTo(in.Source, def, def.Targets)
	}
}

// compartmentReads are the parameters that decide whether a resource of a type is in a
// compartment.
func compartmentReads(compartment, typ string) (all []Read) {
	for _, def := range fhir.SearchParams(typ) {
		if compartmentBits(typ, def) != 0 && (slices.Contains(fhir.CompartmentParams(compartment, typ), def.Name) || compartment == "Patient" && (def.Name == "patient" || def.Name == "subject")) {
			all = append(all, Read{Type: typ, Param: def.Name})
		}
	}
	return all
}

// ConstraintReads are what a constraint rests on, see ParseConstraint.
func ConstraintReads(typ string, params []fhir.Param) (all []Read) {
	for _, p := range params {
		name, _, _ := strings.Cut(p.Name, ":")
		all = append(all, Read{Type: typ, Param: name})
	}
	return all
}

// References are the parameters of a type that refer to others.
func References(typ string) (all []Read) {
	for _, def := range fhir.SearchParams(typ) {
		if def.Kind == "reference" && supported(def) {
			all = append(all, Read{Type: typ, Param: def.Name})
		}
	}
	return all
}

// Elements are the paths of the elements that the parameter looks at, from its type on. A
// path without elements is the whole resource, with what is inside it: so it is if nobody
// can tell.
func (r Read) Elements() (all [][]string) {
	anything := [][]string{nil}
	expression, components := r.expression, []fhir.Component(nil)
	if expression == "" {
		def, known := findParam(r.Type, r.Param)
		if !known { // _text and _content, too
			return anything
		}
		expression, components = def.Expression, def.Components
	}
	paths, err := parseExpression(expression)
	if err != nil {
		return anything
	}
	for _, one := range paths {
		if one.root != "" && one.root != r.Type && one.root != "Resource" && one.root != "DomainResource" {
			continue
		}
		if len(components) == 0 {
			all = append(all, one.elements(nil)...)
			continue
		}
		for _, c := range components {
			parts, err := parseExpression(c.Expression)
			if err != nil {
				return anything
			}
			for _, part := range parts {
				all = append(all, part.elements(one.names())...)
			}
		}
	}
	if r.inside {
		all = append(all, []string{"contained"})
	}
	if len(all) == 0 {
		return anything
	}
	return all
}

// names are the elements of a path.
func (p *path) names() (all []string) {
	for _, s := range p.steps {
		all = append(all, s.name)
	}
	return all
}

// elements are the paths of what a path leads to, and of what its filters look at.
func (p *path) elements(base []string) (all [][]string) {
	if p.global {
		base = nil
	}
	at := slices.Clone(base)
	for _, s := range p.steps {
		at = append(slices.Clone(at), s.name)
		if s.field != "" {
			all = append(all, append(slices.Clone(at), s.field))
		}
	}
	return append(all, at)
}
