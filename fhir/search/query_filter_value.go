package search

import (
	"slices"
	"strings"
)

// filterOperators are all of R4. Which of them a kind of parameter takes, and what they
// mean there, is said by compared.
var filterOperators = strings.Fields("eq ne co sw ew gt lt ge le ap sa eb pr po ss sb in ni re")

// systems are names that stand for code systems in filters.
var systems = map[string]string{
	"loinc": "http://loinc.org", "snomed": "http://snomed.info/sct", "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm", "ucum": "http://unitsofmeasure.org",
}

// ordered are the operators that are prefixes of searches, too.
var ordered = strings.Fields("eq ne gt lt ge le ap sa eb")

// compared compiles one comparison.
func (f *filterParser) compared(typ, name, op, value string) (Condition, error) {
	def, ok := f.find(typ, name)
	if !ok {
		return nil, &unknownParam{"A search parameter in the filter is not known for the type; the CapabilityStatement lists the known ones."}
	}
	c := criterion{queryParser: f.queryParser, typ: typ, def: def, name: "_filter"}
	if op == "pr" {
		if value != "true" && value != "false" {
			return nil, c.invalid("The operator pr takes true or false: whether there is a value.")
		}
		return c.missing(map[string]string{"true": "false", "false": "true"}[value])
	}
	list, err := c.operands(op, value)
	if err != nil {
		return nil, err
	}
	if c.leaves += len(list); c.leaves > maxLeaves {
		return nil, c.tooCostly()
	}
	return c.negated(op, anyOf(list))
}

// negated is what ne and ni are where no key is that of another value: a value, and none
// that is equal; no code of the set.
func (c criterion) negated(op string, is Condition) (Condition, error) {
	switch {
	case op == "ni":
		return Not{is}, nil
	case op == "ne" && slices.Contains([]string{"token", "reference", "uri", "composite"}, c.def.Kind):
		present, err := c.missing("false")
		return All{present, Not{is}}, err
	}
	return is, nil
}

// operands compiles a value for an operator; several conditions are alternatives.
func (c criterion) operands(op, value string) ([]Condition, error) {
	modifier, ok := "", false
	switch c.def.Kind {
	case "string":
		return c.ofMembers(func(c criterion) ([]Condition, error) { return c.stringOperand(op, value) })
	case "number", "date", "quantity":
		if op == "co" || op == "po" && c.def.Kind == "date" {
			return c.ofMembers(func(c criterion) ([]Condition, error) { return c.covering(op, value) })
		}
		ok = slices.Contains(ordered, op)
		value = op + value
	case "token":
		modifier, ok = map[string]string{"eq": "", "ne": "", "ss": "below", "sb": "above", "in": "in", "ni": "in"}[op], slices.Contains([]string{"eq", "ne", "ss", "sb", "in", "ni"}, op)
		value = named(value)
	case "reference":
		ok = op == "re" || op == "eq" || op == "ne"
	case "uri", "composite":
		ok = op == "eq" || op == "ne"
	}
	if c.modifier = modifier; !ok || c.checkModifier() != nil {
		return nil, &unknownParam{"The operator " + op + " is not for search parameters of the kind " + c.def.Kind + "."}
	}
	return c.members(value)
}

// named replaces a name that stands for a code system.
func named(value string) string {
	head, tail, ok := strings.Cut(value, "|")
	if system := systems[head]; ok && system != "" {
		return system + "|" + tail
	}
	return value
}

// ofMembers compiles a parameter; a union once per member.
func (c criterion) ofMembers(compile func(criterion) ([]Condition, error)) (list []Condition, err error) {
	parts, ok := unions[c.def.Name]
	if !ok {
		return compile(c)
	}
	for _, name := range parts {
		part := c
		part.def, _ = findParam(c.typ, name)
		some, err := compile(part)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

// stringOperand compiles a comparison of folded texts: whole, a part, the beginning, the
// end, or by their order.
func (c criterion) stringOperand(op, value string) ([]Condition, error) {
	begin := c.def.Name + string(opFolded)
	if op == "eq" || op == "ne" {
		folded := appendFolded(nil, []byte(value))
		if len(folded) == 0 {
			return nil, c.invalid("The text to search for is blank.")
		}
		key := string(appendLong([]byte(begin), folded))
		if op == "eq" {
			return one(HasKey{key}, nil)
		}
		return []Condition{KeyRange{begin, key}, KeyRange{key + "\x00", begin + keyEnd}}, nil
	}
	needle, err := c.folded(value)
	if err != nil {
		return nil, err
	}
	key := begin + needle
	switch op {
	case "co":
		return one(Contains{Param: c.def.Name, Needle: needle}, nil)
	case "ew":
		return one(Contains{Param: c.def.Name, Needle: needle, AtEnd: true}, nil)
	case "sw":
		return one(KeyRange{key, key + keyEnd}, nil)
	case "ge":
		return one(KeyRange{key, begin + keyEnd}, nil)
	case "gt":
		return one(KeyRange{key + "\x00", begin + keyEnd}, nil)
	case "le":
		return one(KeyRange{begin, key + "\x00"}, nil)
	case "lt":
		return one(KeyRange{begin, key}, nil)
	}
	return nil, &unknownParam{"The operator " + op + " is not for search parameters of the kind string."}
}

// covering compiles co, a stored range that covers what the value says, and po, one that
// overlaps it.
func (c criterion) covering(op, value string) ([]Condition, error) {
	prefix := Co
	if op == "po" {
		prefix = Ap
	}
	list, err := c.value("gt" + value) // exact: without implied precision
	for i := range list {
		switch r := list[i].(type) {
		case InNumbers:
			r.Prefix = prefix
			list[i] = r
		case InDates:
			r.Prefix = prefix
			list[i] = r
		}
	}
	return list, err
}
