package search

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aceso-health/aceso/fhir"
)

// The bounds of a filter, beside those of all criteria.
const (
	maxNesting    = 20  // parentheses, not and [] in one another
	maxFilterExps = 500 // comparisons
)

// filterParser reads a _filter (https://hl7.org/fhir/R4/search_filter.html) and compiles it
// on the way.
type filterParser struct {
	*queryParser
	text    string
	at      int
	nesting int
	depth   int // references on the way
	exps    int
}

// filter compiles a whole filter for a type.
func (p *queryParser) filter(typ, text string) (Condition, error) {
	f := &filterParser{queryParser: p, text: text}
	c, err := f.expression([]scope{{typ, nil}})
	if err == nil {
		if f.space(); f.at < len(f.text) {
			err = f.wrong("and, or, or the end")
		}
	}
	if err != nil {
		return nil, err
	}
	return c[0], nil
}

// scope is a type for which an expression is compiled. An expression below a reference is
// compiled for all types that the reference may have, and counts for those that know all its
// parameters; unknown says why a type does not.
type scope struct {
	typ     string
	unknown error
}

// wrong says where the filter is malformed.
func (f *filterParser) wrong(wanted string) error {
	return invalidParam("_filter", fmt.Sprintf("The filter is malformed at character %d: %s is expected.", utf8.RuneCountInString(f.text[:f.at])+1, wanted))
}

func (f *filterParser) space() bool {
	from := f.at
	for f.at < len(f.text) {
		r, size := utf8.DecodeRuneInString(f.text[f.at:])
		if !unicode.IsSpace(r) {
			break
		}
		f.at += size
	}
	return f.at > from
}

// next takes a byte if it is the next one.
func (f *filterParser) next(c byte) bool {
	if f.at < len(f.text) && f.text[f.at] == c {
		f.at++
		return true
	}
	return false
}

// word is the next run of letters, digits, - and _; it is not taken yet.
func (f *filterParser) word() string {
	end := f.at
	for end < len(f.text) && (isWordRune(rune(f.text[end])) && f.text[end] < utf8.RuneSelf || f.text[end] == '-' || f.text[end] == '_') {
		end++
	}
	return f.text[f.at:end]
}

// expression reads comparisons, negations and parentheses that and and or join: from left
// to right, as R4 wants. It gives a condition for each scope, nil where that is unknown.
func (f *filterParser) expression(scopes []scope) ([]Condition, error) {
	all, err := f.term(scopes)
	for err == nil {
		f.space()
		joint := f.word()
		if joint != "and" && joint != "or" {
			return all, nil
		}
		f.at += len(joint)
		var more []Condition
		if more, err = f.term(scopes); err != nil {
			break
		}
		for i := range all {
			all[i] = join(joint, all[i], more[i])
		}
	}
	return nil, err
}

// join joins two conditions, and lengthens the one before where that is the same.
func join(joint string, a, b Condition) Condition {
	if a == nil || b == nil {
		return nil
	}
	if joint == "or" {
		if some, ok := a.(Any); ok && len(some) > 0 {
			return append(slices.Clip(some), b)
		}
		return Any{a, b}
	}
	var every All
	for _, c := range []Condition{a, b} {
		if some, ok := c.(All); ok && len(some) > 0 {
			every = append(every, some...)
		} else {
			every = append(every, c)
		}
	}
	return every
}

// term reads one part of an expression.
func (f *filterParser) term(scopes []scope) ([]Condition, error) {
	f.space()
	word := f.word()
	negated := false
	if word == "not" {
		from := f.at
		f.at += len(word)
		f.space()
		if negated = f.at < len(f.text) && f.text[f.at] == '('; !negated {
			f.at = from
		}
	}
	if !f.next('(') {
		return f.comparison(scopes)
	}
	all, err := f.nested(scopes, ')')
	if negated {
		for i := range all {
			if all[i] != nil {
				all[i] = Not{all[i]}
			}
		}
	}
	return all, err
}

// nested reads an expression up to its closing bracket.
func (f *filterParser) nested(scopes []scope, end byte) ([]Condition, error) {
	if f.nesting++; f.nesting > maxNesting {
		return nil, invalidParam("_filter", fmt.Sprintf("The parts of a filter are nested at most %d deep.", maxNesting))
	}
	all, err := f.expression(scopes)
	if err != nil {
		return nil, err
	}
	if f.space(); !f.next(end) {
		return nil, f.wrong("and, or, or " + string(end))
	}
	f.nesting--
	return all, nil
}

// comparison reads a path, an operator and a value.
func (f *filterParser) comparison(scopes []scope) ([]Condition, error) {
	if f.exps++; f.exps > maxFilterExps {
		return nil, invalidParam("_filter", fmt.Sprintf("A filter has at most %d comparisons.", maxFilterExps))
	}
	return f.path(scopes)
}

// path reads name.path and name[filter].path, or a name and what it is compared with.
func (f *filterParser) path(scopes []scope) ([]Condition, error) {
	name := f.word()
	if name == "" || name[0] == '-' || '0' <= name[0] && name[0] <= '9' {
		return nil, f.wrong("the name of a search parameter")
	}
	f.at += len(name)
	if f.at < len(f.text) && (f.text[f.at] == '.' || f.text[f.at] == '[') {
		return f.link(scopes, name)
	}
	if !f.space() {
		return nil, f.wrong("a space")
	}
	op := f.word()
	f.at += len(op)
	if !slices.Contains(filterOperators, op) {
		f.at -= len(op)
		return nil, f.wrong("one of the operators " + strings.Join(filterOperators, " "))
	}
	if !f.space() {
		return nil, f.wrong("a space")
	}
	value, err := f.value()
	if err != nil {
		return nil, err
	}
	all := make([]Condition, len(scopes))
	for i := range scopes {
		if scopes[i].unknown == nil {
			all[i], scopes[i].unknown = f.compared(scopes[i].typ, name, op, value)
		}
		var unknown *unknownParam
		if err := scopes[i].unknown; err != nil && !(errors.As(err, &unknown) && len(scopes) > 1) {
			return nil, err
		}
	}
	return all, nil
}

// link reads what a reference leads to: the filter and the rest of the path hold for the
// same resource.
func (f *filterParser) link(scopes []scope, name string) ([]Condition, error) {
	if f.depth++; f.depth > maxDepth {
		return nil, invalidParam("_filter", fmt.Sprintf("Chains lead over at most %d references.", maxDepth))
	}
	inner, ends, err := f.targets(scopes, name)
	if err != nil {
		return nil, err
	}
	var only []Condition
	if f.next('[') {
		if only, err = f.nested(inner, ']'); err != nil {
			return nil, err
		}
	}
	if !f.next('.') {
		return nil, f.wrong(".")
	}
	rest, err := f.path(inner)
	if err != nil {
		return nil, err
	}
	f.depth--
	return f.linked(scopes, name, inner, ends, only, rest)
}

// linked makes chains of what holds for the targets.
func (f *filterParser) linked(scopes []scope, name string, inner []scope, ends []int, only, rest []Condition) ([]Condition, error) {
	all, from := make([]Condition, len(scopes)), 0
	for i, end := range ends {
		var links []Chain
		var here []Condition
		param := name
		if def, ok := f.find(scopes[i].typ, name); ok {
			param = def.Name
		}
		for k := from; k < end; k++ {
			if f.leaves++; f.leaves > maxLeaves {
				return nil, tooCostly("_filter")
			}
			where := rest[k]
			if only != nil {
				where = join("and", only[k], rest[k])
			}
			if where == nil {
				continue
			}
			if c, ok := insideOf(param+"."+inner[k].typ, where); ok {
				here = append(here, c)
			}
			links = link(links, param, inner[k].typ, where)
		}
		from = end
		if len(links) > 0 {
			var err error
			if all[i], err = f.outside(scopes[i].typ, param, links, here); err != nil {
				return nil, err
			}
		} else if scopes[i].unknown == nil {
			scopes[i].unknown = &unknownParam{"No type that a reference in the filter can point to has the parameters behind it."}
		}
		if err := scopes[i].unknown; err != nil && len(scopes) == 1 {
			return nil, err
		}
	}
	return all, nil
}

// maxScopes is for how many types, one behind the other, a path of a filter is compiled.
const maxScopes = 1000

// targets are the types that a reference of each scope may lead to, one after the other; ends
// says where those of each scope end.
func (f *filterParser) targets(scopes []scope, name string) (inner []scope, ends []int, err error) {
	for i := range scopes {
		def, ok := f.find(scopes[i].typ, name)
		switch {
		case scopes[i].unknown != nil:
		case !ok || def.Kind != "reference":
			scopes[i].unknown = &unknownParam{"A name before . or [ in a filter is a reference parameter of the type before it."}
			if len(scopes) == 1 {
				return nil, nil, scopes[i].unknown
			}
		default:
			f.leads(scopes[i].typ, name, def, def.Targets)
			for _, t := range def.Targets {
				inner = append(inner, scope{t, nil})
			}
		}
		ends = append(ends, len(inner))
	}
	if len(inner) > maxScopes {
		return nil, nil, tooCostly("_filter")
	}
	return inner, ends, nil
}

// value reads a JSON string, or all up to a space or a closing bracket.
func (f *filterParser) value() (string, error) {
	from := f.at
	if f.next('"') {
		for f.at < len(f.text) && f.text[f.at] != '"' {
			if f.text[f.at] == '\\' {
				f.at++
			}
			f.at++
		}
		if f.at >= len(f.text) {
			f.at = len(f.text)
			return "", f.wrong(`"`)
		}
		f.at++
		var text string
		if err := json.Unmarshal([]byte(f.text[from:f.at]), &text); err != nil {
			f.at = from
			return "", f.wrong("a JSON string")
		}
		return text, nil
	}
	for f.at < len(f.text) {
		r, size := utf8.DecodeRuneInString(f.text[f.at:])
		if unicode.IsSpace(r) || r == ')' || r == ']' {
			break
		}
		f.at += size
	}
	if f.at == from {
		return "", f.wrong("a value")
	}
	return f.text[from:f.at], nil
}

// asFilter places the errors of a filter, and lets unknown names be those of the filter.
func asFilter(err error) error {
	var known *fhir.Error
	if errors.As(err, &known) {
		known.Expression = "_filter"
	}
	return err
}
