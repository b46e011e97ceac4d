package xml

import (
	"bytes"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// Write writes a JSON document that the server keeps or made as XML, with the elements in
// the order of R4; pretty sets each on a line of its own. The error is an *fhir.Error: the
// document has something that XML cannot say.
func Write(document []byte, pretty bool) ([]byte, error) {
	w := writer{d: fhir.R4(), o: outline{data: document}, pretty: pretty}
	if err := w.o.read(); err != nil {
		return nil, unwritable("", err)
	}
	w.out = make([]byte, 0, 2*len(document)+200)
	w.out = append(w.out, `<?xml version="1.0" encoding="UTF-8"?>`...)
	if err := w.resource(0); err != nil {
		return nil, err
	}
	return append(w.out, '\n'), nil
}

// unwritable is the error of a document that has no XML form.
func unwritable(name string, cause error) error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: "The resource has something that XML cannot say. Ask for application/fhir+json.", Expression: name, Err: cause}
}

type writer struct {
	d      *fhir.Definitions
	o      outline
	out    []byte
	fields []field // of the open objects
	depth  int
	pretty bool
}

// field is an element of an object: a value, the extensions of a primitive, or both.
type field struct {
	m          fhir.Member
	name       []byte
	value, ext int32 // nodes; -1: none
}

// line begins a new line, if there are to be lines.
func (w *writer) line() {
	if w.pretty {
		w.out = append(w.out, '\n')
		w.out = append(w.out, bytes.Repeat([]byte("  "), w.depth)...)
	}
}

// text is a string without quotes and escapes.
func (w *writer) text(at int32) []byte {
	n := w.o.nodes[at]
	raw := w.o.data[n.start:n.end]
	if len(raw) < 2 || raw[0] != '"' {
		return raw
	}
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	return fhir.AppendUnescaped(make([]byte, 0, len(raw)), raw)
}

// typeOf is the type that the object says it has.
func (w *writer) typeOf(at int32) (int32, error) {
	for k := at + 1; k < w.o.nodes[at].next; k = w.o.nodes[k+1].next {
		if string(w.text(k)) == "resourceType" {
			if typ := w.d.TypeIndex(string(w.text(k + 1))); typ >= 0 && w.d.Types[typ].IsResource() {
				return typ, nil
			}
		}
	}
	return 0, unwritable("", errJSON)
}

func (w *writer) resource(at int32) error {
	if w.o.nodes[at].kind != '{' {
		return unwritable("", errJSON)
	}
	typ, err := w.typeOf(at)
	if err != nil {
		return err
	}
	name := []byte(w.d.Types[typ].Name)
	w.line()
	w.out = append(append(append(w.out, '<'), name...), ` xmlns="`+fhirSpace+`"`...)
	return w.content(name, at, typ, nil)
}

// content writes the end of a start tag that is open, and the element up to its end: what
// an object has (-1: none), and the value of a primitive.
func (w *writer) content(name []byte, object, typ int32, value []byte) error {
	mark := len(w.fields)
	defer func() { w.fields = w.fields[:mark] }()
	if object >= 0 {
		if err := w.gather(object, typ); err != nil {
			return err
		}
	}
	fields := w.fields[mark:]
	isResource := w.d.Types[typ].IsResource()
	for _, f := range fields {
		if w.isAttribute(f, isResource) {
			if err := w.attribute(string(f.name), w.text(f.value)); err != nil || f.ext >= 0 {
				return unwritable(string(f.name), err)
			}
		}
	}
	if value != nil {
		if err := w.attribute("value", value); err != nil {
			return err
		}
	}
	return w.children(name, fields, isResource)
}

// children writes what an element holds, and its end.
func (w *writer) children(name []byte, fields []field, isResource bool) error {
	inner := slices.ContainsFunc(fields, func(f field) bool { return !w.isAttribute(f, isResource) })
	if !inner {
		w.out = append(w.out, "/>"...)
		return nil
	}
	w.out = append(w.out, '>')
	w.depth++
	for _, f := range fields {
		if w.isAttribute(f, isResource) {
			continue
		}
		if err := w.field(f); err != nil {
			return err
		}
	}
	w.depth--
	w.line()
	w.out = append(append(append(w.out, "</"...), name...), '>')
	return nil
}

// isAttribute says which elements R4 writes as attributes.
func (w *writer) isAttribute(f field, ofResource bool) bool {
	return f.value >= 0 && isAttribute(w.d, f.m, f.name, ofResource)
}

func isAttribute(d *fhir.Definitions, m fhir.Member, name []byte, ofResource bool) bool {
	switch string(name) {
	case "id":
		return !ofResource
	case "url":
		return d.Types[d.Elements[m.Elem].Owner].Name == "Extension"
	}
	return false
}

// gather finds the elements of an object, in the order of the definitions.
func (w *writer) gather(at, typ int32) error {
	mark := len(w.fields)
	for k := at + 1; k < w.o.nodes[at].next; k = w.o.nodes[k+1].next {
		name := w.text(k)
		if string(name) == "resourceType" && w.d.Types[typ].IsResource() {
			continue
		}
		plain := bytes.TrimPrefix(name, []byte("_"))
		m, ok := w.d.Member(typ, plain)
		if !ok {
			return unwritable("", errJSON)
		}
		w.add(mark, field{m: m, name: plain, value: k + 1, ext: -1}, len(plain) < len(name))
	}
	slices.SortStableFunc(w.fields[mark:], func(a, b field) int { return int(a.m.Elem - b.m.Elem) })
	return nil
}

// add adds a member to the elements gathered since mark.
func (w *writer) add(mark int, f field, ext bool) {
	if ext {
		f.value, f.ext = -1, f.value
	}
	for i := range w.fields[mark:] {
		if g := &w.fields[mark+i]; g.m.Elem == f.m.Elem {
			if ext {
				g.ext = f.ext
			} else {
				g.value = f.value
			}
			return
		}
	}
	w.fields = append(w.fields, f)
}

// field writes all values of an element.
func (w *writer) field(f field) error {
	if !f.m.Array {
		return w.item(f, f.value, f.ext)
	}
	value, ext := w.first(f.value), w.first(f.ext)
	for value >= 0 || ext >= 0 {
		if err := w.item(f, value, ext); err != nil {
			return err
		}
		value, ext = w.following(f.value, value), w.following(f.ext, ext)
	}
	return nil
}

// first is the first item of an array, -1 if there is none.
func (w *writer) first(array int32) int32 {
	if array < 0 || w.o.nodes[array].kind != '[' {
		return -1
	}
	return w.within(array, array+1)
}

func (w *writer) following(array, item int32) int32 {
	if item < 0 {
		return -1
	}
	return w.within(array, w.o.nodes[item].next)
}

func (w *writer) within(array, item int32) int32 {
	if item >= w.o.nodes[array].next {
		return -1
	}
	return item
}

// item writes one value. A null is none.
func (w *writer) item(f field, value, ext int32) error {
	value, ext = w.present(value), w.present(ext)
	switch {
	case value < 0 && ext < 0:
		return unwritable(string(f.name), errJSON)
	case f.m.JSON != 0 && w.d.Types[f.m.Type].Name == "xhtml":
		return w.narrative(f, value, ext)
	}
	w.line()
	w.out = append(append(w.out, '<'), f.name...)
	switch {
	case f.m.Abstract:
		return w.inner(f.name, value)
	case f.m.JSON == 0 && value >= 0 && w.o.nodes[value].kind == '{':
		return w.content(f.name, value, f.m.Type, nil)
	case f.m.JSON == 0 || ext >= 0 && w.o.nodes[ext].kind != '{':
		return unwritable(string(f.name), errJSON)
	case value < 0:
		return w.content(f.name, ext, f.m.Type, nil)
	}
	if kind := w.o.nodes[value].kind; kind != f.m.JSON {
		return unwritable(string(f.name), errJSON)
	}
	return w.content(f.name, ext, f.m.Type, w.text(value))
}

func (w *writer) present(at int32) int32 {
	if at >= 0 && w.o.nodes[at].kind == 0 {
		return -1
	}
	return at
}

// inner writes a resource inside of an element.
func (w *writer) inner(name []byte, at int32) error {
	w.out = append(w.out, '>')
	w.depth++
	if err := w.resource(at); err != nil {
		return err
	}
	w.depth--
	w.line()
	w.out = append(append(append(w.out, "</"...), name...), '>')
	return nil
}

func (w *writer) narrative(f field, value, ext int32) error {
	if value < 0 || ext >= 0 || w.o.nodes[value].kind != '"' {
		return unwritable(string(f.name), errJSON)
	}
	div, err := divOf(w.text(value))
	if err != nil {
		return unwritable(string(f.name), err)
	}
	w.line()
	w.out = append(w.out, div...)
	return nil
}

// attribute writes one attribute.
func (w *writer) attribute(name string, value []byte) error {
	w.out = append(append(append(w.out, ' '), name...), `="`...)
	at, ok := len(w.out), true
	if w.out, ok = appendEscaped(w.out, value); !ok {
		w.out = w.out[:at]
		return unwritable(name, errJSON)
	}
	w.out = append(w.out, '"')
	return nil
}
