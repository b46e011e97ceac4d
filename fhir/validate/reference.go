package validate

import (
	"slices"
	"strings"
)

// targets checks what a reference refers to: its type, by the text of the reference, and
// if it is in the same document, the profiles that it must have one of.
func (c *check) targets(at int32, fit []kind, p *profile) {
	var urls []string
	for _, k := range fit {
		if len(k.targets) == 0 {
			return
		}
		urls = append(urls, k.targets...)
	}
	reference := c.text(at, "reference")
	if reference == "" {
		return
	}
	if target := c.resolve(at, reference); target >= 0 {
		satisfied := slices.ContainsFunc(urls, func(url string) bool {
			ok, known := c.conforms(target, url)
			return ok || !known
		})
		if !satisfied {
			c.tell(at, false, "value", "%sWhat this refers to has none of the profiles allowed: %s", in(p.url), strings.Join(urls, ", "))
		}
		return
	}
	typ := referenceType(reference)
	if typ == "" {
		typ = c.text(at, "type")
	}
	if typ != "" && !slices.ContainsFunc(urls, func(url string) bool { return c.mayBe(url, typ) }) {
		c.tell(at, false, "value", "%sThis may not refer to a %s. Allowed are: %s", in(p.url), typ, strings.Join(urls, ", "))
	}
}

// mayBe says whether a resource of a type can satisfy a profile.
func (c *check) mayBe(url, typ string) bool {
	if name := typeName(url); name != "" {
		return name == typ || general(name)
	}
	p, err := c.profile(url)
	return p == nil || err != nil || p.typ == typ
}

// referenceType is the type in a reference Type/id, "" if it names none.
func referenceType(reference string) string {
	before, _, _ := strings.Cut(reference, "/_history/")
	parts := strings.Split(before, "/")
	if len(parts) < 2 || strings.HasPrefix(reference, "urn:") {
		return ""
	}
	if typ := parts[len(parts)-2]; isType(typeURL + typ) {
		return typ
	}
	return ""
}

// resolve finds what a reference leads to in the same document, -1 if it is not there.
func (c *check) resolve(at int32, reference string) int32 {
	if id, local := strings.CutPrefix(reference, "#"); local {
		return c.contained(at, id)
	}
	entry := c.entryAround(at)
	if entry < 0 {
		return -1
	}
	c.readEntries()
	if found, ok := c.entries[reference]; ok {
		return found
	}
	base := fullBase(c.text(entry, "fullUrl"))
	if found, ok := c.entries[base+reference]; ok && base != "" {
		return found
	}
	return -1
}

// contained finds a contained resource by its id.
func (c *check) contained(at int32, id string) int32 {
	holder := at
	for n := c.t.Nodes[holder]; n.Parent >= 0; n = c.t.Nodes[holder] {
		if c.d.Types[n.Type].IsResource() && c.d.Elements[n.Elem].Name != "contained" {
			break
		}
		holder = n.Parent
	}
	if c.inside[holder] == nil {
		c.readContained(holder)
	}
	if found, ok := c.inside[holder][id]; ok {
		return found
	}
	return -1
}

// readContained notes the resources contained in one.
func (c *check) readContained(holder int32) {
	if c.inside == nil {
		c.inside = map[int32]map[string]int32{}
	}
	all := map[string]int32{}
	for _, one := range c.items(item{holder, -1}, "contained") {
		all[c.text(one.at, "id")] = one.at
	}
	c.inside[holder] = all
}

// entryAround is the entry of a Bundle that a node is in, -1 if it is in none.
func (c *check) entryAround(at int32) int32 {
	for ; at >= 0; at = c.t.Nodes[at].Parent {
		if c.d.Types[c.t.Nodes[at].Type].Name == "Bundle.entry" {
			return at
		}
	}
	return -1
}

// readEntries notes the resources of Bundles by their full URLs.
func (c *check) readEntries() {
	if c.entries != nil {
		return
	}
	c.entries = map[string]int32{}
	for i := range c.t.Nodes {
		at := int32(i)
		if c.d.Types[c.t.Nodes[i].Type].Name != "Bundle.entry" || c.t.Nodes[i].Kind != '{' {
			continue
		}
		resource := c.items(item{at, -1}, "resource")
		if url := c.text(at, "fullUrl"); url != "" && len(resource) == 1 {
			c.entries[url] = resource[0].at
		}
	}
}

// fullBase is what comes before Type/id in a full URL.
func fullBase(url string) string {
	if !strings.HasPrefix(url, "http") {
		return ""
	}
	i := strings.LastIndexByte(url, '/')
	if i < 0 {
		return ""
	}
	return url[:strings.LastIndexByte(url[:i], '/')+1]
}
