package validate

import (
	"sync"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
)

// program is the compiled form of a constraint's expression.
type program struct {
	once   sync.Once
	path   *fhirpath.Expression
	broken error
}

// compiled compiles the expression on the first call.
func (c *constraint) compiled() (*fhirpath.Expression, error) {
	p := &c.program
	p.once.Do(func() { p.path, p.broken = fhirpath.Compile(c.expression) })
	return p.path, p.broken
}

// holds evaluates a constraint on an element. What cannot be told from what is there, such
// as whether 2012 is before 2012-05, is no fault.
func (c *constraint) holds(env *fhirpath.Env, t *fhir.Tape, at int32) (bool, error) {
	path, err := c.compiled()
	if err != nil {
		return false, err
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
