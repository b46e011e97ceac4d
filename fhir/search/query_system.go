package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// maxAmong is how many comparisons a query over several types has for all of them.
const maxAmong = 20_000

// AnyType are the types that a search over all types finds. AuditEvents are found among the
// records, and by themselves.
func AnyType() []string {
	return slices.DeleteFunc(slices.Clone(fhir.ResourceTypes()), func(typ string) bool { return typ == "AuditEvent" })
}

// ParseSystem compiles a search over several types: those of _type, or all. Its parameters
// are those that all of the types have; a type to which the references of a _has cannot point
// has no matches.
func ParseSystem(params []fhir.Param, o QueryOptions) (*Query, error) {
	p, err := newParser(params, o)
	if err != nil {
		return nil, err
	}
	if params, err = p.typesOf(params); err != nil {
		return nil, err
	}
	all := make([]All, len(p.types))
	none := make([]bool, len(p.types))
	for _, param := range params {
		if err := p.lenient(param, p.paramOfAll(param, all, none)); err != nil {
			return nil, err
		}
	}
	q := p.finish()
	for i, typ := range p.types {
		if !none[i] {
			q.Among = append(q.Among, Part{typ, optimize(all[i])})
		}
	}
	q.Where = nil
	return q, nil
}

// typesOf reads _type, and returns the other parameters.
func (p *queryParser) typesOf(params []fhir.Param) (others []fhir.Param, err error) {
	for _, param := range params {
		if param.Name != "_type" {
			others = append(others, param)
			continue
		}
		if p.types != nil {
			return nil, invalidParam("_type", "Give the parameter only once: _type=Patient,Observation.")
		}
		for _, typ := range strings.Split(param.Value, ",") {
			switch {
			case !fhir.IsResourceType(typ):
				return nil, invalidParam("_type", "_type takes R4 resource types, with commas between them.")
			case typ == "AuditEvent":
				return nil, invalidParam("_type", "AuditEvents are searched by themselves: leave out the other types.")
			}
			p.types = append(p.types, typ)
		}
		p.criteria = append(p.criteria, param)
	}
	slices.Sort(p.types)
	if p.types = slices.Compact(p.types); p.types == nil {
		p.types = AnyType()
	}
	return others, nil
}

// paramOfAll parses a parameter for all types; none says which of them have no matches.
func (p *queryParser) paramOfAll(param fhir.Param, all []All, none []bool) error {
	if param.Name == "_format" || param.Name == "_pretty" {
		return nil
	}
	if set, ok := controls[param.Name]; ok {
		return p.control(param, set)
	}
	list := make([]Condition, len(p.types))
	known := 0
	var unknown error
	for i, typ := range p.types {
		c, err := p.oneOfAll(typ, param)
		if e, is := err.(*unknownParam); is && (param.Name == "_list" || strings.HasPrefix(param.Name, "_has:")) {
			unknown = e
			continue
		}
		if err != nil {
			return err
		}
		list[i] = c
		known++
	}
	if known == 0 {
		return unknown
	}
	for i, c := range list {
		if c == nil {
			none[i] = true
		} else {
			all[i] = all[i].and(param, c)
		}
	}
	p.criteria = append(p.criteria, param)
	return nil
}

// oneOfAll compiles a criterion for one type, within what all types may have.
func (p *queryParser) oneOfAll(typ string, param fhir.Param) (Condition, error) {
	p.among += p.leaves
	p.leaves = 0
	c, err := p.criterion(typ, param, 0)
	if p.among+p.leaves > maxAmong {
		return nil, &fhir.Error{Kind: fhir.TooCostly, Expression: param.Name, Detail: "The search has more than " + strconv.Itoa(maxAmong) + " alternatives for all of its types: name fewer types with _type, or give fewer values."}
	}
	if e, ok := err.(*fhir.Error); ok {
		e.Expression = param.Name
	}
	return c, err
}
