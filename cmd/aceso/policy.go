package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/policy"
)

const policyArguments = "test|check|fmt|init DIR | " + keptArguments

// policyCommand is the workbench of policy authors, and changes the policies of a folder or
// database.
func policyCommand(args []string, stdout, stderr io.Writer) int {
	f := newFlags("policy", policyArguments, stderr)
	w := policyWork{stdout: stdout}
	f.BoolVar(&w.write, "w", false, "fmt: write the files instead of listing them")
	f.BoolVar(&w.verbose, "v", false, "test: name every test, and the lines that none of them evaluates")
	f.Float64Var(&w.coverage, "coverage", 0, "test: fail below this `percentage` of evaluated lines")
	f.StringVar(&w.reason, "reason", "", "draft: `why` the policies are changed")
	f.StringVar(&w.data, "data", defaultData, "data `folder` of the server, which must be stopped unless it is on a database")
	databaseFlags(f, &w.database)
	rest, code, ok := parse(f, args)
	if !ok {
		return code
	}
	if isKept(rest) {
		if err := checkDatabase(w.database); err != nil {
			return misuse(stderr, "policy", "%v", err)
		}
		receipts, err := w.keptPolicies(rest)
		return showReceipts(stderr, "policy "+rest[0], receipts, err)
	}
	if len(rest) != 2 {
		return misuse(stderr, "policy", "usage: aceso policy %s", policyArguments)
	}
	work, ok := map[string]func(string) error{
		"test": w.test, "check": w.check, "fmt": w.format, "init": w.init,
	}[rest[0]]
	if !ok {
		return misuse(stderr, "policy", "there is no %q; usage: aceso policy %s", rest[0], policyArguments)
	}
	if rest[0] != "init" {
		if _, err := policy.Folder(rest[1]); err != nil {
			return fail(stderr, "policy "+rest[0], err)
		}
	}
	if err := work(rest[1]); err != nil {
		return fail(stderr, "policy "+rest[0], err)
	}
	return exitOK
}

// policyWork is one run of the command.
type policyWork struct {
	stdout         io.Writer
	write, verbose bool
	coverage       float64
	reason, data   string
	database       node.Database
}

// test runs the tests of a folder.
func (w policyWork) test(dir string) error {
	report, err := policy.Test(context.Background(), os.DirFS(dir))
	if err != nil {
		return err
	}
	passed, failed := 0, 0
	for _, t := range report.Tests {
		switch {
		case t.Passed:
			passed++
			w.say(w.verbose, "ok    %s", t.Name)
		case t.Skipped:
			w.say(true, "todo  %s (%s)", t.Name, t.Place)
		case t.Err != nil:
			failed++
			w.say(true, "ERROR %s (%s): %v", t.Name, t.Place, t.Err)
		default:
			failed++
			w.say(true, "FAIL  %s (%s)", t.Name, t.Place)
		}
	}
	for _, place := range report.Missed {
		w.say(w.verbose, "not evaluated: %s", place)
	}
	w.say(true, "%d passed, %d failed; %.1f %% of the policies evaluated", passed, failed, report.Coverage)
	switch {
	case len(report.Tests) == 0:
		return fmt.Errorf("%s has no tests (rules test_... in files *_test.rego)", dir)
	case !report.Passed():
		return fmt.Errorf("%d of %d tests failed", failed, passed+failed)
	case report.Coverage < w.coverage:
		return fmt.Errorf("%.1f %% evaluated, %.1f %% wanted; -v names the lines", report.Coverage, w.coverage)
	}
	return nil
}

// check prints the revision as which a server would activate the folder.
func (w policyWork) check(dir string) error {
	e, err := policy.New(context.Background(), os.DirFS(dir), policy.Options{})
	if err != nil {
		return err
	}
	w.say(true, "ok, revision %s", e.Revision())
	return nil
}

// format lists the files that are not in the standard layout, or rewrites them.
func (w policyWork) format(dir string) error {
	changed, err := policy.Format(os.DirFS(dir))
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		w.say(true, "%s", name)
		if !w.write {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), changed[name], 0o644); err != nil {
			return err
		}
	}
	if len(changed) > 0 && !w.write {
		return fmt.Errorf("%d files are not formatted; -w rewrites them", len(changed))
	}
	return nil
}

// init writes the built-in policies and their tests into a folder, to start from.
func (w policyWork) init(dir string) error {
	if err := os.CopyFS(dir, policy.Base()); err != nil {
		return fmt.Errorf("write the built-in policies (existing files are never overwritten): %w", err)
	}
	w.say(true, "%s has the built-in policies and their tests", dir)
	return nil
}

func (w policyWork) say(when bool, format string, args ...any) {
	if when {
		fmt.Fprintf(w.stdout, format+"\n", args...)
	}
}
