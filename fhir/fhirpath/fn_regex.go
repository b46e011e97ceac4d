package fhirpath

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// longestPattern is how long a regular expression may be, in bytes.
const longestPattern = 2_000

// pattern is a compiled regular expression. A text is matched in time linear in its
// length and in size, whatever the expression.
type pattern struct {
	source string
	re     *regexp.Regexp
	size   int // instructions
}

// ofPattern is a function of a string and a regular expression. The call remembers the
// last expression: it is mostly a literal.
func ofPattern(apply func(r *run, in string, p *pattern, args []string) Collection) func(*run, *call, *scope, Collection) Collection {
	return func(r *run, c *call, s *scope, on Collection) Collection {
		return ofString(func(r *run, in string, args []string) Collection {
			source := args[0]
			if c.name == "matchesFull" {
				source = "^(?:" + source + ")$"
			}
			p := c.pattern.Load()
			if p == nil || p.source != source {
				if p = r.compile(source); p == nil {
					return nil
				}
				c.pattern.Store(p)
			}
			if !r.charge(len(in) * p.size / 16) {
				return nil
			}
			return apply(r, in, p, args)
		})(r, c, s, on)
	}
}

// compile reads a regular expression. A dot matches a line feed, too.
func (r *run) compile(source string) *pattern {
	if len(source) > longestPattern {
		r.fail(tooMuch("has a regular expression of more than %d bytes", longestPattern))
		return nil
	}
	tree, err := syntax.Parse("(?s)"+source, syntax.Perl)
	if err != nil {
		r.fail(unfit("a regular expression cannot be read, or has what takes more than linear time"))
		return nil
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || !r.charge(len(program.Inst)) {
		return nil
	}
	re, err := regexp.Compile("(?s)" + source)
	if err != nil {
		return nil
	}
	return &pattern{source, re, len(program.Inst)}
}

// groups are the groups in a replacement: $1 ends after its digits.
var groups = regexp.MustCompile(`\$(\d+)`)

func matches(_ *run, in string, p *pattern, _ []string) Collection {
	return yes(p.re.MatchString(in))
}

func replaceMatches(r *run, in string, p *pattern, a []string) Collection {
	if a[0] == "" {
		return r.text(in)
	}
	found := len(p.re.FindAllStringIndex(in, -1))
	more := found*len(a[1]) + strings.Count(a[1], "$")*len(in)
	return r.replaced(in, more, func() string { return p.re.ReplaceAllString(in, groups.ReplaceAllString(a[1], "$${${1}}")) })
}
