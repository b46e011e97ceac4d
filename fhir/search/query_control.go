package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// controls are the parameters that say what to return and how.
var controls = map[string]func(*queryParser, fhir.Param) error{
	"_count":              (*queryParser).count,
	"_sort":               (*queryParser).sort,
	"_total":              (*queryParser).total,
	"_summary":            (*queryParser).summary,
	"_elements":           (*queryParser).elements,
	"_include":            (*queryParser).include,
	"_include:iterate":    (*queryParser).include,
	"_include:recurse":    (*queryParser).include,
	"_revinclude":         (*queryParser).include,
	"_revinclude:iterate": (*queryParser).include,
	"_revinclude:recurse": (*queryParser).include,
	"_contained":          (*queryParser).contained,
	"_containedType":      (*queryParser).contained,
}

// control parses a control parameter. All but _sort and includes may be given once.
func (p *queryParser) control(param fhir.Param, set func(*queryParser, fhir.Param) error) error {
	if p.seen[param.Name] && param.Name != "_sort" && !strings.Contains(param.Name, "include") {
		return invalidParam(param.Name, "Give the parameter only once.")
	}
	p.seen[param.Name] = true
	if err := set(p, param); err != nil {
		return err
	}
	p.apply(param)
	return nil
}

// apply notes a control parameter for the self link, as far as it has an effect: a page has
// maxCount matches at most, and several _sort are one, in their order.
func (p *queryParser) apply(param fhir.Param) {
	switch param.Name {
	case "_count":
		param.Value = strconv.Itoa(p.q.Count)
	case "_sort":
		i := slices.IndexFunc(p.controls, func(c fhir.Param) bool { return c.Name == "_sort" })
		if i >= 0 {
			p.controls[i].Value += "," + param.Value
			return
		}
	}
	p.controls = append(p.controls, param)
}

// count reads _count. A value above maxCount is not an error.
func (p *queryParser) count(param fhir.Param) error {
	n, err := strconv.ParseUint(param.Value, 10, 31)
	if err != nil {
		return invalidParam(param.Name, "_count is a whole number from 0.")
	}
	p.q.Count = min(int(n), maxCount)
	if n == 0 {
		p.q.Summary = "count"
	}
	return nil
}

func (p *queryParser) total(param fhir.Param) error {
	if !slices.Contains([]string{"none", "estimate", "accurate"}, param.Value) {
		return invalidParam(param.Name, "_total is none, estimate or accurate.")
	}
	p.q.Total = param.Value
	return nil
}

func (p *queryParser) summary(param fhir.Param) error {
	if !slices.Contains([]string{"true", "text", "data", "count", "false"}, param.Value) {
		return invalidParam(param.Name, "_summary is true, text, data, count or false.")
	}
	if p.q.Count != 0 || p.q.Summary == "" {
		p.q.Summary = param.Value
	}
	return nil
}

// contained takes what is so anyhow: contained resources are no matches.
func (p *queryParser) contained(param fhir.Param) error {
	if param.Name == "_contained" && param.Value == "false" || param.Name == "_containedType" && param.Value == "container" {
		return nil
	}
	return invalidParam(param.Name, "Contained resources are no matches of their own: search for what contains them, by a chain.")
}

func (p *queryParser) elements(param fhir.Param) error {
	var err error
	p.q.Elements, err = fhir.ParseElements(param.Value)
	return err
}

func (p *queryParser) sort(param fhir.Param) error {
	names := strings.Split(param.Value, ",")
	if len(p.q.Sort)+len(names) > maxSorts {
		return invalidParam(param.Name, "_sort has at most 5 parameters.")
	}
	for _, name := range names {
		name, desc := strings.CutPrefix(name, "-")
		if len(p.types) > 1 && name != "_id" && name != "_lastUpdated" {
			return invalidParam(param.Name, "Several types are sorted by _id and _lastUpdated only.")
		}
		def, ok := p.find(p.types[0], name)
		if !ok || !sortable(def) {
			return invalidParam(param.Name, "_sort takes search parameters of the type, except composites and combinations; a - before one means descending order.")
		}
		p.q.Sort = append(p.q.Sort, SortBy{Param: def.Name, Desc: desc})
	}
	return nil
}

// sortable says whether a search can sort by a parameter.
func sortable(def fhir.SearchParam) bool {
	_, union := unions[def.Name]
	return supported(def) && def.Kind != "composite" && def.Kind != "special" && !union
}

// include reads Type:param, Type:param:Target, Type:* and, for all types, *.
func (p *queryParser) include(param fhir.Param) error {
	if len(p.q.Include) == maxIncludes {
		return invalidParam(param.Name, "A search has at most 20 _include and _revinclude.")
	}
	kind, modifier, _ := strings.Cut(param.Name, ":")
	in := Include{Reverse: kind == "_revinclude", Iterate: modifier != ""}
	parts := strings.Split(param.Value, ":")
	if param.Value == "*" {
		parts = []string{p.types[0], "*"}
		if in.Reverse || in.Iterate || len(p.types) > 1 {
			parts[0] = "*"
		}
	}
	if len(parts) < 2 || len(parts) > 3 {
		return invalidParam(param.Name, "An include is Type:parameter or Type:parameter:TargetType.")
	}
	in.Source, in.Param = parts[0], parts[1]
	if len(parts) == 3 {
		in.Target = parts[2]
	}
	if err := p.checkInclude(in); err != nil {
		return invalidParam(param.Name, err.Error())
	}
	p.q.Include = append(p.q.Include, in)
	p.follows(in)
	return nil
}

func (p *queryParser) checkInclude(in Include) error {
	def, ok := findParam(in.Source, in.Param)
	switch {
	case in.Source == "*" && in.Param == "*" && in.Target == "":
		return nil
	case !fhir.IsResourceType(in.Source):
		return &unknownParam{"An include begins with the R4 resource type that has the reference."}
	case !in.Reverse && !in.Iterate && !slices.Contains(p.types, in.Source):
		return &unknownParam{"_include begins with the type searched for; use _include:iterate for others."}
	case in.Target != "" && !fhir.IsResourceType(in.Target):
		return &unknownParam{"The target of an include is an R4 resource type."}
	case in.Param == "*":
		return nil
	case !ok || def.Kind != "reference":
		return &unknownParam{"An include needs a reference parameter of its type."}
	case in.Target != "" && !slices.Contains(def.Targets, in.Target):
		return &unknownParam{"The parameter of the include cannot point to that type."}
	case in.Reverse && !in.Iterate && !slices.ContainsFunc(p.types, func(typ string) bool { return slices.Contains(def.Targets, typ) }):
		return &unknownParam{"The parameter of _revinclude cannot point to the type searched for."}
	}
	return nil
}
