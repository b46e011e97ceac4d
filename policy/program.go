package policy

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

// entrypoint is the rule that the engine evaluates.
const entrypoint = "data.aceso.access.decision"

//go:embed schema.json
var schemaJSON []byte

// program is one compiled revision of the policies. It never changes, but for its
// memory and what is counted.
type program struct {
	revision string
	evaluate func(context.Context, ast.Value, topdown.Cancel) (rego.ResultSet, error)
	traced   func(context.Context, ast.Value, topdown.Cancel, topdown.QueryTracer) (rego.ResultSet, error)
	memory   *memory // nil if the time of the request can matter

	evaluated, failed atomic.Int64
}

// count counts an evaluation.
func (p *program) count(err error) {
	p.evaluated.Add(1)
	if err != nil {
		p.failed.Add(1)
	}
}

// compile compiles a policy folder.
func compile(ctx context.Context, s *source) (*program, error) {
	compiler, modules, document, err := compiled(s, s.rego)
	if err != nil {
		return nil, err
	}
	if errs := lint(compiler, modules, document); len(errs) > 0 {
		return nil, fmt.Errorf("check policies: %w", errs)
	}
	query, err := rego.New(
		rego.Query(entrypoint), rego.Compiler(compiler), rego.Store(newStore(document)),
		rego.StrictBuiltinErrors(true), rego.Capabilities(sandbox()), rego.GenerateJSON(asIs),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare policies: %w", err)
	}
	p := &program{revision: s.revision(), evaluate: func(ctx context.Context, in ast.Value, c topdown.Cancel) (rego.ResultSet, error) {
		return query.Eval(ctx, rego.EvalParsedInput(in), rego.EvalExternalCancel(c))
	}, traced: func(ctx context.Context, in ast.Value, c topdown.Cancel, t topdown.QueryTracer) (rego.ResultSet, error) {
		return query.Eval(ctx, rego.EvalParsedInput(in), rego.EvalExternalCancel(c), rego.EvalQueryTracer(t))
	}}
	if !readsTime(compiler) {
		p.memory = newMemory()
	}
	return p, nil
}

// compiled compiles files of a policy folder with its data.
func compiled(s *source, files map[string]string) (*ast.Compiler, map[string]*ast.Module, map[string]any, error) {
	document, err := s.document()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read policy data: %w", err)
	}
	modules, err := parse(files)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("parse policies: %w", err)
	}
	compiler, err := newCompiler(document)
	if err != nil {
		return nil, nil, nil, err
	}
	if compiler.Compile(modules); compiler.Failed() {
		return nil, nil, nil, fmt.Errorf("compile policies: %w", compiler.Errors)
	}
	return compiler, modules, document, nil
}

// asIs returns the answer in OPA's own types: a detour over JSON would cost time
// and lose types.
func asIs(t *ast.Term, _ *rego.EvalContext) (any, error) { return t.Value, nil }

// parse reads Rego v1 modules.
func parse(files map[string]string) (map[string]*ast.Module, error) {
	modules := make(map[string]*ast.Module, len(files))
	options := ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true, Capabilities: sandbox()}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		m, err := ast.ParseModuleWithOpts(name, files[name], options)
		if err != nil {
			return nil, err
		}
		modules[name] = m
	}
	return modules, nil
}

// newCompiler makes a strict compiler that knows the sandbox and the schema of the
// input, and refuses a rule at a path with data.
func newCompiler(document map[string]any) (*ast.Compiler, error) {
	var schema any
	if err := util.UnmarshalJSON(schemaJSON, &schema); err != nil {
		return nil, fmt.Errorf("read input schema: %w", err)
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	exists := func(path []string) (bool, error) { return hasData(document, path), nil }
	return ast.NewCompiler().WithStrict(true).WithCapabilities(sandbox()).WithSchemas(schemas).
		WithPathConflictsCheck(exists), nil
}

// newStore stores the data of the policies as terms, which rules read fastest.
func newStore(document map[string]any) storage.Store {
	return inmem.NewFromObjectWithOpts(document, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(true))
}
