package aceso_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mutantEnv holds the number of the mutant that a test binary shall be.
const mutantEnv = "ACESO_MUTANT"

// overlay is what `go build -overlay` reads: files that stand in the place of others.
type overlay struct {
	dir     string
	Replace map[string]string
}

// switched builds all mutants at once: beside each function with a guard stands a copy
// without it, and the environment says which copy is called. It returns the numbers of
// the mutants that need a build of their own: those outside of functions, those of files
// that are not Go.
func switched(t *testing.T, numbers []int) (o *overlay, alone []int) {
	t.Helper()
	o = &overlay{dir: t.TempDir(), Replace: map[string]string{}}
	byFile := map[string][]int{}
	for _, n := range numbers {
		byFile[mutants[n].file] = append(byFile[mutants[n].file], n)
	}
	for file, own := range byFile {
		if path.Ext(file) != ".go" {
			alone = append(alone, own...)
			continue
		}
		s := parseSwitch(t, file)
		for _, n := range own {
			if !s.add(n) {
				alone = append(alone, n)
			}
		}
		o.put(t, file, s.String())
		o.put(t, path.Dir(file)+"/mutant_switch.go", "package "+s.parsed.Name.Name+
			"\n\nimport \"os\"\n\nvar mutantSwitch = os.Getenv(\""+mutantEnv+"\")\n")
	}
	slices.Sort(alone)
	return o.write(t), alone
}

// single builds one mutant.
func single(t *testing.T, n int) *overlay {
	t.Helper()
	m := mutants[n]
	source, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	o := &overlay{dir: t.TempDir(), Replace: map[string]string{}}
	o.put(t, m.file, strings.Replace(string(source), m.text, m.other, 1))
	return o.write(t)
}

// put lets content stand in the place of a file.
func (o *overlay) put(t *testing.T, file, content string) {
	t.Helper()
	original, err := filepath.Abs(filepath.FromSlash(file))
	if err != nil {
		t.Fatal(err)
	}
	mutated := filepath.Join(o.dir, strings.ReplaceAll(file, "/", "_"))
	if err := os.WriteFile(mutated, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Replace[original] = mutated
}

// file is the path of the overlay.
func (o *overlay) file() string { return filepath.Join(o.dir, "overlay.json") }

// write writes the overlay down.
func (o *overlay) write(t *testing.T) *overlay {
	t.Helper()
	content, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.file(), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// switchedFile is a source whose functions call copies of themselves.
type switchedFile struct {
	source string
	set    *token.FileSet
	parsed *ast.File
	calls  map[int]string // what begins the body of a function, by its offset
	copies strings.Builder
}

func parseSwitch(t *testing.T, file string) *switchedFile {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &switchedFile{source: string(source), set: token.NewFileSet(), calls: map[int]string{}}
	if s.parsed, err = parser.ParseFile(s.set, file, source, parser.SkipObjectResolution); err != nil {
		t.Fatal(err)
	}
	return s
}

// add gives the function of a mutant's text a copy, and says whether it could.
func (s *switchedFile) add(n int) bool {
	from := strings.Index(s.source, mutants[n].text)
	to := from + len(mutants[n].text)
	for _, d := range s.parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || from <= s.at(f.Body.Lbrace) || to > s.at(f.Body.Rbrace) {
			continue
		}
		arguments, ok := passed(f)
		if !ok {
			return false
		}
		s.copy(n, f, arguments)
		return true
	}
	return false
}

// copy writes the function without its guard, and the call of it. An error of the compiler
// names the mutant.
func (s *switchedFile) copy(n int, f *ast.FuncDecl, arguments string) {
	name := fmt.Sprintf("%s_mutant%d", f.Name.Name, n)
	call := name + "(" + arguments + ")"
	if f.Recv != nil {
		call = f.Recv.List[0].Names[0].Name + "." + call
	}
	if f.Type.Results != nil {
		call = "return " + call
	} else {
		call += "; return"
	}
	s.calls[s.at(f.Body.Lbrace)+1] += fmt.Sprintf(" if mutantSwitch == \"%d\" { %s };", n, call)
	body := strings.Replace(s.source[s.at(f.Name.End()):s.at(f.End())], mutants[n].text, mutants[n].other, 1)
	s.copies.WriteString("\n//line " + mutants[n].name + ":1\n" + s.source[s.at(f.Pos()):s.at(f.Name.Pos())] + name + body + "\n")
}

// passed is what a function passes on to a copy of itself: its parameters, if all have
// names.
func passed(f *ast.FuncDecl) (string, bool) {
	if f.Recv != nil && (len(f.Recv.List[0].Names) == 0 || f.Recv.List[0].Names[0].Name == "_") {
		return "", false
	}
	var names []string
	for _, p := range f.Type.Params.List {
		for _, name := range p.Names {
			names = append(names, name.Name)
		}
		if _, ok := p.Type.(*ast.Ellipsis); ok && len(names) > 0 {
			names[len(names)-1] += "..."
		}
		if len(p.Names) == 0 {
			return "", false
		}
	}
	return strings.Join(names, ", "), !slices.Contains(names, "_")
}

func (s *switchedFile) at(p token.Pos) int { return s.set.Position(p).Offset }

// String is the source with its calls and copies.
func (s *switchedFile) String() string {
	var b strings.Builder
	for i, c := range []byte(s.source) {
		b.WriteString(s.calls[i])
		b.WriteByte(c)
	}
	b.WriteString(s.copies.String())
	return b.String()
}
