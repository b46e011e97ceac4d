package patch

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
)

// mostPathOperations is how many operations a FHIRPath Patch has. They share the steps
// that an expression may take.
const mostPathOperations = 1_000

// Path is a FHIRPath Patch (https://hl7.org/fhir/R4/fhirpatch.html).
type Path struct {
	operations []pathOperation
	sum        fhir.Hash
}

// pathOperation is one parameter of a FHIRPath Patch.
type pathOperation struct {
	kind     string // add, insert, delete, replace or move
	path     *fhirpath.Expression
	name     string   // of what is added
	content  *content // what is added, inserted or put in the place of something
	index    int
	from, to int
}

// ParsePath reads a FHIRPath Patch: a Parameters resource. Errors are those of fhir.Parse
// if it is none, otherwise Invalid, and name the operation by its number, from 1.
func ParsePath(data []byte) (*Path, error) {
	if _, err := fhir.Parse(data); err != nil {
		return nil, err
	}
	t, err := fhir.ReadTape(data)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	root := element{t, 0}
	if root.typ().Name != "Parameters" {
		return nil, invalid("A FHIRPath Patch is a Parameters resource with a parameter named operation for each change.")
	}
	p := &Path{sum: sha256.Sum256(data)}
	for _, parameter := range root.all("parameter") {
		if len(p.operations) == mostPathOperations {
			return nil, invalid(fmt.Sprintf("A FHIRPath Patch has at most %d operations.", mostPathOperations))
		}
		o, err := readOperation(parameter)
		if err != nil {
			return nil, numbered(len(p.operations), err)
		}
		p.operations = append(p.operations, *o)
	}
	return p, nil
}

// Sum is the SHA-256 of the patch as it was sent.
func (p *Path) Sum() fhir.Hash { return p.sum }

// Long is true: expressions may take all their steps on a small document.
func (p *Path) Long() bool { return true }

// needs are the parts that each kind of operation has beside type and path.
var needs = map[string][]string{
	"add": {"name", "value"}, "insert": {"value", "index"}, "delete": nil, "replace": {"value"}, "move": {"source", "destination"},
}

// readOperation reads one parameter and its parts.
func readOperation(parameter element) (*pathOperation, *fhir.Error) {
	if parameter.text("name") != "operation" {
		return nil, invalid("the parameter is not named operation.")
	}
	parts := map[string]element{}
	for _, part := range parameter.all("part") {
		name := part.text("name")
		if _, twice := parts[name]; twice {
			return nil, invalid("it has a part twice.")
		}
		parts[name] = part
	}
	o := &pathOperation{kind: parts["type"].text("value")}
	wanted, known := needs[o.kind]
	if !known {
		return nil, invalid("its part type must be the code add, insert, delete, replace or move.")
	}
	for _, name := range append([]string{"path"}, wanted...) {
		if _, given := parts[name]; !given {
			return nil, invalid("its part " + name + " is missing.")
		}
	}
	return o, o.read(parts)
}

func (o *pathOperation) read(parts map[string]element) *fhir.Error {
	text := parts["path"].text("value")
	path, err := fhirpath.Compile(text)
	if err != nil {
		return placed(err, text)
	}
	o.path, o.name = path, parts["name"].text("value")
	for name, to := range map[string]*int{"index": &o.index, "source": &o.from, "destination": &o.to} {
		part, given := parts[name]
		n, err := strconv.Atoi(part.text("value"))
		if *to = n; given && (err != nil || n < 0) {
			return invalid("its part " + name + " must be an integer from 0.")
		}
	}
	if part, given := parts["value"]; given {
		var err *fhir.Error
		if o.content, err = contentOf(part); err != nil {
			return err
		}
	}
	return nil
}

// placed is an error with the path that it is about.
func placed(err error, path string) *fhir.Error {
	const longest = 200
	e, ok := err.(*fhir.Error)
	if !ok {
		return &fhir.Error{Kind: fhir.Internal, Detail: "The patch cannot be applied.", Err: err}
	}
	named := *e
	if named.Expression == "" && len(path) <= longest {
		named.Expression = path
	}
	return &named
}

// element is an element of a tape; the zero value has no children.
type element struct {
	tape *fhir.Tape
	at   int32
}

func (e element) typ() *fhir.Type { return &fhir.R4().Types[e.tape.Nodes[e.at].Type] }

// all are the children with a name that have a value.
func (e element) all(name string) (found []element) {
	if e.tape == nil {
		return nil
	}
	nodes := e.tape.Nodes
	elem := fhir.R4().Element(nodes[e.at].Type, name)
	for c := e.at + 1; c < nodes[e.at].Next; c = nodes[c].Next {
		if nodes[c].Elem == elem && !nodes[c].PrimitiveExt {
			found = append(found, element{e.tape, c})
		}
	}
	return found
}

// text is that of the first child with a name, or "".
func (e element) text(name string) string {
	for _, c := range e.all(name) {
		if c.typ().IsPrimitive() {
			return string(c.tape.Text(c.at))
		}
	}
	return ""
}
