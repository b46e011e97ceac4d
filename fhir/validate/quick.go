package validate

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// quick is a condition that makes a constraint hold and can be seen without evaluating it:
// that a child is there, or that it is not.
type quick struct {
	name   string
	absent bool
	value  bool // only values count, not extensions of primitives alone
}

// quickly are the quick ones of the alternatives of an expression: most constraints are
// like `value.empty() or system.exists()`, and hold for a reason that simple.
func quickly(expression string) []quick {
	var all []quick
	if before, after, ok := strings.Cut(expression, " implies "); ok && strings.Count(expression, " implies ") == 1 {
		name, simple := strings.CutSuffix(before, ".exists()")
		if !simple || !isName(name) {
			return nil
		}
		all, expression = append(all, quick{name: name, absent: true}), after
	}
	for _, one := range alternatives(expression) {
		if q, ok := quickOf(one); ok {
			all = append(all, q)
		}
	}
	return all
}

// alternatives are the operands of or, if nothing else joins them.
func alternatives(expression string) []string {
	var all []string
	depth, from, quoted := 0, 0, false
	for i := 0; i < len(expression); i++ {
		switch c := expression[i]; {
		case c == '\\':
			return nil
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ' ' && depth == 0:
			if !strings.HasPrefix(expression[i:], " or ") {
				return nil
			}
			all = append(all, expression[from:i])
			i += len(" or ") - 1
			from = i + 1
		case strings.IndexByte("=<>~+&|", c) >= 0 && depth == 0:
			return nil
		}
	}
	return append(all, expression[from:])
}

// quickOf reads an alternative: x.exists(), x.empty(), x.hasValue().not(), or a path that
// begins with x and whose emptiness is demanded.
func quickOf(one string) (quick, bool) {
	name, rest, _ := strings.Cut(one, ".")
	if !isName(name) {
		return quick{}, false
	}
	switch rest {
	case "exists()":
		return quick{name: name}, true
	case "empty()", "exists().not()":
		return quick{name: name, absent: true}, true
	case "hasValue().not()":
		return quick{name: name, absent: true, value: true}, true
	}
	path, empty := strings.CutSuffix(rest, ".empty()")
	makes := strings.Contains(path, "count(") || strings.Contains(path, "iif(") || strings.Contains(path, "combine(") || strings.Contains(path, "union(")
	return quick{name: name, absent: true}, empty && !makes && !strings.Contains(path, "%")
}

// isName says whether a text is the name of a child, and no function or type.
func isName(text string) bool {
	return text != "" && 'a' <= text[0] && text[0] <= 'z' && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// holds says whether the condition is seen to be so; otherwise nothing is known.
func (q quick) holds(t *fhir.Tape, d *fhir.Definitions, at int32) bool {
	for c := at + 1; c < t.Nodes[at].Next; c = t.Nodes[c].Next {
		n := &t.Nodes[c]
		if d.Elements[n.Elem].Name == q.name && !(q.value && n.PrimitiveExt) {
			return !q.absent
		}
	}
	return q.absent
}
