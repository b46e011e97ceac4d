package aceso_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	namedRefusal = regexp.MustCompile(`(?m)^\| (\d{3}|…) \| (.*) \|$`)
	sentRefusal  = regexp.MustCompile(`(?m)^(\d{3})(?:/(\d{3}|…))? (.*)$`)
)

// Every sentence of docs/refusals.md is sent by a test: by TestRefusalsAreSent of the package
// node, with its status, or, where no client of a small server gets it, by a test in which it
// stands as the page has it. And nothing is sent that the page does not name.
func TestEachRefusalIsSent(t *testing.T) {
	page, err := os.ReadFile("docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	over, quoted := sentOverHTTP(t), quotedInTests(t)
	unescape := strings.NewReplacer(`\|`, "|", "&lt;", "<", `\[`, "[")
	named := map[string]bool{}
	for _, m := range namedRefusal.FindAllStringSubmatch(string(page), -1) {
		line := m[1] + " " + unescape.Replace(m[2])
		named[line] = true
		if !over[line] && !quoted[unescape.Replace(m[2])] {
			t.Errorf("no test sends: %s (add a request to node/testdata/refusals, or compare the sentence as it stands here in a test)", line)
		}
	}
	for line := range over {
		if !named[line] {
			t.Errorf("docs/refusals.md does not name what is sent: %s", line)
		}
	}
}

// sentOverHTTP are the statuses and sentences in the files of TestRefusalsAreSent.
func sentOverHTTP(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("node/testdata/refusals/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	all := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range sentRefusal.FindAllStringSubmatch(string(text), -1) {
			status := m[1]
			if m[2] != "" {
				status = m[2]
			}
			all[status+" "+m[3]] = true
		}
	}
	return all
}

// quotedInTests are the texts that stand in test functions.
func quotedInTests(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "store/storetest/") || !strings.Contains(name, "/") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				s, _ := strconv.Unquote(text.Value)
				all[s] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
