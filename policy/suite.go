package policy

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestResult is the outcome of one rule test_... of a policy folder.
type TestResult struct {
	Name    string // package and rule
	Place   string // file:line
	Passed  bool
	Skipped bool   // named todo_test_...
	Err     error  // the test could not be evaluated
	Got     string // the line of the test that does not hold, with the values in it; of the first that failed
}

// Report is the outcome of all tests of a policy folder.
type Report struct {
	Tests    []TestResult
	Coverage float64  // percent of the lines of policies that the tests evaluate
	Missed   []string // file:line-line that no test evaluates
}

// Passed says whether there are tests and none of them failed.
func (r *Report) Passed() bool {
	for _, t := range r.Tests {
		if !t.Passed && !t.Skipped {
			return false
		}
	}
	return len(r.Tests) > 0
}

// Check returns an error if the policies of a folder cannot be put in force. It
// compiles them strictly against the input's schema and the sandbox, applies our own
// rules, and runs their tests.
func Check(ctx context.Context, fsys fs.FS) error {
	s, err := readSource(fsys)
	if err != nil {
		return err
	}
	_, err = admit(ctx, s)
	return err
}

// admit is what policies pass before they are put in force: they compile, and none of
// their own tests fails.
func admit(ctx context.Context, s *source) (*program, error) {
	p, err := compile(ctx, s)
	if err != nil {
		return nil, err
	}
	report, err := runSuite(ctx, s, plainly)
	if err != nil {
		return nil, err
	}
	return p, report.failure()
}

// failure is the first test that failed, in words; nil if none did.
func (r *Report) failure() error {
	failed, first := 0, TestResult{}
	for _, t := range r.Tests {
		if t.Passed || t.Skipped {
			continue
		}
		if failed++; failed == 1 {
			first = t
		}
	}
	switch {
	case failed == 0:
		return nil
	case first.Err != nil:
		return fmt.Errorf("%d of %d tests of the policies fail, the first is %s (%s): %w", failed, len(r.Tests), first.Name, first.Place, first.Err)
	}
	return fmt.Errorf("%d of %d tests of the policies fail, the first is %s (%s)", failed, len(r.Tests), first.Name, first.Place)
}

// Test runs the tests of a folder the way "opa test" does, inside the sandbox.
func Test(ctx context.Context, fsys fs.FS) (*Report, error) {
	s, err := readSource(fsys)
	if err != nil {
		return nil, err
	}
	coverage := cover.New()
	report, err := runSuite(ctx, s, func(r *tester.Runner) *tester.Runner { return r.SetCoverageQueryTracer(coverage) })
	if err != nil {
		return nil, err
	}
	if err := report.compare(ctx, s); err != nil {
		return nil, err
	}
	policies, err := parse(s.rego)
	if err != nil {
		return nil, fmt.Errorf("parse policies: %w", err)
	}
	report.cover(coverage.Report(policies))
	return report, nil
}

// plainly runs tests as they are.
func plainly(r *tester.Runner) *tester.Runner { return r }

// runSuite compiles policies with their tests and runs these in some way.
func runSuite(ctx context.Context, s *source, way func(*tester.Runner) *tester.Runner) (*Report, error) {
	modules, document, err := compileTests(s)
	if err != nil {
		return nil, err
	}
	compiler, err := newCompiler(document)
	if err != nil {
		return nil, err
	}
	store := newStore(document)
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("test policies: %w", err)
	}
	defer store.Abort(ctx, txn)
	runner := tester.NewRunner().SetCompiler(compiler).SetStore(store).SetModules(modules).
		RaiseBuiltinErrors(true).SetTimeout(testTimeout)
	return run(ctx, txn, way(runner))
}

// testTimeout bounds one test.
const testTimeout = 10 * time.Second

// compileTests parses and compiles policies with their tests, to report all errors
// early and in one place.
func compileTests(s *source) (map[string]*ast.Module, map[string]any, error) {
	files := maps.Clone(s.rego)
	maps.Copy(files, s.tests)
	_, modules, document, err := compiled(s, files)
	return modules, document, err
}

func run(ctx context.Context, txn storage.Transaction, r *tester.Runner) (*Report, error) {
	results, err := r.RunTests(ctx, txn)
	if err != nil {
		return nil, fmt.Errorf("test policies: %w", err)
	}
	report := &Report{}
	for t := range results {
		report.Tests = append(report.Tests, TestResult{
			Name: t.Package + "." + t.Name, Place: fmt.Sprintf("%s:%d", t.Location.File, t.Location.Row),
			Passed: t.Pass(), Skipped: t.Skip, Err: t.Error, Got: got(t),
		})
	}
	return report, nil
}

func (r *Report) cover(c cover.Report) {
	r.Coverage = c.Coverage
	for name, file := range c.Files {
		for _, g := range file.NotCovered {
			r.Missed = append(r.Missed, fmt.Sprintf("%s:%d-%d", name, g.Start.Row, g.End.Row))
		}
	}
	slices.Sort(r.Missed)
}
