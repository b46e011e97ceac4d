package fhir

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// MetaChange adds profiles, tags and security labels to the meta of a resource, or takes
// them away.
type MetaChange struct {
	Delete bool
	sent   Hash
	lists  map[string][]labelled // of profile, security, tag
}

// labelled is one item of a list in meta: its key is a profile, or the system and code of a
// coding.
type labelled struct{ key, raw string }

// metaLists are the lists that can be changed, in the order of R4.
func metaLists() []string { return []string{"profile", "security", "tag"} }

// ParseMetaChange reads the Parameters of $meta-add or $meta-delete.
func ParseMetaChange(parameters []byte) (*MetaChange, error) {
	c := &MetaChange{sent: sha256.Sum256(parameters)}
	s, err := openTape(parameters)
	if err != nil {
		return nil, err
	}
	defer s.close()
	wrong := &Error{Kind: Invalid, Detail: "The operation takes one parameter meta, of type Meta, with profiles, security labels or tags.", Expression: "Parameters.parameter"}
	for p := range s.children(0) {
		if s.nameOf(p) != "parameter" {
			continue
		}
		name, value := "", int32(-1)
		for m := range s.children(p) {
			switch s.nameOf(m) {
			case "name":
				name = string(s.text(m))
			case "value":
				value = m
			}
		}
		if name != "meta" || value < 0 || s.d.Types[s.Nodes[value].Type].Name != "Meta" || c.lists != nil {
			return nil, wrong
		}
		c.lists = s.metaOf(value).lists
	}
	if len(c.lists["profile"])+len(c.lists["security"])+len(c.lists["tag"]) == 0 {
		return nil, wrong
	}
	return c, nil
}

// Sum is the hash of what was sent.
func (c *MetaChange) Sum() Hash { return c.sent }

// Long is false: what it costs grows with the document.
func (c *MetaChange) Long() bool { return false }

// Apply returns the document with its meta changed. What it cost is added to work, in bytes.
func (c *MetaChange) Apply(document []byte, work *int64) ([]byte, error) {
	*work += int64(len(document))
	s, err := openTape(document)
	if err != nil {
		return nil, err
	}
	defer s.close()
	at := s.resourceFound().at
	meta := metaParts{lists: map[string][]labelled{}}
	for i := range s.children(0) {
		if s.nameOf(i) == "meta" {
			meta = s.metaOf(i)
		}
	}
	if meta.torn {
		return nil, &Error{Kind: Unprocessable, Detail: "The meta of the resource has extensions of single values. Change it by an update.", Expression: s.d.Types[s.Nodes[0].Type].Name + ".meta"}
	}
	for _, name := range metaLists() {
		meta.lists[name] = c.changed(meta.lists[name], c.lists[name])
	}
	p := patch{data: document}
	if at.meta.end > 0 {
		p.replace(at.meta, meta.String())
	} else {
		p.insert(max(at.typeEnd, at.id.end), `,"meta":`+meta.String())
	}
	return p.apply(), nil
}

func (c *MetaChange) changed(has, given []labelled) []labelled {
	if c.Delete {
		gone := keysOf(given)
		return slices.DeleteFunc(has, func(l labelled) bool { return gone[l.key] })
	}
	there := keysOf(has)
	for _, l := range given {
		if !there[l.key] {
			there[l.key] = true
			has = append(has, l)
		}
	}
	return has
}

// keysOf are the keys of a list, which may be very long.
func keysOf(list []labelled) map[string]bool {
	keys := make(map[string]bool, len(list))
	for _, l := range list {
		keys[l.key] = true
	}
	return keys
}

// metaParts are the members of a meta.
type metaParts struct {
	others []string // whole members
	lists  map[string][]labelled
	torn   bool // a primitive has an id or extensions
}

func (s *scanner) metaOf(at int32) metaParts {
	m := metaParts{lists: map[string][]labelled{}}
	var extensions []string
	for i := range s.children(at) {
		name, raw := s.nameOf(i), string(s.Raw(i))
		switch {
		case s.Nodes[i].PrimitiveExt:
			m.torn = true
		case name == "extension":
			extensions = append(extensions, raw)
		case name == "profile":
			m.lists[name] = append(m.lists[name], labelled{string(s.text(i)), raw})
		case name == "security" || name == "tag":
			m.lists[name] = append(m.lists[name], labelled{s.codingKey(i), raw})
		default:
			m.others = append(m.others, `"`+name+`":`+raw)
		}
	}
	if len(extensions) > 0 {
		m.others = append(m.others, `"extension":[`+strings.Join(extensions, ",")+`]`)
	}
	return m
}

// codingKey is what makes two labels the same one.
func (s *scanner) codingKey(at int32) string {
	var system, code string
	for i := range s.children(at) {
		switch {
		case s.Nodes[i].PrimitiveExt:
		case s.nameOf(i) == "system":
			system = string(s.text(i))
		case s.nameOf(i) == "code":
			code = string(s.text(i))
		}
	}
	return system + "|" + code
}

// String is the meta as JSON.
func (m metaParts) String() string {
	members := slices.Clone(m.others)
	for _, name := range metaLists() {
		var raw []string
		for _, l := range m.lists[name] {
			raw = append(raw, l.raw)
		}
		if len(raw) > 0 {
			members = append(members, `"`+name+`":[`+strings.Join(raw, ",")+`]`)
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// MetaOf is what $meta answers about a stored resource: Parameters with its meta.
func MetaOf(document []byte) ([]byte, error) {
	s, err := openTape(document)
	if err != nil {
		return nil, err
	}
	defer s.close()
	meta := []byte("{}")
	for i := range s.children(0) {
		if s.nameOf(i) == "meta" {
			meta = s.Raw(i)
		}
	}
	b := append([]byte(`{"resourceType":"Parameters","parameter":[{"name":"return","valueMeta":`), meta...)
	return append(b, "}]}"...), nil
}
