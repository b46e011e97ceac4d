package aceso_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

var updateRefusals = flag.Bool("update-refusals", false, "write docs/refusals.md anew")

// refusing are the folders whose errors clients get to see.
var refusing = []string{"access", "auth", "consent", "emergency", "fhir", "policy", "purge", "server", "store"}

// docs/refusals.md names every sentence with which the code refuses something, and no other.
func TestRefusalsAreListed(t *testing.T) {
	found := map[string]map[string]bool{} // status and sentence, by folder
	for _, root := range refusing {
		err := fs.WalkDir(os.DirFS("."), root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() || strings.Contains(name, "testdata") || strings.HasSuffix(name, "test") {
				return err
			}
			if all := refusalsIn(t, name); len(all) > 0 {
				found[name] = all
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const page = "docs/refusals.md"
	want := refusalPage(found)
	if *updateRefusals {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(want) {
		if !strings.Contains(string(got), line) {
			t.Errorf("%s does not name: %s", page, line)
		}
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says: run go test . -run TestRefusalsAreListed -update-refusals", page)
	}
	if n := strings.Count(want, "\n| "); n < 300 {
		t.Errorf("only %d sentences are found", n)
	}
}

func refusalPage(found map[string]map[string]bool) string {
	var b strings.Builder
	b.WriteString("# Refusals\n\nEvery sentence with which a request may be refused, by the package that says it; `…` stands for a number or a word of the request. [limits.md](limits.md) says what is\nbehind them. This page is made from the sources: `go test . -run TestRefusalsAreListed -update-refusals`. Each\nsentence is sent by a test: most by the requests in `node/testdata/refusals`.\n")
	for _, folder := range slices.Sorted(maps.Keys(found)) {
		fmt.Fprintf(&b, "\n## %s\n\n| status | sentence |\n|---|---|\n", folder)
		for _, line := range slices.Sorted(maps.Keys(found[folder])) {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// refuser collects the sentences of one package.
type refuser struct {
	files     []*ast.File
	constants map[string]ast.Expr
	through   map[string]handedOn   // functions that take the sentence
	within    map[ast.Node]string   // the statuses of errors that hold issues, by issue
	returns   map[string][]ast.Expr // of functions: what they return first
	worded    map[string]bool       // types that carry a sentence to where the error is made
	errors    map[string]bool       // types of errors that are a sentence
	lines     map[string]bool
}

// handedOn is which argument of a function is a sentence, and the status it is refused with.
type handedOn struct {
	argument int
	status   string
}

func refusalsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	r := &refuser{constants: map[string]ast.Expr{}, through: map[string]handedOn{}, within: map[ast.Node]string{}, returns: map[string][]ast.Expr{}, worded: map[string]bool{}, errors: map[string]bool{}, lines: map[string]bool{}}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(token.NewFileSet(), path.Join(folder, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			r.files = append(r.files, f)
		}
	}
	r.eachFunc(r.remember)
	for known := -1; known != len(r.through); { // functions may hand a sentence on
		known = len(r.through)
		r.eachFunc(r.collect)
	}
	return r.lines
}

// eachFunc visits the functions, after the constants are known.
func (r *refuser) eachFunc(visit func(*ast.FuncDecl)) {
	for _, f := range r.files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				visit(d)
			case *ast.GenDecl:
				r.values(d)
				visit(&ast.FuncDecl{Name: ast.NewIdent("_"), Type: &ast.FuncType{Params: &ast.FieldList{}}, Body: &ast.BlockStmt{List: []ast.Stmt{&ast.DeclStmt{Decl: d}}}})
			}
		}
	}
}

func (r *refuser) values(d *ast.GenDecl) {
	for _, s := range d.Specs {
		if named, ok := s.(*ast.TypeSpec); ok {
			r.errors[named.Name.Name] = named.Name.Name == "Error" && typeName(named.Type) == "string"
			fields, ok := named.Type.(*ast.StructType)
			r.worded[named.Name.Name] = ok && len(fields.Fields.List) == 1 && len(fields.Fields.List[0].Names) == 1 && fields.Fields.List[0].Names[0].Name == "detail"
		}
		v, ok := s.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range v.Names {
			if i < len(v.Values) {
				r.constants[name.Name] = v.Values[i]
			}
		}
	}
}

// remember notes what a function may return, if that is a text.
func (r *refuser) remember(f *ast.FuncDecl) {
	if f.Type.Results == nil || typeName(f.Type.Results.List[0].Type) != "string" || f.Body == nil {
		return
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if said, ok := n.(*ast.ReturnStmt); ok && len(said.Results) > 0 {
			r.returns[f.Name.Name] = append(r.returns[f.Name.Name], said.Results[0])
		}
		return true
	})
}

// collect finds the sentences in a function: those of the errors that it makes, and those
// that it gives to functions that make errors of them.
func (r *refuser) collect(f *ast.FuncDecl) {
	if f.Body == nil {
		return
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			r.literal(f, n)
			r.table(f, n)
		case *ast.CallExpr:
			if r.errors[typeName(n.Fun)] && len(n.Args) == 1 {
				r.sentence(f, n.Args[0], "422")
			}
			p, ok := r.through[calledName(n)]
			if ok && p.argument < len(n.Args) {
				r.sentence(f, n.Args[p.argument], cmp.Or(plainStatus(n.Args), p.status))
			}
		}
		return true
	})
}

func calledName(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// plainStatus is a status of HTTP among arguments.
func plainStatus(args []ast.Expr) string {
	for _, a := range args {
		for code := range 600 {
			if name := http.StatusText(code); name != "" && typeName(a) == "Status"+strings.ReplaceAll(name, " ", "") {
				return strconv.Itoa(code)
			}
		}
	}
	return ""
}

// table adds the sentences in the rows of a table without the names of its fields.
func (r *refuser) table(f *ast.FuncDecl, c *ast.CompositeLit) {
	for _, e := range c.Elts {
		row, ok := e.(*ast.CompositeLit)
		if !ok || row.Type != nil || len(row.Elts) < 2 {
			continue
		}
		last := row.Elts[len(row.Elts)-1]
		if text := r.text(last); strings.HasSuffix(text, ".") && strings.Contains(text, " ") {
			r.sentence(f, last, "422")
		}
	}
}

// literal looks at an error or an issue.
func (r *refuser) literal(f *ast.FuncDecl, c *ast.CompositeLit) {
	var detail ast.Expr
	status := cmp.Or(r.within[c], "422")
	for _, e := range c.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch key, _ := kv.Key.(*ast.Ident); {
		case key == nil:
		case key.Name == "Detail" || key.Name == "detail":
			detail = kv.Value
		case key.Name == "Kind":
			status = statusOf(kv.Value)
		}
	}
	ast.Inspect(c, func(n ast.Node) bool {
		if one, ok := n.(*ast.CompositeLit); ok && one != c {
			r.within[one] = status
		}
		return true
	})
	if r.worded[typeName(c.Type)] && len(c.Elts) == 1 && detail == nil {
		detail, status = c.Elts[0], "400"
	}
	if name := typeName(c.Type); detail != nil && (name == "Error" || name == "Issue" || r.worded[name] || c.Type == nil) {
		r.sentence(f, detail, status)
	}
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// statusOf is the status of a Kind, by its name.
func statusOf(e ast.Expr) string {
	kinds := map[string]fhir.Kind{
		"Malformed": fhir.Malformed, "Invalid": fhir.Invalid, "Unprocessable": fhir.Unprocessable, "Unauthenticated": fhir.Unauthenticated, "Forbidden": fhir.Forbidden,
		"NotFound": fhir.NotFound, "NotAllowed": fhir.NotAllowed, "Gone": fhir.Gone, "Conflict": fhir.Conflict, "VersionMismatch": fhir.VersionMismatch, "MultipleMatches": fhir.MultipleMatches,
		"TooLarge": fhir.TooLarge, "UnsupportedMedia": fhir.UnsupportedMedia, "TooCostly": fhir.TooCostly, "Throttled": fhir.Throttled, "Unavailable": fhir.Unavailable, "Internal": fhir.Internal,
	}
	if k, ok := kinds[typeName(e)]; ok {
		return strconv.Itoa(k.Status())
	}
	return "…"
}

// sentence adds what an expression says. A parameter makes the function one that takes
// sentences; of a variable all that it may be is added.
func (r *refuser) sentence(f *ast.FuncDecl, e ast.Expr, status string) {
	id, ok := e.(*ast.Ident)
	if call, made := e.(*ast.CallExpr); made && r.returns[calledName(call)] != nil {
		for _, said := range r.returns[calledName(call)] {
			r.add(r.text(said), status)
		}
		return
	}
	if !ok {
		r.add(r.text(e), status)
		return
	}
	at := 0
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			if name.Name == id.Name {
				r.through[f.Name.Name] = handedOn{at, status}
				return
			}
			at++
		}
	}
	if v := r.constants[id.Name]; v != nil {
		r.add(r.text(v), status)
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok {
			for i, left := range a.Lhs {
				if to, ok := left.(*ast.Ident); ok && to.Name == id.Name && i < len(a.Rhs) && typeName(a.Rhs[i]) != id.Name {
					r.sentence(f, a.Rhs[i], status)
				}
			}
		}
		return true
	})
}

// text is what an expression says, with … for what is not known before.
func (r *refuser) text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return s
		}
	case *ast.BinaryExpr:
		return r.text(e.X) + r.text(e.Y)
	case *ast.Ident:
		if v := r.constants[e.Name]; v != nil && v != e {
			return r.text(v)
		}
	case *ast.CallExpr:
		if calledName(e) == "Sprintf" && len(e.Args) > 0 {
			return r.text(e.Args[0])
		}
	}
	return "…"
}

var verbs = regexp.MustCompile(`%[-+# 0-9.*]*[a-zA-Z]`)

func (r *refuser) add(sentence, status string) {
	sentence = verbs.ReplaceAllString(sentence, "…")
	if strings.Trim(sentence, "… ") == "" {
		return
	}
	r.lines[fmt.Sprintf("| %s | %s |", status, strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "[", `\[`).Replace(sentence))] = true
}
