package fhirpath

import (
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Node is one element of a document: what an expression is evaluated on.
type Node struct {
	Tape *fhir.Tape
	At   int32 // index into Tape.Nodes
}

// Root is the resource of a document.
func Root(t *fhir.Tape) Node { return Node{Tape: t} }

// Env is what an expression may ask beside the document. The zero value answers nothing:
// resolve() is empty, memberOf() fails.
type Env struct {
	Now         time.Time             // of now(), today() and timeOfDay(); the zero time is the clock's
	Variables   map[string]Collection // %name; %resource, %rootResource, %context and the code systems are known
	Resolver    Resolver              // of resolve(), beside what is in the document itself
	Terminology Terminology           // of memberOf(), subsumes() and subsumedBy()
	Profiles    Profiles              // of conformsTo(), beside the types of R4
	Trace       func(name string, values Collection)
	Strict      bool // as on several items is an error, as N1 says; R4's own constraints and search parameters filter with it
	Steps       int  // how much may be done, instead of MaxSteps
	Spent       *int // to which the steps that were done are added; may be nil
}

// Resolver finds what references lead to.
type Resolver interface {
	// Resolve returns the resource that a reference or canonical of a node leads to; false
	// if there is none, or none that may be seen.
	Resolve(from Node, reference string) (Node, bool)
}

// Coding is a code with its system, as an expression asks about it.
type Coding struct{ System, Version, Code, Display string }

// Terminology knows value sets and how codes subsume each other. An error says that the
// question cannot be answered; it ends the evaluation.
type Terminology interface {
	// MemberOf says whether one of the codings is in a value set. A code without a system
	// is one of whatever system the value set has it in.
	MemberOf(codings []Coding, valueSet string) (bool, error)
	// Subsumes says whether a is the same as b or above it.
	Subsumes(a, b Coding) (bool, error)
}

// Profiles knows profiles beyond the types of R4.
type Profiles interface {
	// ConformsTo says whether an element satisfies a profile; known is false if there is no
	// such profile.
	ConformsTo(at Node, profile string) (conforms, known bool, err error)
}

// Type is the name of the node's FHIR type.
func (n Node) Type() string {
	v := elementOf(n)
	return typeName(v.fhirType())
}
