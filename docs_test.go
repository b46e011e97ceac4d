package aceso_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

var markdownLink = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// Every relative link in the documentation leads somewhere.
func TestLinksInDocs(t *testing.T) {
	tree := os.DirFS(".")
	links := 0
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if d.Name() == "node_modules" { // others' documentation
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".md") {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		for _, m := range markdownLink.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], ":") {
				continue
			}
			links++
			if _, err := fs.Stat(tree, path.Join(path.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if links < 10 {
		t.Errorf("only %d links found", links)
	}
}

// shown matches what docs/conformance.md names as evidence.
var shown = regexp.MustCompile("`(Test[A-Za-z0-9]+|http/[a-z-]+|store/[^`]+)`")

// What the page of conformance names as evidence exists.
func TestConformanceHasEvidence(t *testing.T) {
	text, err := os.ReadFile("docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := sourcesOfTests(t)
	for _, m := range shown.FindAllStringSubmatch(string(text), -1) {
		kind, name, _ := strings.Cut(m[1], "/")
		there := false
		switch kind {
		case "http":
			_, err := os.Stat("testdata/http/" + name + ".txtar")
			there = err == nil
		case "store":
			there = strings.Contains(tests, `{"`+name+`", `)
		default:
			there = strings.Contains(tests, "\nfunc "+kind+"(t *testing.T) {")
		}
		if !there {
			t.Errorf("docs/conformance.md names %s, which does not exist", m[1])
		}
	}
	for n, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, "| yes") && !shown.MatchString(line) {
			t.Errorf("docs/conformance.md:%d says yes without evidence", n+1)
		}
	}
}

// sourcesOfTests is the text of all tests, and of the suite of the stores.
func sourcesOfTests(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "store/storetest/") {
			return err
		}
		text, err := os.ReadFile(name)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
