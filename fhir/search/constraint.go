package search

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// ParseConstraint compiles search parameters that a resource must satisfy by itself, today
// and later, for a rule of access: all of them, of the kinds token, date and reference. It
// refuses what would depend on other resources, on the time or on how a search is run.
func ParseConstraint(typ string, params []fhir.Param, base string) (Condition, error) {
	if !fhir.IsResourceType(typ) || typ == "AuditEvent" {
		return nil, invalidParam("", "Search parameters cannot restrict access to this type.")
	}
	p, err := newParser(params, QueryOptions{Base: base})
	if err != nil {
		return nil, err
	}
	p.q.Type = typ
	for _, param := range params {
		if why := binds(typ, param); why != "" {
			return nil, invalidParam(param.Name, why)
		}
		if err := p.lenient(param, p.param(param)); err != nil {
			return nil, err
		}
	}
	if err := aboutItself(p.where); err != nil {
		return nil, err
	}
	if len(p.where) == 1 {
		return p.where[0], nil
	}
	return p.where, nil
}

// binds says why a parameter cannot restrict access, "" if it can.
func binds(typ string, param fhir.Param) string {
	name, modifier, _ := strings.Cut(param.Name, ":")
	def, known := findParam(typ, name)
	switch {
	case strings.Contains(param.Name, ".") || strings.HasPrefix(param.Name, "_has:"):
		return "A chain or _has cannot restrict access: it depends on other resources."
	case !known:
		return "The type has no such search parameter."
	case def.Kind != "token" && def.Kind != "date" && def.Kind != "reference":
		return "Only tokens, dates and references can restrict access; this search parameter is of the kind " + def.Kind + "."
	case slices.Contains(meaning, modifier):
		return "The modifiers :in, :not-in, :above and :below cannot restrict access: what they mean depends on other resources."
	case def.Kind == "date" && approximates(param.Value):
		return "The prefix ap cannot restrict access: what it means depends on the time."
	}
	return ""
}

func approximates(value string) bool {
	return slices.ContainsFunc(splitEscaped(value, ','), func(v string) bool {
		prefix, _ := cutPrefix(v)
		return prefix == Ap
	})
}

// aboutItself refuses what binds has let through, if there is such a thing.
func aboutItself(where All) error {
	if !itself(where) {
		return invalidParam("", "The search parameters of a restriction are about the resource itself.")
	}
	return nil
}

// itself says whether a condition is decided by one resource and no others.
func itself(c Condition) bool {
	switch c := c.(type) {
	case All:
		return !slices.ContainsFunc(c, func(m Condition) bool { return !itself(m) })
	case Any:
		return !slices.ContainsFunc(c, func(m Condition) bool { return !itself(m) })
	case Not:
		return itself(c.C)
	case Chain, Reverse:
		return false
	}
	return true
}
