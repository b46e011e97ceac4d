package terminology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// test says whether the concept at a place passes.
type test func(i int32) bool

// compile makes the test of a filter.
func (t *Terms) compile(s *system, f Filter) (test, error) {
	if err := t.spend(len(s.nodes)); err != nil {
		return nil, err
	}
	switch f.Op {
	case "is-a", "descendent-of", "is-not-a", "generalizes":
		return s.hierarchy(f)
	case "=":
		return func(i int32) bool { return slices.Contains(s.values(i, f.Property), f.Value) }, nil
	case "in", "not-in":
		listed := map[string]bool{}
		for v := range strings.SplitSeq(f.Value, ",") {
			listed[strings.TrimSpace(v)] = true
		}
		return func(i int32) bool {
			return slices.ContainsFunc(s.values(i, f.Property), func(v string) bool { return listed[v] }) == (f.Op == "in")
		}, nil
	case "exists":
		return func(i int32) bool { return (len(s.values(i, f.Property)) > 0) == (f.Value == "true") }, nil
	case "regex":
		return s.pattern(f)
	}
	return nil, &fhir.Error{Kind: fhir.Unprocessable, Detail: "A value set has a filter with an operator that R4 does not know."}
}

func (s *system) hierarchy(f Filter) (test, error) {
	at, ok := s.find(f.Value)
	if !ok {
		return func(int32) bool { return f.Op == "is-not-a" }, nil
	}
	switch f.Op {
	case "generalizes":
		marked := s.related(at, above)
		return func(i int32) bool { return marked[i] }, nil
	case "is-not-a":
		marked := s.related(at, below)
		return func(i int32) bool { return !marked[i] }, nil
	}
	marked := s.related(at, below)
	self := f.Op == "is-a"
	return func(i int32) bool { return marked[i] && (self || i != at) }, nil
}

// pattern tests with an expression in linear time, anchored at both ends as in R4.
func (s *system) pattern(f Filter) (test, error) {
	if len(f.Value) > mostRegex {
		return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("A value set has a filter with a regular expression of more than %d bytes.", mostRegex)}
	}
	re, err := regexp.Compile(`^(?:` + f.Value + `)$`)
	if err != nil {
		return nil, &fhir.Error{Kind: fhir.Unprocessable, Detail: "A value set has a filter with a regular expression that cannot be used here: there are no look-around and no back-references.", Err: err}
	}
	return func(i int32) bool { return slices.ContainsFunc(s.values(i, f.Property), re.MatchString) }, nil
}

// values are those of a property of a concept, the ones that every concept has included.
func (s *system) values(i int32, property string) (all []string) {
	n := &s.nodes[i]
	switch property {
	case "code", "concept":
		return []string{n.Code}
	case "display":
		return []string{n.Display}
	case "parent":
		return s.codesAt(n.parents)
	case "child":
		return s.codesAt(n.children)
	}
	for k := range n.Property {
		if n.Property[k].Code == property {
			all = append(all, n.Property[k].text())
		}
	}
	return all
}

func (s *system) codesAt(places []int32) []string {
	all := make([]string, len(places))
	for k, i := range places {
		all[k] = s.nodes[i].Code
	}
	return all
}
