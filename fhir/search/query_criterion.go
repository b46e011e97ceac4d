package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// unions are parameters that hold if one of several others does. They have no
// keys of their own.
var unions = map[string][]string{
	"combo-code":                {"code", "component-code"},
	"combo-code-value-concept":  {"code-value-concept", "component-code-value-concept"},
	"combo-code-value-quantity": {"code-value-quantity", "component-code-value-quantity"},
	"combo-data-absent-reason":  {"data-absent-reason", "component-data-absent-reason"},
	"combo-value-concept":       {"value-concept", "component-value-concept"},
	"combo-value-quantity":      {"value-quantity", "component-value-quantity"},
}

// criterion compiles one parameter of a type; depth is how many links of chains and _has
// lead to it.
func (p *queryParser) criterion(typ string, param fhir.Param, depth int) (Condition, error) {
	rest, reverse := strings.CutPrefix(param.Name, "_has:")
	head, tail, chained := strings.Cut(param.Name, ".")
	switch {
	case param.Name == "_filter" && depth == 0:
		c, err := p.filter(typ, param.Value)
		return c, asFilter(err)
	case param.Name == "_list":
		return p.listed(typ, param.Value)
	case (reverse || chained) && depth == maxDepth:
		return nil, invalidParam("", "Chains and _has lead over at most "+strconv.Itoa(maxDepth)+" references.")
	case reverse:
		return p.reverse(typ, rest, param.Value, depth)
	case chained:
		return p.chain(typ, head, fhir.Param{Name: tail, Value: param.Value}, depth)
	}
	name, modifier, _ := strings.Cut(param.Name, ":")
	if worded(typ, name) {
		return p.wordsOf(typ, name, modifier, param)
	}
	def, ok := p.find(typ, name)
	if !ok {
		return nil, &unknownParam{"This search parameter is not known for the type; the CapabilityStatement lists the known ones."}
	}
	c := criterion{queryParser: p, typ: typ, def: def, name: param.Name, modifier: modifier}
	return c.compile(param.Value)
}

// anyOf is the disjunction of list, or its only member.
func anyOf[C Condition](list []C) Condition {
	if len(list) == 1 {
		return list[0]
	}
	some := make(Any, len(list))
	for i, c := range list {
		some[i] = c
	}
	return some
}

// criterion is the parameter under compilation.
type criterion struct {
	*queryParser
	typ      string
	def      fhir.SearchParam
	name     string // as the client wrote it
	modifier string
}

// compile handles alternatives, negation and presence, as all kinds share them.
func (c criterion) compile(value string) (Condition, error) {
	if err := c.checkModifier(); err != nil {
		return nil, err
	}
	if c.modifier == "missing" {
		return c.missing(value)
	}
	values := splitEscaped(value, ',')
	if len(values) > maxValues {
		return nil, c.invalid("A parameter has at most 500 alternative values. Send the others in further searches.")
	}
	var list []Condition
	for _, v := range values {
		if v == "" {
			return nil, c.invalid("The parameter has an empty value: leave it out, or search with :missing.")
		}
		some, err := c.members(v)
		if err != nil {
			return nil, err
		}
		if c.leaves += len(some); c.leaves > maxLeaves {
			return nil, c.tooCostly()
		}
		list = append(list, some...)
	}
	if c.negates() {
		return Not{anyOf(list)}, nil
	}
	return anyOf(list), nil
}

// members compiles one value; for a union, once per member.
func (c criterion) members(v string) ([]Condition, error) {
	parts, ok := unions[c.def.Name]
	if !ok {
		return c.value(v)
	}
	var list []Condition
	for _, name := range parts {
		part := c
		part.def, _ = findParam(c.typ, name)
		some, err := part.value(v)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

func (c criterion) checkModifier() error {
	if c.modifier == "" && !strings.HasSuffix(c.name, ":") || slices.Contains(modifiers(c.def), c.modifier) {
		return nil
	}
	if c.def.Kind == "reference" && slices.Contains(c.def.Targets, c.modifier) {
		return nil
	}
	allowed := ":" + strings.Join(modifiers(c.def), " :")
	if c.def.Kind == "reference" {
		allowed += " and the types it can point to"
	}
	return &unknownParam{"This modifier is not supported for the parameter; it takes " + allowed + "."}
}

// missing compiles :missing. Every resource has an id and a time.
func (c criterion) missing(value string) (Condition, error) {
	var present Condition = HasKey{presentMark(c.def.Name)}
	if parts, ok := unions[c.def.Name]; ok {
		present = Any{HasKey{presentMark(parts[0])}, HasKey{presentMark(parts[1])}}
	}
	if c.def.Name == "_id" || c.def.Name == "_lastUpdated" {
		present = All{}
	}
	switch value {
	case "true":
		return Not{present}, nil
	case "false":
		return present, nil
	}
	return nil, c.invalid("The modifier :missing takes true or false.")
}

func (c criterion) tooCostly() error { return tooCostly(c.name) }

func tooCostly(name string) error {
	return &fhir.Error{Kind: fhir.TooCostly, Expression: name, Detail: "The search has more than " + strconv.Itoa(maxLeaves) + " alternatives: name the type in references, or give fewer values and words."}
}

func (c criterion) invalid(detail string) error { return invalidParam(c.name, detail) }

// value compiles one value; several conditions are alternatives.
func (c criterion) value(v string) ([]Condition, error) {
	switch c.def.Kind {
	case "token":
		if slices.Contains(meaning, c.modifier) {
			return c.meant(v)
		}
		return one(c.token(v))
	case "string":
		return one(c.text(v))
	case "reference":
		return c.reference(v)
	case "uri":
		return c.uri(unescapeValue(v))
	case "date":
		return one(c.date(v, c.def.Name))
	case "number":
		return one(c.number(v))
	case "quantity":
		return one(c.quantity(v, c.def.Name))
	case "special":
		return one(c.near(v))
	}
	return c.composite(v)
}

func one(c Condition, err error) ([]Condition, error) { return []Condition{c}, err }

// splitEscaped splits at every separator that no '\' precedes.
func splitEscaped(s string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

var escapes = strings.NewReplacer(`\,`, ",", `\|`, "|", `\$`, "$", `\\`, `\`)

// unescapeValue resolves \, \| \$ and \\; a '\' before anything else stays.
func unescapeValue(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return escapes.Replace(s)
}
