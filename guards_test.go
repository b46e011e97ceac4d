package aceso_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guards are the functions that decide about a question or a row, record whom an answer
// concerns, or protect the past. Every call of them is a place where a promise may be
// dropped, so every call has a row among the mutants.
var guards = map[string][]string{
	"access": {
		"ask", "decide", "row", "visible", "asOf", "check", "within", "Evaluate", "Combine", "stillIs", "sees", "agreed", "finds",
		"record", "Record", "Commit", "Prepare", "disclose", "discloseResult", "concern", "concernSelected",
		"concernNamed", "concernStored", "concernLed", "concernThrough", "concernFew",
		"mention", "asks", "told", "criteria", "refuseRow", "discloseNothing", "Open",
	},
	"store/search": {"protectPast", "visible"},
}

// TestEveryGuardHasAMutant counts the calls of the guards in the sources.
func TestEveryGuardHasAMutant(t *testing.T) {
	calls := 0
	for dir, names := range guards {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				calls += unguarded(t, filepath.ToSlash(file), names)
			}
		}
	}
	t.Logf("%d calls of guards, %d mutants", calls, len(mutants))
	if calls < 40 {
		t.Errorf("found %d calls of guards: were they renamed?", calls)
	}
}

// unguarded reports the calls of the named functions in a file that no mutant touches,
// and counts all calls.
func unguarded(t *testing.T, file string, names []string) (calls int) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !slices.Contains(names, called(call)) {
			return true
		}
		calls++
		from, to := set.Position(call.Pos()).Offset, set.Position(call.End()).Offset
		if !mutated(file, string(source), from, to) {
			t.Errorf("%s: no mutant disables %s", set.Position(call.Pos()), source[from:to])
		}
		return true
	})
	return calls
}

// called is the name of the function or method that is called.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// mutated says whether some mutant's text meets a part of the source.
func mutated(file, source string, from, to int) bool {
	for _, m := range mutants {
		if at := strings.Index(source, m.text); m.file == file && at < to && at+len(m.text) > from {
			return true
		}
	}
	return false
}
