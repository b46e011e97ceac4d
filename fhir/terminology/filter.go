package terminology

import (
	"fmt"
	"regexp"
	"regexp/syntax"
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
		return t.pattern(s, f)
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

// bytesStep is for how many instructions of a pattern times bytes of texts one more concept
// counts as looked at: about what one takes otherwise.
const bytesStep = 16

// pattern tests with an expression in linear time, anchored at both ends as in R4. What is
// matched is counted before: short expressions may have many instructions.
func (t *Terms) pattern(s *system, f Filter) (test, error) {
	if len(f.Value) > mostRegex {
		return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("A value set has a filter with a regular expression of more than %d bytes.", mostRegex)}
	}
	source := `^(?:` + f.Value + `)$`
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, unusablePattern(err)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, unusablePattern(err)
	}
	bytes := 0
	for i := range s.nodes {
		for _, v := range s.values(int32(i), f.Property) {
			bytes += len(v) + 1
		}
	}
	if err := t.spend(len(program.Inst) + bytes*len(program.Inst)/bytesStep); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, unusablePattern(err)
	}
	return func(i int32) bool { return slices.ContainsFunc(s.values(i, f.Property), re.MatchString) }, nil
}

func unusablePattern(cause error) error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: "A value set has a filter with a regular expression that cannot be used here: there are no look-around and no back-references.", Err: cause}
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
