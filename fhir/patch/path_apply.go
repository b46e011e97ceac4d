package patch

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
)

// Apply returns a resource with the changes of all operations. Its error names the first
// operation that cannot be done, in which case nothing is, and its path. The result is
// not checked: parse it. What it cost is added to spent, in bytes.
func (p *Path) Apply(document []byte, spent *int64) ([]byte, error) {
	document = bytes.TrimSpace(document)
	work, steps := meter{mostWork}, 0
	defer func() { *spent += work.done() + pathStep*int64(steps) }()
	env := fhirpath.Env{Steps: fhirpath.MaxSteps / max(1, len(p.operations)), Spent: &steps}
	for i := range p.operations {
		changed, err := p.operations[i].apply(document, &work, &env)
		if err != nil {
			return nil, numbered(i, placed(err, p.operations[i].path.String()))
		}
		if len(changed) > mostResult {
			return nil, numbered(i, &fhir.Error{Kind: fhir.TooLarge, Detail: fmt.Sprintf("the patched resource would be larger than %d MB.", mostResult/1_000_000)})
		}
		document = changed
	}
	return document, nil
}

// apply does one operation. The path is evaluated on the document as it is then.
func (o *pathOperation) apply(document []byte, work *meter, env *fhirpath.Env) ([]byte, *fhir.Error) {
	if err := work.spend(step + 2*len(document)); err != nil {
		return nil, err
	}
	t, err := fhir.ReadTape(document)
	if err != nil {
		return nil, placed(err, "")
	}
	defer t.Close()
	found, err := o.path.Evaluate(env, fhirpath.Root(t))
	if err != nil {
		return nil, placed(err, "")
	}
	if o.kind == "delete" && len(found) == 0 {
		return document, nil
	}
	e := &edit{applied: applied{root: &value{raw: document}, meter: *work}, tape: t}
	refused := e.do(o, found)
	if *work = e.meter; refused != nil {
		return nil, refused
	}
	return e.root.bytes(make([]byte, 0, len(document)+256)), nil
}

// edit is a document while an operation changes it, with the tape of what it was before.
type edit struct {
	applied
	tape *fhir.Tape
}

func (e *edit) do(o *pathOperation, found fhirpath.Collection) *fhir.Error {
	nodes := make([]int32, len(found))
	for i, v := range found {
		n, ok := v.Node()
		if !ok || n.Tape != e.tape {
			return unprocessable("its path selects something that is no element of the resource.")
		}
		nodes[i] = n.At
	}
	switch {
	case len(nodes) == 0:
		return unprocessable("its path selects nothing in the resource.")
	case o.kind == "insert" || o.kind == "move":
		return e.inList(o, nodes)
	case len(nodes) > 1:
		return unprocessable(fmt.Sprintf("its path selects %d elements instead of one.", len(nodes)))
	case o.kind == "add":
		return e.addChild(nodes[0], o)
	case e.tape.Nodes[nodes[0]].Parent < 0:
		return unprocessable("its path selects the whole resource. To replace or delete it, use PUT or DELETE.")
	case o.kind == "delete":
		return e.delete(e.place(nodes[0]))
	}
	return e.replace(e.place(nodes[0]), o.content)
}

// place is where an element stands in its parent.
type place struct {
	parent pointer
	elem   *fhir.Element
	name   string // of its member, without _
	index  int    // in the array of a repeating element
}

// place finds the place of a node.
func (e *edit) place(at int32) place {
	n := &e.tape.Nodes[at]
	el := &fhir.R4().Elements[n.Elem]
	p := place{parent: e.pointer(n.Parent), elem: el, name: el.Name}
	if el.Choice {
		p.name = fhir.ChoiceName(el.Name, fhir.R4().Types[n.Type].Name)
	}
	if el.Array {
		p.index = e.tape.Slot(at)
	}
	return p
}

// pointer leads to a node that is an object.
func (e *edit) pointer(at int32) pointer {
	n := &e.tape.Nodes[at]
	if n.Parent < 0 {
		return nil
	}
	p := e.place(at)
	name := p.name
	if n.PrimitiveExt {
		name = "_" + name
	}
	if !p.elem.Array {
		return append(p.parent, name)
	}
	return append(p.parent, name, strconv.Itoa(p.index))
}

// addChild adds to an element: at the end of a repeating child, or a child that is not
// there yet.
func (e *edit) addChild(at int32, o *pathOperation) *fhir.Error {
	elem := fhir.R4().Element(e.tape.Nodes[at].Type, o.name)
	if elem < 0 {
		return unprocessable("what its path selects has no element with the name of what is added.")
	}
	el := &fhir.R4().Elements[elem]
	count := e.count(at, elem)
	if count > 0 && !el.Array {
		return unprocessable("the element " + el.Name + " is there already and does not repeat. To change it, use replace.")
	}
	if e.tape.Nodes[at].Kind != '{' {
		return unprocessable("its path selects a primitive: add to the resource or an element of it.")
	}
	name, s, err := o.content.as(el)
	if err != nil {
		return err
	}
	p := place{parent: e.pointer(at), elem: el, name: name, index: count}
	if el.Array {
		return e.insert(p, s)
	}
	return e.set(p, s)
}

// count is how many children of a node are of an element, counted with the nulls of both
// sides. To find the place of one takes a walk over those before it: only the last ones are
// asked for theirs.
func (e *edit) count(at, elem int32) (count int) {
	nodes := e.tape.Nodes
	var last [2]int32 // children of each side; no child is node 0
	for c := at + 1; c < nodes[at].Next; c = nodes[c].Next {
		switch {
		case nodes[c].Elem != elem:
		case nodes[c].PrimitiveExt:
			last[1] = c
		default:
			last[0] = c
		}
	}
	for _, c := range last {
		if c > 0 {
			count = max(count, e.tape.Slot(c)+1)
		}
	}
	return count
}

// replace changes an element; the name of its member changes with the type of a choice.
func (e *edit) replace(p place, c *content) *fhir.Error {
	name, s, err := c.as(p.elem)
	if err != nil {
		return err
	}
	if name != p.name {
		if err := e.rename(p, name); err != nil {
			return err
		}
		p.name = name
	}
	return e.set(p, s)
}

// inList inserts into a repeating element, or moves an item of it.
func (e *edit) inList(o *pathOperation, nodes []int32) *fhir.Error {
	first := e.tape.Nodes[nodes[0]]
	for _, n := range nodes {
		if e.tape.Nodes[n].Elem != first.Elem || e.tape.Nodes[n].Parent != first.Parent {
			return unprocessable("its path selects elements of several lists.")
		}
	}
	if first.Parent < 0 || !fhir.R4().Elements[first.Elem].Array {
		return unprocessable("its path selects no element that repeats.")
	}
	p := e.place(nodes[0])
	count := 1 + e.tape.Slot(nodes[len(nodes)-1])
	if o.kind == "insert" {
		if o.index > count {
			return unprocessable(fmt.Sprintf("the index of what is inserted is beyond the end: there are %d items.", count))
		}
		name, s, err := o.content.as(p.elem)
		if err != nil {
			return err
		}
		p.name, p.index = name, o.index
		return e.insert(p, s)
	}
	if o.from >= count || o.to >= count {
		return unprocessable(fmt.Sprintf("its source or destination is beyond the end: there are %d items.", count))
	}
	return e.moveItem(p, o.from, o.to)
}
