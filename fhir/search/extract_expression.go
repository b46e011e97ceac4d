package search

import (
	"fmt"
	"strings"
)

// step is one element of a path with its filters.
type step struct {
	name  string // element without [x]
	as    string // only values of this type
	field string // only if the child field has the text equal
	equal string
	first bool // only the first item
}

// path is one alternative of a search expression, relative to a resource type
// or to the element of a composite.
type path struct {
	root   string // type it begins with, "" if it names elements only
	steps  []step
	target string // only references to this type
	exists bool   // the value is whether the element exists and is not false
	global bool   // begins at the resource, whatever the base
}

// parseExpression parses the search expressions of R4: paths with the filters as,
// where(field='literal'), where(resolve() is Type) and [0], and the test for
// existence. Anything else is an error.
func parseExpression(expression string) ([]path, error) {
	var paths []path
	for _, alternative := range splitOutside(expression, '|') {
		p, err := parsePath(strings.TrimSpace(alternative))
		if err != nil {
			return nil, fmt.Errorf("search expression %q: %w", expression, err)
		}
		paths = append(paths, p)
	}
	return paths, nil
}

// splitOutside splits at separators outside parentheses.
func splitOutside(s string, separator byte) []string {
	var parts []string
	depth, start := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == separator && depth == 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func parsePath(s string) (path, error) {
	if before, after, ok := strings.Cut(s, ".exists() and "); ok && after == before+" != false" {
		p, err := parsePath(before)
		p.exists = true
		return p, err
	}
	var p path
	if after, ok := strings.CutPrefix(s, "%resource."); ok {
		s, p.global = after, true
	}
	as := ""
	if strings.HasPrefix(s, "(") { // (X.y as T) and what follows it
		inner, rest, ok := strings.Cut(s[1:], ")")
		if s, as, ok = cutAs(inner, ok); !ok {
			return p, fmt.Errorf("unknown shape %q", inner)
		}
		if err := p.parts(s); err != nil || len(p.steps) == 0 {
			return p, fmt.Errorf("unknown shape %q: %v", inner, err)
		}
		p.steps[len(p.steps)-1].as = as
		return p, p.rest(rest)
	}
	return p, p.parts(s)
}

func cutAs(inner string, ok bool) (string, string, bool) {
	before, typ, found := strings.Cut(inner, " as ")
	return before, typ, ok && found && plainName(typ)
}

// rest parses the text after a parenthesis: nothing, or a dot and more steps.
func (p *path) rest(s string) error {
	if s == "" {
		return nil
	}
	after, ok := strings.CutPrefix(s, ".")
	if !ok {
		return fmt.Errorf("unknown shape %q", s)
	}
	return p.parts(after)
}

func (p *path) parts(s string) error {
	for _, part := range splitOutside(s, '.') {
		if err := p.part(part); err != nil {
			return err
		}
	}
	return nil
}

// part parses the text between two dots.
func (p *path) part(part string) error {
	name, first := strings.CutSuffix(part, "[0]")
	call, isCall := strings.CutSuffix(part, ")")
	switch {
	case plainName(name) && p.root == "" && len(p.steps) == 0 && 'A' <= name[0] && name[0] <= 'Z':
		p.root = name
	case plainName(name):
		p.steps = append(p.steps, step{name: name, first: first})
	case isCall && len(p.steps) > 0:
		return p.call(call)
	default:
		return fmt.Errorf("unknown shape %q", part)
	}
	return nil
}

// call parses a filter of the last step.
func (p *path) call(call string) error {
	last := &p.steps[len(p.steps)-1]
	if typ, ok := strings.CutPrefix(call, "as("); ok && plainName(typ) {
		last.as = typ
		return nil
	}
	if typ, ok := strings.CutPrefix(call, "where(resolve() is "); ok && plainName(typ) {
		p.target = typ
		return nil
	}
	field, literal, ok := strings.Cut(strings.TrimPrefix(call, "where("), "=")
	literal = strings.TrimSpace(literal)
	if !ok || !strings.HasPrefix(call, "where(") || len(literal) < 2 || literal[0] != '\'' || !plainName(strings.TrimSpace(field)) {
		return fmt.Errorf("unknown shape %q", call)
	}
	last.field, last.equal = strings.TrimSpace(field), strings.Trim(literal, "'")
	return nil
}

func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
