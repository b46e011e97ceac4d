package search

import (
	"bytes"

	"github.com/aceso-health/aceso/fhir"
)

// target is a reference as the index sees it: typ/id on this server, or a URL.
type target struct {
	typ, id []byte // of a resource of this server
	url     []byte // of anything else
	inner   []byte // the id of a contained resource
	claims  []byte // Reference.type, or the type in the URL
	ref     int32  // the Reference, -1 for a uri
}

// linked caches the target of a Reference, which several parameters need.
type linked struct {
	at int32
	target
}

// reference writes the keys of a reference parameter. It returns false if the
// node does not count for it.
func (x *extractor) reference(i int32, s *sink, p *planParam) bool {
	t, ok := x.target(i, p)
	if t.inner != nil {
		x.contained(p, s.target, t.inner)
	}
	if !ok || s.target != "" && !t.is(s.target) {
		return false
	}
	if t.ref >= 0 {
		x.logical(t.ref, p)
	}
	switch {
	case x.class(i) == canonicalClass:
		x.canonicalKeys(i, s.param, p)
	case t.typ != nil:
		x.local(s.param, p, t.typ, t.id)
		x.member(p, t.typ, t.id)
	case len(t.url) > 0:
		x.remote(s.param, p, t.url)
	}
	return true
}

// membership writes the compartments of a reference in a nested resource.
func (x *extractor) membership(i int32, s *sink, p *planParam) {
	t, ok := x.target(i, p)
	if ok && t.typ != nil && (s.target == "" || t.is(s.target)) {
		x.member(p, t.typ, t.id)
	}
}

// target reads what a node refers to.
func (x *extractor) target(i int32, p *planParam) (target, bool) {
	t := target{ref: -1}
	switch {
	case x.class(i) == referenceClass:
		if x.linked.at != i {
			t.ref, t.claims = i, x.child(i, roleType)
			t.split(x.child(i, roleReference), x.base)
			x.linked = linked{i, t}
		}
		return x.linked.target, true
	case x.Nodes[i].Kind == '"':
		t.split(x.value(i), x.base)
		return t, true
	case x.isResource(i): // the first entry of a Bundle
		x.look(p, "", i)
		t.typ, t.id = []byte(x.d.Types[x.Nodes[i].Type].Name), x.child(i, roleID)
		for _, name := range p.targets {
			if name == string(t.typ) && t.id != nil {
				return t, true
			}
		}
	}
	return t, false
}

// split normalises the text of a reference.
func (t *target) split(text []byte, base string) {
	if len(text) == 0 {
		return
	}
	if text[0] == '#' {
		t.inner = text[1:]
		return
	}
	text, _ = fhir.Below(text, base)
	slash := bytes.IndexByte(text, '/')
	if slash < 0 {
		t.url = text
		return
	}
	if t.found(text[:slash], text[slash+1:]) {
		return
	}
	path := text
	if i := bytes.Index(path, []byte("/_history/")); i >= 0 {
		path = path[:i]
	}
	typ, id := cutID(path)
	if t.found(typ, id) {
		return
	}
	t.url = text
	if last := typ[bytes.LastIndexByte(typ, '/')+1:]; t.claims == nil && fhir.IsResourceType(string(last)) {
		t.claims = last
	}
}

// cutID cuts a path before its last slash.
func cutID(path []byte) (typ, id []byte) {
	id = path[bytes.LastIndexByte(path, '/')+1:]
	return path[:max(0, len(path)-len(id)-1)], id
}

// found sets a resource of this server, if type and id are valid.
func (t *target) found(typ, id []byte) bool {
	if len(typ) == 0 || !fhir.IsResourceType(string(typ)) || !fhir.IsID(id) {
		return false
	}
	t.typ, t.id = typ, id
	return true
}

// is says whether the target is of a type, going by the reference alone.
func (t *target) is(typ string) bool {
	if t.typ != nil {
		return string(t.typ) == typ
	}
	return string(t.claims) == typ
}

// local writes the key of a reference to a resource of this server.
func (x *extractor) local(n int, p *planParam, typ, id []byte) {
	x.begin(p, referenceKey)
	x.buf = append(append(append(x.buf, typ...), '/'), id...)
	key := x.end()
	x.bounds(n, p, key, key)
	if x.plan.joined && string(typ) == "Patient" && (p.name == "subject" || p.name == "patient") {
		x.subject(key)
	}
}

// subject notes a patient, once, for the keys of patient and code.
func (x *extractor) subject(s span) {
	for _, old := range x.subjects {
		if bytes.Equal(x.span(old), x.span(s)) {
			return
		}
	}
	x.subjects = append(x.subjects, s)
}

// remote writes the key of any other reference.
func (x *extractor) remote(n int, p *planParam, url []byte) {
	x.begin(p, referenceKey)
	x.buf = appendLong(x.buf, url)
	key := x.end()
	x.bounds(n, p, key, key)
}

// canonicalKeys writes the keys of a canonical. One of a resource of this server is a
// reference to it, too.
func (x *extractor) canonicalKeys(i int32, n int, p *planParam) {
	text := x.value(i)
	if len(text) == 0 || text[0] == '#' {
		return
	}
	url, _, _ := splitCanonical(text)
	t := target{}
	if t.split(url, x.base); t.typ != nil {
		x.local(n, p, t.typ, t.id)
		if len(t.typ)+1+len(t.id) == len(url) {
			return // it was relative: no URL
		}
	}
	x.remote(n, p, text)
	x.editions(p, text)
}

// editions writes a canonical as url and as url|version, or url| if it is of any version,
// without its fragment.
func (x *extractor) editions(p *planParam, text []byte) {
	url, version, _ := splitCanonical(text)
	x.begin(p, referenceKey)
	x.buf = appendLong(x.buf, url)
	x.end()
	from := len(x.text)
	x.text = appendEdition(x.text, url, version)
	x.begin(p, referenceKey)
	x.buf = appendLong(x.buf, x.text[from:])
	x.end()
}

// logical writes the keys of Reference.identifier.
func (x *extractor) logical(ref int32, p *planParam) {
	i := x.find(ref, roleIdentifier)
	if i < 0 {
		return
	}
	if value := x.child(i, roleValue); value != nil {
		x.forms(p, identifierKey, x.child(i, roleSystem), value, false)
	}
}

// member writes the compartments that the reference places the resource in.
func (x *extractor) member(p *planParam, typ, id []byte) {
	for bit, name := range compartmentNames {
		if p.compartments&(1<<bit) != 0 && string(typ) == name {
			x.compartment(name, id)
		}
	}
}
