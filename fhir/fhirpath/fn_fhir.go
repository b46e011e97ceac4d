package fhirpath

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// terms are the functions that R4 adds: extensions, references, terminology, profiles.
var terms = map[string]*function{
	"extension":       {min: 1, max: 1, gives: "Extension", apply: extension},
	"resolve":         {gives: "any", apply: resolve},
	"memberOf":        {min: 1, max: 1, gives: "Boolean", apply: memberOf},
	"subsumes":        {min: 1, max: 1, gives: "Boolean", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.subsumption(on, c.arg(r, s, 0)) }},
	"subsumedBy":      {min: 1, max: 1, gives: "Boolean", apply: func(r *run, c *call, s *scope, on Collection) Collection { return r.subsumption(c.arg(r, s, 0), on) }},
	"conformsTo":      {min: 1, max: 1, gives: "Boolean", apply: conformsTo},
	"htmlChecks":      {gives: "Boolean", apply: htmlChecks},
	"checkModifiers":  {min: 1, max: most, gives: "same", apply: checkModifiers},
	"hasTemplateIdOf": {min: 1, max: 1, gives: "Boolean", apply: hasTemplateIDOf},
}

func extension(r *run, c *call, s *scope, on Collection) Collection {
	url, ok := r.string(c.arg(r, s, 0), "the URL of extension()")
	if !ok {
		return nil
	}
	var out Collection
	for i := range on {
		for _, e := range on[i].named("extension") {
			if e.childText("url") == url {
				out = append(out, e)
			}
		}
	}
	r.charge(len(on))
	return out
}

// named are the children of an element with a name.
func (v *Value) named(name string) Collection {
	if v.kind != Element || v.parts() < 0 {
		return nil
	}
	elem := fhir.R4().Element(v.tape.Nodes[v.parts()].Type, name)
	if elem < 0 {
		return nil
	}
	return v.children(nil, elem)
}

// childText is the text of the first child with a name, or "".
func (v *Value) childText(name string) string {
	for _, c := range v.named(name) {
		if c.hasValue() {
			return string(c.tape.Text(c.at))
		}
	}
	return ""
}

// resolve finds what references lead to: in the resource, in the Bundle, or where Env
// looks. What is not found is left out.
func resolve(r *run, _ *call, _ *scope, on Collection) Collection {
	var out Collection
	for i := range on {
		v := &on[i]
		ref := ""
		switch {
		case v.kind == Element && v.fhirType().Name == "Reference":
			ref = v.childText("reference")
		case v.kind == String:
			ref = v.text
		case v.kind == Element && v.hasValue():
			ref = string(v.tape.Text(v.at))
		}
		if found, ok := r.find(v, ref); ok && ref != "" {
			out = append(out, found)
		}
	}
	return out
}

// find looks for a contained resource, the container, an entry of the Bundle, and asks.
func (r *run) find(from *Value, ref string) (Value, bool) {
	if from.kind == Element {
		if id, local := strings.CutPrefix(ref, "#"); local {
			return from.contained(r, id)
		}
		if found, ok := from.entry(r, ref); ok {
			return found, true
		}
	}
	if r.env.Resolver == nil || !r.charge(100) {
		return Value{}, false
	}
	node := Node{from.tape, from.at}
	if found, ok := r.env.Resolver.Resolve(node, ref); ok {
		return elementOf(found), true
	}
	return Value{}, false
}

func (v *Value) contained(r *run, id string) (Value, bool) {
	root := v.rootResource()
	if id == "" {
		return root, true
	}
	all := root.named("contained")
	r.charge(len(all))
	for _, c := range all {
		if c.childText("id") == id {
			return c, true
		}
	}
	return Value{}, false
}

// entry finds an entry of the Bundle around an element by its fullUrl, or by the end of
// it if the reference is relative.
func (v *Value) entry(r *run, ref string) (Value, bool) {
	bundle := Value{tape: v.tape, at: 0, ext: -1}
	if bundle.fhirType().Name != "Bundle" || ref == "" {
		return Value{}, false
	}
	all := bundle.named("entry")
	r.charge(len(all))
	for _, e := range all {
		url := e.childText("fullUrl")
		if url == ref || strings.HasSuffix(url, "/"+ref) && strings.Count(ref, "/") == 1 {
			if in := e.named("resource"); len(in) == 1 {
				return in[0], true
			}
		}
	}
	return Value{}, false
}

// codings are the codes of a code, Coding, CodeableConcept, Quantity or string.
func (v *Value) codings() []Coding {
	switch {
	case v.kind == String:
		return []Coding{{Code: v.text}}
	case v.kind != Element:
		return nil
	case v.hasValue():
		return []Coding{{Code: string(v.tape.Text(v.at))}}
	}
	switch v.fhirType().Name {
	case "Coding", "Quantity":
		return []Coding{{v.childText("system"), v.childText("version"), v.childText("code"), v.childText("display")}}
	case "CodeableConcept":
		var all []Coding
		for _, c := range v.named("coding") {
			all = append(all, c.codings()...)
		}
		return all
	}
	return nil
}

func memberOf(r *run, c *call, s *scope, on Collection) Collection {
	if len(on) == 0 {
		return nil
	}
	url, ok := r.string(c.arg(r, s, 0), "the value set of memberOf()")
	if !ok {
		return nil
	}
	if len(on) > 1 {
		return r.fail(unfit("memberOf() is applied to %d items instead of one", len(on)))
	}
	if r.env.Terminology == nil || !r.charge(100) {
		return r.fail(unfit("memberOf() needs a terminology, and there is none here"))
	}
	is, err := r.env.Terminology.MemberOf(on[0].codings(), url)
	if err != nil {
		f := unfit("memberOf() cannot be answered")
		f.Err = err
		return r.fail(f)
	}
	return yes(is)
}

// subsumption asks whether a code of the first is above or the same as one of the second.
func (r *run) subsumption(above, below Collection) Collection {
	if len(above) != 1 || len(below) != 1 {
		return nil
	}
	if r.env.Terminology == nil {
		return r.fail(unfit("subsumes() and subsumedBy() need a terminology, and there is none here"))
	}
	for _, a := range above[0].codings() {
		for _, b := range below[0].codings() {
			if !r.charge(100) {
				return nil
			}
			is, err := r.env.Terminology.Subsumes(a, b)
			if err != nil {
				f := unfit("subsumes() or subsumedBy() cannot be answered")
				f.Err = err
				return r.fail(f)
			}
			if is {
				return yes(true)
			}
		}
	}
	return yes(false)
}

func conformsTo(r *run, c *call, s *scope, on Collection) Collection {
	url, ok := r.string(c.arg(r, s, 0), "the profile of conformsTo()")
	switch {
	case !ok || len(on) == 0:
		return nil
	case len(on) > 1:
		return r.fail(unfit("conformsTo() is applied to %d items instead of one", len(on)))
	case on[0].kind != Element:
		return yes(false)
	}
	if is, known := subtypeOf(&on[0], url); known {
		return yes(is)
	}
	if r.env.Profiles != nil && r.charge(1000) {
		is, known, err := r.env.Profiles.ConformsTo(Node{on[0].tape, on[0].at}, url)
		if err != nil {
			f := unfit("conformsTo() cannot be answered")
			f.Err = err
			return r.fail(f)
		}
		if known {
			return yes(is)
		}
	}
	return r.fail(unfit("the profile of conformsTo() is not known"))
}

// htmlChecks is true: a narrative with anything but the XHTML that R4 allows is refused
// when it is read.
func htmlChecks(_ *run, _ *call, _ *scope, on Collection) Collection {
	if len(on) == 0 {
		return nil
	}
	return yes(true)
}

// checkModifiers refuses elements with modifier extensions other than those named.
func checkModifiers(r *run, c *call, s *scope, on Collection) Collection {
	known := map[string]bool{}
	for i := range c.args {
		url, _ := r.string(c.arg(r, s, i), "an argument of checkModifiers()")
		known[url] = true
	}
	for i := range on {
		for _, e := range on[i].named("modifierExtension") {
			if !known[e.childText("url")] {
				return r.fail(unfit("an element has a modifier extension that the expression does not know"))
			}
		}
	}
	return on
}

// hasTemplateIDOf is a function of CDA: no element of R4 has a templateId.
func hasTemplateIDOf(_ *run, _ *call, _ *scope, on Collection) Collection {
	if len(on) == 0 {
		return nil
	}
	return yes(false)
}
