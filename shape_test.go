package aceso_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// The limits of form: beyond them code is split, not excused.
const (
	longestFunction = 60  // lines
	longestFile     = 400 // lines
	longestTestFile = 600 // lines
	mostExports     = 100 // package-level names of a package
	longestChain    = 7   // packages of this module that import one another
)

// TestShape holds functions, files, packages and chains of imports to the limits.
func TestShape(t *testing.T) {
	exports := map[string]int{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(os.DirFS("."), name)
		}
		if strings.HasSuffix(name, ".go") {
			return fileShape(t, name, exports)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg, n := range exports {
		if n > mostExports {
			t.Errorf("%s exports %d names, more than %d", pkg, n, mostExports)
		}
	}
	if len(exports) < 10 {
		t.Errorf("only %d packages found: the test looks in the wrong place", len(exports))
	}
}

func fileShape(t *testing.T, name string, exports map[string]int) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	limit := longestFile
	test := strings.HasSuffix(name, "_test.go")
	if test {
		limit = longestTestFile
	}
	if n := files.Position(file.FileEnd).Line; n > limit {
		t.Errorf("%s has %d lines, more than %d", name, n, limit)
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && !test {
			if n := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; n > longestFunction {
				t.Errorf("%s: %s has %d lines, more than %d", name, f.Name.Name, n, longestFunction)
			}
		}
		if !test {
			exports[path.Dir(name)] += exported(decl)
		}
	}
	return nil
}

// exported counts the exported package-level names of a declaration.
func exported(decl ast.Decl) (n int) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.IsExported() {
			n++
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						n++
					}
				}
			}
		}
	}
	return n
}

// TestChains finds the longest chain of packages that import one another.
func TestChains(t *testing.T) {
	found, err := packages(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{}
	var longest []string
	for pkg := range maps.Keys(found) {
		if c := chain(found, known, pkg); len(c) > len(longest) {
			longest = c
		}
	}
	if len(longest) > longestChain {
		t.Errorf("%d packages, more than %d: %s", len(longest), longestChain, strings.Join(longest, " -> "))
	}
	t.Log(strings.Join(longest, " -> "))
}

// chain is the longest one that begins with pkg.
func chain(found map[string][]string, known map[string][]string, pkg string) []string {
	if c, ok := known[pkg]; ok {
		return c
	}
	known[pkg] = []string{pkg} // ends circles, which the compiler refuses anyway
	var longest []string
	for _, i := range found[pkg] {
		if own, ok := strings.CutPrefix(i, module+"/"); ok {
			if c := chain(found, known, own); len(c) > len(longest) {
				longest = c
			}
		}
	}
	known[pkg] = slices.Concat([]string{pkg}, longest)
	return known[pkg]
}
