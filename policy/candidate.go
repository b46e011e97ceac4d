package policy

import (
	"context"
	"io/fs"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// Candidate is a revision of policies that somebody looks at, apart from those in force.
type Candidate struct {
	program *program
	source  *source
}

// Look compiles the policies of a folder, with all checks but their own tests.
func Look(ctx context.Context, fsys fs.FS) (*Candidate, error) {
	s, err := readSource(fsys)
	if err != nil {
		return nil, err
	}
	p, err := compile(ctx, s)
	if err != nil {
		return nil, err
	}
	return &Candidate{program: p, source: s}, nil
}

// LookPacked is Look for packed policies.
func LookPacked(ctx context.Context, archive []byte) (*Candidate, error) {
	fsys, err := Unpack(archive)
	if err != nil {
		return nil, err
	}
	return Look(ctx, fsys)
}

// Revision names it: 64 hexadecimal digits.
func (c *Candidate) Revision() string { return c.program.revision }

// Decide says what an Engine would decide with these policies in force.
func (c *Candidate) Decide(ctx context.Context, in Input) (Decision, error) {
	if err := validate(&in); err != nil {
		return Decision{Reason: "input-invalid", Revision: c.program.revision}, err
	}
	d, err := c.program.decide(ctx, &in, time.Second)
	if err != nil {
		d = Decision{Reason: "policy-error"}
	}
	d.Revision = c.program.revision
	return d, err
}

// Parsed returns the modules, which belong to the caller, and the data.
func (c *Candidate) Parsed() (map[string]*ast.Module, map[string]any, error) {
	modules, err := parse(c.source.rego)
	if err != nil {
		return nil, nil, err
	}
	document, err := c.source.document()
	return modules, document, err
}

// Compiled compiles modules that the caller may have changed. Their input may have more
// fields than the schema says.
func Compiled(modules map[string]*ast.Module) (*ast.Compiler, error) {
	compiler := ast.NewCompiler().WithStrict(true).WithCapabilities(sandbox())
	if compiler.Compile(modules); compiler.Failed() {
		return nil, compiler.Errors
	}
	return compiler, nil
}

// Prepared prepares the question that an Engine asks, with functions that the caller has
// added to what was compiled.
func Prepared(ctx context.Context, compiler *ast.Compiler, document map[string]any, functions ...func(*rego.Rego)) (rego.PreparedEvalQuery, error) {
	return rego.New(append(functions,
		rego.Query(entrypoint), rego.Compiler(compiler), rego.Store(newStore(document)),
		rego.StrictBuiltinErrors(true), rego.GenerateJSON(asIs),
	)...).PrepareForEval(ctx)
}

// Value is an input as rules see it.
func (in *Input) Value() ast.Value { return in.value() }

// Valid says whether an Engine would ask its policies about an input at all.
func (in *Input) Valid() error { return validate(in) }

// ReadsTime says whether a decision may depend on the time.
func (c *Candidate) ReadsTime() bool { return c.program.memory == nil }

// Key is the same for inputs that differ in nothing but the time, and for no others.
func (in *Input) Key() string { return string(in.appendKey(make([]byte, 0, 512))) }
