package xml

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// step is a part of the place reached.
type step struct {
	name  string
	index int // -1: does not repeat
}

// fault is an error at the place reached.
func (r *reader) fault(detail string) error {
	var at strings.Builder
	for i, s := range r.path {
		if i > 0 {
			at.WriteByte('.')
		}
		at.WriteString(s.name)
		if s.index >= 0 {
			at.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: "The XML is not that of an R4 resource. The issues say what to correct.",
		Issues: []fhir.Issue{{Code: "structure", Detail: detail, Expression: at.String()}}}
}

// run is an element while its values are read; those that repeat stand one after another.
type run struct {
	m        fhir.Member
	name     string
	count    int
	start    int  // of the member in reader.out
	values   int  // of those of an array of primitives in reader.values
	valued   bool // one of them has a value
	extended bool // ... an id or extensions
}

// elements reads what is inside of an element, up to its end. Of a primitive these are
// its extensions.
func (r *reader) elements(typ int32, ofPrimitive bool) error {
	at := run{m: fhir.Member{Elem: -1}}
	for {
		tag, more, err := r.child()
		if err != nil {
			return err
		}
		if !more {
			return r.endRun(&at)
		}
		if err := r.begin(tag, typ, &at, ofPrimitive); err != nil {
			return err
		}
		index := -1
		if at.m.Array {
			index = at.count
		}
		r.path = append(r.path, step{r.d.Elements[at.m.Elem].Name, index})
		if err := r.item(tag, &at); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
		at.count++
	}
}

// begin finds the element that a tag is, and begins it if it is not one more of the last.
func (r *reader) begin(tag token, typ int32, at *run, ofPrimitive bool) error {
	local := tag.name
	for i, c := range tag.name {
		if c == ':' {
			local = tag.name[i+1:]
		}
	}
	m, ok := r.d.Member(typ, local)
	switch t := &r.d.Types[typ]; {
	case !ok, ofPrimitive && string(local) != "extension", isAttribute(r.d, m, local, t.IsResource()):
		return r.fault("R4 has no such element here. Leave it out or correct its name.")
	case m == at.m && m.Array:
		return nil
	case m.Elem == at.m.Elem:
		return r.fault("An element that stands here once stands here twice.")
	case m.Elem < at.m.Elem:
		return r.fault("The elements are not in the order of R4. In XML their order counts.")
	}
	if err := r.endRun(at); err != nil {
		return err
	}
	*at = run{m: m, name: string(local), start: len(r.out), values: len(r.values)}
	if m.Array {
		r.comma()
		r.member(at.name, m.JSON != 0)
		r.out = append(r.out, '[')
	}
	return nil
}

func (r *reader) member(name string, ext bool) {
	r.out = append(r.out, '"')
	if ext {
		r.out = append(r.out, '_')
	}
	r.out = append(append(r.out, name...), `":`...)
}

// endRun ends an array. That of primitives has its extensions written and its values to be
// written.
func (r *reader) endRun(at *run) error {
	if at.m.Elem < 0 || !at.m.Array {
		return nil
	}
	r.out = append(r.out, ']')
	if at.m.JSON == 0 {
		return nil
	}
	if !at.extended {
		r.out = r.out[:at.start]
	}
	if at.valued {
		r.comma()
		r.member(at.name, false)
		r.out = append(r.out, '[')
		r.out = append(append(r.out, r.values[at.values:len(r.values)-1]...), ']')
	}
	r.values = r.values[:at.values]
	return nil
}

// item reads one value.
func (r *reader) item(tag token, at *run) error {
	if at.m.Array {
		r.comma()
	}
	switch {
	case at.m.JSON != 0 && at.m.Array:
		return r.oneOfMany(tag, at)
	case at.m.JSON != 0:
		return r.primitive(tag, at)
	case !at.m.Array:
		r.comma()
		r.member(at.name, false)
	}
	if at.m.Abstract {
		return r.inner(tag)
	}
	return r.object(tag, at.m.Type)
}

// inner reads an element that holds one resource.
func (r *reader) inner(tag token) error {
	e, err := r.open(tag)
	if err != nil {
		return err
	}
	if e.empty || e.value != nil || e.id != nil || e.url != nil {
		return r.fault("This element holds one resource, and nothing else.")
	}
	child, more, err := r.child()
	if err != nil {
		return err
	}
	if !more {
		return r.fault("This element holds one resource, and nothing else.")
	}
	if err := r.resource(child); err != nil {
		return err
	}
	if _, more, err = r.child(); err == nil && more {
		err = r.fault("This element holds one resource, and nothing else.")
	}
	return err
}

// primitive reads one that does not repeat: its value, then its extensions.
func (r *reader) primitive(tag token, at *run) error {
	if r.d.Types[at.m.Type].Name == "xhtml" {
		return r.narrative(tag, at)
	}
	e, err := r.open(tag)
	if err != nil {
		return err
	}
	if e.value != nil {
		r.comma()
		r.member(at.name, false)
		r.out = appendValue(r.out, e.value, at.m.JSON)
	}
	mark := len(r.out)
	r.comma()
	r.member(at.name, true)
	extended, err := r.extensions(tag, e, at.m.Type)
	if !extended {
		r.out = r.out[:mark]
	}
	if err == nil && e.value == nil && !extended {
		return r.fault("An element must have a value or children. Leave it out or fill it.")
	}
	return err
}

// oneOfMany reads one that repeats: its extensions are written, its value is kept.
func (r *reader) oneOfMany(tag token, at *run) error {
	e, err := r.open(tag)
	if err != nil {
		return err
	}
	if e.value != nil {
		r.values, at.valued = appendValue(r.values, e.value, at.m.JSON), true
	} else {
		r.values = append(r.values, "null"...)
	}
	r.values = append(r.values, ',')
	mark := len(r.out)
	extended, err := r.extensions(tag, e, at.m.Type)
	if !extended {
		r.out = append(r.out[:mark], "null"...)
	}
	at.extended = at.extended || extended
	if err == nil && e.value == nil && !extended {
		return r.fault("An element must have a value or children. Leave it out or fill it.")
	}
	return err
}

// extensions reads id and extensions of a primitive, up to its end.
func (r *reader) extensions(tag token, e element, typ int32) (any bool, err error) {
	if e.url != nil {
		return false, r.fault("Only an extension has the attribute url.")
	}
	r.out = append(r.out, '{')
	start := len(r.out)
	r.named("id", e.id)
	if e.empty {
		err = r.finish(tag)
	} else {
		err = r.elements(typ, true)
	}
	any = len(r.out) > start
	r.out = append(r.out, '}')
	return any, err
}

// appendValue writes a value as JSON has it. What is no number or boolean, though it should
// be one, stays a string, for the parser to refuse with its place.
func appendValue(to, value []byte, kind byte) []byte {
	switch {
	case kind == 'n' && len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9') && json.Valid(value):
		return append(to, value...)
	case kind == 't' && (string(value) == "true" || string(value) == "false"):
		return append(to, value...)
	}
	return appendQuoted(to, string(value))
}
