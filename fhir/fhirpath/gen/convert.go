package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// fromXML converts a resource to JSON, by the definitions of R4. It is for the inputs of
// the cases: it does not check, and it knows no comments or processing instructions.
func fromXML(data []byte) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		if start, ok := t.(xml.StartElement); ok {
			return resource(d, start)
		}
	}
}

func resource(d *xml.Decoder, start xml.StartElement) ([]byte, error) {
	typ := fhir.R4().TypeIndex(start.Name.Local)
	if typ < 0 {
		return nil, fmt.Errorf("no type %s", start.Name.Local)
	}
	o := object{first: `"resourceType":"` + start.Name.Local + `"`}
	if err := o.fill(d, typ); err != nil {
		return nil, err
	}
	return o.json(), nil
}

// object is a JSON object under construction: its members in order.
type object struct {
	first   string
	members []*memberOf
}

type memberOf struct {
	name   string
	array  bool
	values []value
}

// value is one value of an element: its JSON and, of a primitive, that of its id and
// extensions.
type value struct{ plain, extended string }

func (o *object) json() []byte {
	var parts []string
	if o.first != "" {
		parts = append(parts, o.first)
	}
	for _, m := range o.members {
		parts = append(parts, m.parts()...)
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

func (m *memberOf) parts() (parts []string) {
	for _, side := range []struct {
		prefix string
		of     func(value) string
	}{{"", func(v value) string { return v.plain }}, {"_", func(v value) string { return v.extended }}} {
		var all []string
		given := false
		for _, v := range m.values {
			text := side.of(v)
			if given = given || text != ""; text == "" {
				text = "null"
			}
			all = append(all, text)
		}
		text := strings.Join(all, ",")
		if m.array {
			text = "[" + text + "]"
		}
		if given {
			parts = append(parts, `"`+side.prefix+m.name+`":`+text)
		}
	}
	return parts
}

func (o *object) add(name string, array bool, v value) {
	for _, m := range o.members {
		if m.name == name {
			m.values = append(m.values, v)
			return
		}
	}
	o.members = append(o.members, &memberOf{name, array, []value{v}})
}

// fill reads the children of an element of a type, up to its end.
func (o *object) fill(d *xml.Decoder, typ int32) error {
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if err := o.child(d, t, typ); err != nil {
				return err
			}
		}
	}
}

func (o *object) child(d *xml.Decoder, start xml.StartElement, typ int32) error {
	name := start.Name.Local
	if name == "div" {
		div, err := xhtml(d, start)
		o.add(name, false, value{plain: div})
		return err
	}
	r4 := fhir.R4()
	first, end := r4.Types[typ].Span()
	for i := first; i < end; i++ {
		el := &r4.Elements[i]
		for _, of := range el.Types {
			if name != el.Name && (!el.Choice || !strings.EqualFold(name, el.Name+r4.Types[of].Name)) {
				continue
			}
			v, err := element(d, start, of)
			o.add(name, el.Array, v)
			return err
		}
	}
	return fmt.Errorf("%s has no element %s", r4.Types[typ].Name, name)
}

func element(d *xml.Decoder, start xml.StartElement, typ int32) (value, error) {
	t := &fhir.R4().Types[typ]
	if t.Name == "Resource" {
		return inside(d)
	}
	var o object
	plain := ""
	for _, a := range start.Attr {
		switch {
		case a.Name.Local == "value" && t.IsPrimitive():
			plain = primitive(t.Name, a.Value)
		case a.Name.Local == "id" || a.Name.Local == "url":
			o.add(a.Name.Local, false, value{plain: quoted(a.Value)})
		}
	}
	err := o.fill(d, typ)
	switch {
	case !t.IsPrimitive():
		return value{plain: string(o.json())}, err
	case len(o.members) > 0:
		return value{plain, string(o.json())}, err
	}
	return value{plain: plain}, err
}

// inside reads the resource in contained or in an entry.
func inside(d *xml.Decoder) (v value, err error) {
	for {
		t, err := d.Token()
		if err != nil {
			return v, err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return v, nil
		case xml.StartElement:
			data, err := resource(d, t)
			if err != nil {
				return v, err
			}
			v.plain = string(data)
		}
	}
}

func primitive(typ, text string) string {
	switch typ {
	case "boolean", "integer", "decimal", "positiveInt", "unsignedInt":
		return text
	}
	return quoted(text)
}

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSpace(b.String())
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// xhtml writes a narrative as a string.
func xhtml(d *xml.Decoder, start xml.StartElement) (string, error) {
	var b strings.Builder
	b.WriteString(`<div xmlns="http://www.w3.org/1999/xhtml">`)
	for depth := 1; depth > 0; {
		t, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			b.WriteString("<" + t.Name.Local + ">")
		case xml.EndElement:
			depth--
			b.WriteString("</" + t.Name.Local + ">")
		case xml.CharData:
			b.WriteString(escaper.Replace(string(t)))
		}
	}
	return quoted(b.String()), nil
}
