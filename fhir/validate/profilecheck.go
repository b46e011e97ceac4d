package validate

import (
	"slices"
	"unicode/utf8"
)

// asked holds the resource against the profiles that the caller names.
func (c *check) asked(urls []string) {
	for _, url := range urls {
		switch p, err := c.profile(url); {
		case c.done():
			return
		case err != nil:
			c.tell(0, false, "not-supported", "The %v.", err)
		case p == nil && isType(url):
			c.ofType(0, typeName(url), false)
		case p == nil:
			c.tell(0, false, "not-found", "Profile %s is not known here. Add the package that has it.", canonical(url))
		default:
			c.profiled(0, p)
		}
	}
}

// profile finds a profile by its URL.
func (c *check) profile(url string) (*profile, error) {
	if c.Profiles == nil || isType(url) {
		return nil, nil
	}
	return c.Profiles.get(url)
}

// ofType checks the type of a resource.
func (c *check) ofType(at int32, name string, warning bool) {
	if have := c.d.Types[c.t.Nodes[at].Type].Name; have != name && name != "Resource" && name != "DomainResource" && name != "Element" {
		c.tell(at, warning, "structure", "This must be a %s.", name)
	}
}

// profiled holds a node against a profile. What it declares several times is checked
// once.
func (c *check) profiled(at int32, p *profile) {
	key := conformance{at, p.url}
	if ok, known := c.conforming[key]; known && (ok || c.quiet) {
		c.failed = c.failed || !ok
		return
	}
	if c.conforming == nil {
		c.conforming = map[conformance]bool{}
	}
	c.conforming[key] = true // while it is looked at, and wherever it leads back to itself
	before := c.failed
	c.failed = false
	c.ofType(at, p.typ, false)
	if !c.failed {
		c.rule(item{at, -1}, p.root, p)
	}
	c.conforming[key] = !c.failed
	c.failed = c.failed || before
}

// conforms says whether a node satisfies a profile; known is false if nobody knows the
// profile.
func (c *check) conforms(at int32, url string) (conforms, known bool) {
	if name := typeName(url); name != "" {
		have := c.d.Types[c.t.Nodes[at].Type].Name
		return have == name || name == "Resource" || name == "DomainResource", true
	}
	p, err := c.profile(url)
	if p == nil || err != nil {
		return false, false
	}
	quiet := c.silent()
	quiet.profiled(at, p)
	return !quiet.failed, true
}

// silent is a check that only finds out whether there are errors.
func (c *check) silent() *check { return &check{run: c.run, quiet: true} }

// rule holds one value of an element against a rule of a profile.
func (c *check) rule(i item, r *rule, p *profile) {
	if !c.spend() {
		return
	}
	if i.at >= 0 {
		c.valued(i.at, r, p)
	}
	if r.same != nil {
		c.rule(i, r.same, p)
	}
	for _, child := range r.children {
		if c.done() {
			return
		}
		c.element(i, child, p)
	}
}

// valued checks what a rule says of a value itself.
func (c *check) valued(at int32, r *rule, p *profile) {
	c.kinds(at, r, p)
	if r.fixed != nil && !r.fixed.holds(c.t, at, true) {
		c.tell(at, false, "value", "%sThe value is not the one that is fixed.", in(p.url))
	}
	if r.pattern != nil && !r.pattern.holds(c.t, at, false) {
		c.tell(at, false, "value", "%sThe value does not have what the pattern demands.", in(p.url))
	}
	if r.maxLength > 0 && c.t.Nodes[at].Kind == '"' && utf8.RuneCount(c.t.Text(at)) > r.maxLength {
		c.tell(at, false, "too-long", "%sThe value has more than %d characters.", in(p.url), r.maxLength)
	}
	c.between(at, r, p)
	if r.binding != nil {
		c.bound(at, r.binding, p.url)
	}
	c.constraints(at, r.constraints, p.url)
}

// kinds checks the type of a value, and the profiles that the type has.
func (c *check) kinds(at int32, r *rule, p *profile) {
	if r.types == nil {
		return
	}
	typ := c.d.Types[c.t.Nodes[at].Type]
	var fit []kind
	for _, k := range r.types {
		if k.code == typ.Name || general(k.code) {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 {
		c.tell(at, false, "structure", "%sA value of type %s is not allowed here.", in(p.url), typ.Name)
		return
	}
	c.typeProfiles(at, fit, p)
	if typ.Name == "Reference" || typ.Name == "canonical" {
		c.targets(at, fit, p)
	}
}

// general says whether a type is one that others are kinds of.
func general(code string) bool {
	switch code {
	case "Resource", "DomainResource", "Element", "BackboneElement", "*":
		return true
	}
	return false
}

// typeProfiles demands that a value satisfies one of the profiles of its type.
func (c *check) typeProfiles(at int32, fit []kind, p *profile) {
	var urls []string
	for _, k := range fit {
		if len(k.profiles) == 0 {
			return
		}
		urls = append(urls, k.profiles...)
	}
	if len(urls) == 1 {
		if one, err := c.profile(urls[0]); one != nil && err == nil {
			c.profiled(at, one)
		}
		return
	}
	satisfied := slices.ContainsFunc(urls, func(url string) bool {
		ok, known := c.conforms(at, url)
		return ok || !known
	})
	if !satisfied {
		c.tell(at, false, "structure", "%sThe value satisfies none of the profiles allowed here.", in(p.url))
	}
}

// element holds the values of a child element against its rule.
func (c *check) element(parent item, r *rule, p *profile) {
	values := c.items(parent, r.name)
	c.count(parent, r, len(values), p)
	for _, v := range values {
		if c.done() {
			return
		}
		c.rule(v, r, p)
	}
	if r.slicing != nil || len(r.slices) > 0 {
		c.sliced(parent, r, values, p)
	}
}

// count checks how often an element occurs.
func (c *check) count(parent item, r *rule, n int, p *profile) {
	name := r.name
	if r.slice != "" {
		name = r.name + " (slice " + r.slice + ")"
	}
	switch {
	case int32(n) < r.min:
		c.tellBelow(parent.node(), r.name, false, "required", "%sThere must be at least %d of %s, but there are %d.", in(p.url), r.min, name, n)
	case r.most >= 0 && int32(n) > r.most:
		c.tellBelow(parent.node(), r.name, false, "structure", "%sThere may be at most %d of %s, but there are %d.", in(p.url), r.most, name, n)
	}
}
