package validate

import (
	"slices"
	"strings"
)

// declared checks what a node itself says that it satisfies: a resource by meta.profile,
// an extension by its url.
func (c *check) declared(at int32) {
	switch typ := &c.d.Types[c.t.Nodes[at].Type]; {
	case typ.Name == "Extension":
		c.extension(at)
	case typ.IsResource():
		for _, meta := range c.items(item{at, -1}, "meta") {
			for _, declared := range c.items(meta, "profile") {
				if declared.at >= 0 {
					c.declaredProfile(at, declared.at)
				}
			}
		}
	}
}

func (c *check) declaredProfile(at, declared int32) {
	url := string(c.t.Text(declared))
	switch p, err := c.profile(url); {
	case err != nil:
		c.tell(declared, true, "not-supported", "The %v.", err)
	case isType(url):
		c.ofType(at, typeName(url), false)
	case p == nil:
		c.tell(declared, true, "not-found", "This profile is not known here, so the resource is not held against it.")
	default:
		c.profiled(at, p)
	}
}

// extension holds an extension against its definition, if that is known. Those of
// complex extensions have short names, which the definition around them explains.
func (c *check) extension(at int32) {
	url := c.text(at, "url")
	if !strings.Contains(url, ":") {
		return
	}
	p, err := c.profile(url)
	modifier := c.d.Elements[c.t.Nodes[at].Elem].Name == "modifierExtension"
	switch {
	case err != nil:
		c.tell(at, true, "not-supported", "The %v.", err)
	case p == nil && modifier:
		c.tell(at, true, "extension", "This modifier extension is not known here: it may change the meaning of the resource.")
	case p == nil:
	case p.typ != "Extension":
		c.tell(at, false, "extension", "The url is that of something that is no extension.")
	default:
		if !c.placed(at, p.contexts) {
			c.tell(at, false, "extension", "The definition of this extension does not allow it here.")
		}
		c.profiled(at, p)
	}
}

// placed says whether an extension is where its definition allows it. A place that only
// an expression describes is not checked.
func (c *check) placed(at int32, contexts []usage) bool {
	if len(contexts) == 0 {
		return true
	}
	parent := c.t.Nodes[at].Parent
	return slices.ContainsFunc(contexts, func(x usage) bool {
		switch x.kind {
		case "element":
			return c.isElement(parent, x.expression)
		case "extension":
			return c.d.Types[c.t.Nodes[parent].Type].Name == "Extension" && c.text(parent, "url") == x.expression
		}
		return true
	})
}

// isElement says whether a node is an element that a path names: a type, or an element of
// one.
func (c *check) isElement(at int32, path string) bool {
	path = strings.TrimSuffix(strings.TrimPrefix(path, typeURL), "[x]")
	n := &c.t.Nodes[at]
	typ := &c.d.Types[n.Type]
	switch path {
	case "Element":
		return true
	case "Resource", "DomainResource":
		return typ.IsResource()
	}
	if typ.Name == path || n.Elem < 0 {
		return typ.Name == path
	}
	el := &c.d.Elements[n.Elem]
	owner := c.d.Types[el.Owner].Name
	return owner+"."+el.Name == path || owner+"."+el.Name+title(typ.Name) == path || c.longPath(at) == path
}

// longPath is the path of a node from the resource around it, through data types, as
// Patient.name.family.
func (c *check) longPath(at int32) string {
	n := &c.t.Nodes[at]
	typ := &c.d.Types[n.Type]
	if n.Elem < 0 || typ.IsResource() {
		return typ.Name
	}
	return c.longPath(n.Parent) + "." + c.d.Elements[n.Elem].Name
}
