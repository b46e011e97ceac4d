package validate

import (
	"errors"
	"sync"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
)

// program is the compiled form of a constraint's expression.
type program struct {
	once   sync.Once
	quick  []quick // what lets it hold without being evaluated
	path   *fhirpath.Expression
	broken error
}

// compiled compiles the expression on the first call.
func (c *constraint) compiled() (*fhirpath.Expression, error) {
	p := &c.program
	p.once.Do(func() {
		p.path, p.broken = fhirpath.Compile(c.expression)
		p.quick = quickly(c.expression)
	})
	return p.path, p.broken
}

// asks answers what expressions ask beside the document.
type asks struct{ *run }

// MemberOf implements fhirpath.Terminology.
func (a asks) MemberOf(codings []fhirpath.Coding, set string) (bool, error) {
	unsure := false
	for _, c := range codings {
		member, known := a.terms.Member(a.ctx, canonical(set), c.System, c.Code)
		if member {
			return true, nil
		}
		unsure = unsure || !known
	}
	if unsure {
		return false, errUnknown
	}
	return false, nil
}

// Subsumes implements fhirpath.Terminology.
func (asks) Subsumes(fhirpath.Coding, fhirpath.Coding) (bool, error) { return false, errUnknown }

// ConformsTo implements fhirpath.Profiles.
func (a asks) ConformsTo(at fhirpath.Node, url string) (conforms, known bool, err error) {
	c := &check{run: a.run, quiet: true}
	conforms, known = c.conforms(at.At, url)
	return conforms, known, c.err
}

// errUnknown ends an expression that asks what nobody here knows.
var errUnknown = errors.New("the terminology that the expression asks about is not known here")

// holds evaluates a constraint on an element. What cannot be told from what is there, such
// as whether 2012 is before 2012-05, is no fault.
func (c *constraint) holds(env *fhirpath.Env, d *fhir.Definitions, t *fhir.Tape, at int32) (bool, error) {
	path, err := c.compiled()
	if err != nil {
		return false, err
	}
	if t.Nodes[at].Kind == '{' {
		for _, q := range c.program.quick {
			if q.holds(t, d, at) {
				return true, nil
			}
		}
	}
	found, err := path.Evaluate(env, fhirpath.Node{Tape: t, At: at})
	if err != nil {
		return false, err
	}
	if len(found) != 1 {
		return len(found) == 0, nil
	}
	holds, isBool := found[0].Bool()
	return holds || !isBool, nil
}
