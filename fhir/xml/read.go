package xml

import (
	"bytes"
	"unicode/utf8"

	"github.com/aceso-health/aceso/fhir"
)

// Read makes the JSON of a resource that is XML. It cares for what JSON cannot tell any
// more: namespaces, the order of elements, text where no text belongs. Whether the
// resource is valid is for fhir.Parse to say. The error is an *fhir.Error.
func Read(document []byte) ([]byte, error) {
	document = bytes.TrimPrefix(document, []byte("\xef\xbb\xbf"))
	switch {
	case !utf8.Valid(document):
		return nil, malformed("it is not UTF-8")
	case firstAlien(document) >= 0:
		return nil, malformed("it has a character that XML does not have")
	}
	r := reader{d: fhir.R4(), t: tokens{data: document}, out: make([]byte, 0, len(document))}
	if err := r.document(); err != nil {
		return nil, err
	}
	return r.out, nil
}

type reader struct {
	d      *fhir.Definitions
	t      tokens
	scope  scope
	out    []byte
	values []byte // of the open arrays of primitives, each with a comma behind it
	path   []step
}

// element is a start tag of FHIR, with the attributes that R4 knows.
type element struct {
	name           []byte
	value, id, url []byte // nil: none
	empty          bool
}

func (r *reader) document() error {
	if err := r.declaration(); err != nil {
		return err
	}
	tag, more, err := r.child()
	if err != nil {
		return err
	}
	if !more {
		return malformed("it has no element")
	}
	if err := r.resource(tag); err != nil {
		return err
	}
	if _, more, err = r.child(); err != nil || !more {
		return err
	}
	return malformed("something follows the end of the resource")
}

// declaration passes <?xml ...?>.
func (r *reader) declaration() error {
	if !bytes.HasPrefix(r.t.data, []byte("<?xml")) || len(r.t.data) < 6 || !isSpace(r.t.data[5]) {
		return nil
	}
	token, err := r.t.next()
	if err != nil {
		return err
	}
	said := bytes.ToLower(token.plain)
	if i := bytes.Index(said, []byte("encoding")); i >= 0 && !bytes.Contains(said[i:], []byte("utf-8")) && !bytes.Contains(said[i:], []byte("us-ascii")) {
		return malformed("its encoding must be UTF-8")
	}
	if bytes.Contains(said, []byte("1.1")) {
		return malformed("its version must be 1.0")
	}
	return nil
}

// child is the next element inside of the innermost one; more is false at its end, and at
// the end of the document.
func (r *reader) child() (tag token, more bool, err error) {
	for {
		tag, err = r.t.next()
		switch {
		case err != nil:
			return tag, false, err
		case tag.kind == startTag:
			return tag, true, nil
		case tag.kind == endTag:
			return tag, false, r.scope.leave(&r.t, tag.name)
		case tag.kind == ended && len(r.scope.open) > 0:
			return tag, false, r.t.failed("an element has no end")
		case tag.kind == ended:
			return tag, false, nil
		case tag.kind == text && (!isBlank(tag.raw) || tag.cdata):
			return tag, false, r.fault("Text stands between elements. Values of FHIR are attributes.")
		case tag.kind == instruction && isDeclaration(tag.plain):
			return tag, false, r.t.failed("an XML declaration stands after the beginning")
		}
	}
}

func isDeclaration(target []byte) bool {
	return len(target) >= 3 && bytes.EqualFold(target[:3], []byte("xml")) && (len(target) == 3 || isSpace(target[3]))
}

// open enters an element of FHIR.
func (r *reader) open(tag token) (element, error) {
	e := element{empty: tag.empty}
	if err := r.scope.enter(&r.t, tag); err != nil {
		return e, err
	}
	space, local, err := r.scope.resolve(&r.t, tag.name, false)
	if err != nil {
		return e, err
	}
	if e.name = local; space != fhirSpace {
		return e, r.fault("An element is not in the namespace " + fhirSpace + ".")
	}
	for _, a := range tag.attrs {
		if err := r.attribute(&e, a); err != nil {
			return e, err
		}
	}
	return e, nil
}

func (r *reader) attribute(e *element, a attr) error {
	if _, ok := declares(a.name); ok {
		return nil
	}
	space, local, err := r.scope.resolve(&r.t, a.name, true)
	if err != nil || space == schemaSpace {
		return err
	}
	plain, ok := appendPlain(make([]byte, 0, len(a.raw)), a.raw)
	if !ok {
		return r.t.failed("a reference is none of &amp; &lt; &gt; &quot; &apos; and &#number;")
	}
	switch {
	case space != "":
	case string(local) == "value":
		e.value = plain
		return nil
	case string(local) == "id":
		e.id = plain
		return nil
	case string(local) == "url":
		e.url = plain
		return nil
	}
	return r.fault("An attribute is none of R4: value, id, and url of an extension.")
}

// finish leaves an element that has no end tag of its own.
func (r *reader) finish(tag token) error { return r.scope.leave(&r.t, tag.name) }

// resource reads the resource of a start tag.
func (r *reader) resource(tag token) error {
	e, err := r.open(tag)
	if err != nil {
		return err
	}
	typ := r.d.TypeIndex(string(e.name))
	if typ < 0 || !r.d.Types[typ].IsResource() {
		return r.fault("R4 has no such resource type.")
	}
	if len(r.path) == 0 {
		r.path = append(r.path, step{name: string(e.name), index: -1})
	}
	if e.value != nil || e.id != nil || e.url != nil {
		return r.fault("The element of a resource has no attributes.")
	}
	r.out = append(append(append(r.out, `{"resourceType":"`...), e.name...), '"')
	if e.empty {
		err = r.finish(tag)
	} else {
		err = r.elements(typ, false)
	}
	r.out = append(r.out, '}')
	return err
}

// object reads an element of a complex type.
func (r *reader) object(tag token, typ int32) error {
	e, err := r.open(tag)
	if err != nil {
		return err
	}
	if e.value != nil {
		return r.fault("This element has elements, and no value.")
	}
	if e.url != nil && r.d.Types[typ].Name != "Extension" {
		return r.fault("Only an extension has the attribute url.")
	}
	r.out = append(r.out, '{')
	r.named("id", e.id)
	r.named("url", e.url)
	if e.empty {
		err = r.finish(tag)
	} else {
		err = r.elements(typ, false)
	}
	r.out = append(r.out, '}')
	return err
}

// named writes a member that was an attribute.
func (r *reader) named(name string, value []byte) {
	if value == nil {
		return
	}
	r.comma()
	r.out = append(append(append(r.out, '"'), name...), `":`...)
	r.out = appendQuoted(r.out, string(value))
}

// comma separates a member from the one before it.
func (r *reader) comma() {
	if c := r.out[len(r.out)-1]; c != '{' && c != '[' {
		r.out = append(r.out, ',')
	}
}
