package search

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// reverse compiles _has:Type:param:rest=value.
func (p *queryParser) reverse(typ, spec, value string, depth int) (Condition, error) {
	parts := strings.SplitN(spec, ":", 3)
	if len(parts) < 3 || parts[2] == "" {
		return nil, &unknownParam{"_has needs a type, a reference parameter of it and a parameter: _has:Observation:patient:code=1234."}
	}
	def, ok := p.find(parts[0], parts[1])
	if !ok || def.Kind != "reference" || !slices.Contains(def.Targets, typ) || !LeadsOut(parts[0], parts[1]) {
		return nil, &unknownParam{"_has needs a type and one of its reference parameters that can point to the type searched for."}
	}
	where, err := p.criterion(parts[0], fhir.Param{Name: parts[2], Value: value}, depth+1)
	if err != nil {
		return nil, err
	}
	p.leads(parts[0], parts[1], def, []string{typ})
	return Reverse{Type: parts[0], Param: def.Name, Where: where}, nil
}

// chain compiles subject:Patient.name=value and subject.name=value.
func (p *queryParser) chain(typ, head string, rest fhir.Param, depth int) (Condition, error) {
	name, only, _ := strings.Cut(head, ":")
	def, ok := p.find(typ, name)
	if !ok || def.Kind != "reference" {
		return nil, &unknownParam{"A chain begins with a reference parameter of the type searched for."}
	}
	types := def.Targets
	if only != "" {
		if !slices.Contains(types, only) {
			return nil, &unknownParam{"The reference cannot point to the type in the chain."}
		}
		types = []string{only}
	}
	p.leads(typ, name, def, types)
	var links []Chain
	var here []Condition
	for _, t := range types {
		if p.leaves++; p.leaves > maxLeaves { // each link may be of many types
			return nil, tooCostly(name)
		}
		where, err := p.criterion(t, rest, depth+1)
		if _, unknown := err.(*unknownParam); unknown && len(types) > 1 {
			continue
		} else if err != nil {
			return nil, err
		}
		if c, ok := insideOf(def.Name+"."+t, where); ok {
			here = append(here, c)
		}
		links = link(links, def.Name, t, where)
	}
	if len(links) == 0 {
		return nil, &unknownParam{"No type that the reference can point to has the parameter at the end of the chain."}
	}
	return p.outside(typ, def.Name, links, here)
}

// outside joins a chain with what it means for resources inside. What is in a Bundle is no
// resource of its own: a chain does not lead out of it.
func (p *queryParser) outside(typ, param string, links []Chain, here []Condition) (Condition, error) {
	if p.leaves += len(here); p.leaves > maxLeaves {
		return nil, tooCostly(param)
	}
	if !LeadsOut(typ, param) {
		return anyOf(here), nil
	}
	for _, l := range slices.Backward(links) {
		here = slices.Insert(here, 0, Condition(l))
	}
	return anyOf(here), nil
}

// LeadsOut says whether a reference parameter of a type leads to other resources: the first
// of a Bundle is inside it.
func LeadsOut(typ, param string) bool {
	return typ != "Bundle" || param != "composition" && param != "message"
}

// link adds a target type; types with the same condition share a Chain.
func link(links []Chain, param, typ string, where Condition) []Chain {
	for i := range links {
		if reflect.DeepEqual(links[i].Where, where) {
			links[i].Types = append(links[i].Types, typ)
			return links
		}
	}
	return append(links, Chain{Param: param, Types: []string{typ}, Where: where})
}

// listed compiles _list: what a List refers to, if the caller may see the List.
func (p *queryParser) listed(typ, value string) (Condition, error) {
	values := splitEscaped(value, ',')
	if len(values) > maxValues {
		return nil, invalidParam("_list", "A parameter has at most "+strconv.Itoa(maxValues)+" alternative values. Send the others in further searches.")
	}
	lists := make([]Condition, len(values))
	for i, v := range values {
		id := strings.TrimPrefix(v, "List/")
		switch {
		case strings.HasPrefix(v, "$"):
			return nil, invalidParam("_list", "This server has no functional lists such as $current-problems: give the id of a List.")
		case !fhir.IsID(id):
			return nil, invalidParam("_list", "_list takes the id of a List.")
		}
		lists[i] = HasKey{"_id" + string(opToken) + id}
	}
	p.q.Reads = append(p.q.Reads, Read{Type: "List", Param: "item"})
	return Reverse{Type: "List", Param: "item", Where: anyOf(lists)}, nil
}
