package validate

import (
	"context"
	"errors"
	"fmt"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
)

// Terminology knows which codes value sets have.
type Terminology interface {
	// Member says whether a value set has a code of a system; of any system if the system
	// is "". known is false if that cannot be told.
	Member(ctx context.Context, set, system, code string) (member, known bool)
}

// Validator holds resources against rules. A zero Validator knows the constraints of R4
// alone. It may be used by several goroutines.
type Validator struct {
	Profiles *Profiles // nil: no profiles and no extensions
	// Terminology makes one for a validation; nil: no bindings beyond those that fhir.Parse
	// checks.
	Terminology func() Terminology
}

// Options say what is looked at.
type Options struct {
	Profiles []string // canonical URLs that the resource must satisfy
	Declared bool     // those of meta.profile, too, and the definitions of extensions
	Warnings bool     // also find what should be better but is no error
}

// The bounds of one validation.
const (
	// MaxIssues is how many findings are told.
	MaxIssues = 50
	// MaxChecks is how often an element is held against a rule of a profile.
	MaxChecks = 2_000_000
	// mostCostly is how many constraints may cost too much to be evaluated.
	mostCostly = 10
)

// Check validates a resource that fhir.Parse accepted, and returns its findings. The
// error says that it could not be done.
func (v *Validator) Check(ctx context.Context, r *fhir.Resource, o Options) ([]fhir.Issue, error) {
	if err := base().broken; err != nil {
		return nil, err
	}
	t, err := fhir.ReadTape(r.Bytes())
	if err != nil {
		return nil, err
	}
	defer t.Close()
	c := &check{run: &run{Validator: v, ctx: ctx, t: t, d: fhir.R4(), options: o}}
	c.env = &fhirpath.Env{Profiles: asks{c.run}}
	if v.Terminology != nil {
		c.terms = v.Terminology()
		c.env.Terminology = asks{c.run}
	}
	c.everything()
	if len(o.Profiles) > 0 {
		c.asked(o.Profiles)
	}
	if c.err != nil {
		return nil, c.err
	}
	return c.issues, nil
}

// run is what all checks of one validation share.
type run struct {
	*Validator
	ctx        context.Context
	t          *fhir.Tape
	d          *fhir.Definitions
	options    Options
	env        *fhirpath.Env
	terms      Terminology
	conforming map[conformance]bool
	entries    map[string]int32           // resources of Bundles by fullUrl, once needed
	inside     map[int32]map[string]int32 // contained resources by container and id, once needed
	checks     int
	costly     int
	err        error // why the validation ends
}

// conformance is whether a node satisfies a profile.
type conformance struct {
	at  int32
	url string
}

// check collects findings. A quiet one only wants to know whether there are errors, and
// ends with the first.
type check struct {
	*run
	quiet  bool
	failed bool
	issues []fhir.Issue
}

// done says that nothing more is wanted.
func (c *check) done() bool {
	return c.err != nil || c.quiet && c.failed || len(c.issues) >= MaxIssues
}

// wants says whether findings of a severity are looked for.
func (c *check) wants(warning bool) bool { return !warning || c.options.Warnings && !c.quiet }

// tell notes a finding about a node.
func (c *check) tell(at int32, warning bool, code, format string, args ...any) {
	c.tellBelow(at, "", warning, code, format, args...)
}

// tellBelow notes a finding about an element of a node that may not be there.
func (c *check) tellBelow(at int32, name string, warning bool, code, format string, args ...any) {
	if !c.wants(warning) {
		return
	}
	c.failed = c.failed || !warning
	if c.quiet || c.done() {
		return
	}
	place := c.t.Place(at)
	if name != "" {
		place += "." + name
	}
	issue := fhir.Issue{Code: code, Detail: fmt.Sprintf(format, args...), Expression: place, Warning: warning}
	for i := range c.issues {
		if c.issues[i] == issue {
			return
		}
	}
	c.issues = append(c.issues, issue)
}

// spend counts a check of a profile.
func (c *check) spend() bool {
	if c.checks++; c.checks > MaxChecks && c.err == nil {
		c.err = &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("To hold the resource against its profiles takes more than %d comparisons. Send it in parts, or validate it against fewer profiles.", MaxChecks)}
	}
	return !c.done()
}

// everything walks through the document: the constraints of R4 everywhere, and, if
// wanted, what resources and extensions declare.
func (c *check) everything() {
	b := base()
	for i := range c.t.Nodes {
		if c.done() {
			return
		}
		n := &c.t.Nodes[i]
		at := int32(i)
		if n.PrimitiveExt {
			continue
		}
		c.constraints(at, b.types[n.Type], "")
		if n.Elem >= 0 {
			c.constraints(at, b.elements[n.Elem], "")
			if bound := b.bindings[n.Elem]; bound != nil {
				c.bound(at, bound, "")
			}
		}
		if c.options.Declared {
			c.declared(at)
		}
	}
}

// constraints evaluates expressions on a node; profile names whose they are.
func (c *check) constraints(at int32, all []*constraint, profile string) {
	for _, one := range all {
		if !c.wants(one.warning) {
			continue
		}
		holds, err := one.holds(c.env, c.d, c.t, at)
		switch {
		case err != nil:
			c.unclear(at, one, err)
		case !holds:
			c.tell(at, one.warning, "invariant", "%s%s: The element does not satisfy %s", in(profile), one.key, one.expression)
		}
	}
}

// unclear is about a constraint that cannot be evaluated: a fault of the constraint, not of
// the resource, or an element that is too large. Many of those end the validation.
func (c *check) unclear(at int32, one *constraint, err error) {
	var known *fhir.Error
	if !errors.As(err, &known) || known.Kind != fhir.TooCostly {
		c.tell(at, true, "not-supported", "%s: This constraint cannot be evaluated here.", one.key)
		return
	}
	c.tell(at, true, "too-costly", "%s: This constraint is not evaluated: the element is too large.", one.key)
	if c.costly++; c.costly > mostCostly {
		c.err = &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("More than %d constraints of the resource cost too much to evaluate. Send it in parts.", mostCostly)}
	}
}

// in begins a sentence about a rule of a profile.
func in(profile string) string {
	if profile == "" {
		return ""
	}
	return "Profile " + profile + ": "
}
