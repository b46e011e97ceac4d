package fhir

import "bytes"

// References lists the values of all Reference.reference elements and of
// uri/canonical/url elements that hold urn:uuid: or urn:oid:, in order, unescaped.
func (r *Resource) References() []string {
	s, err := openTape(r.data)
	if err != nil {
		return nil // a Resource is only made of bytes that can be scanned
	}
	defer s.close()
	var all []string
	for i := range s.nodes {
		if s.refers(int32(i)) {
			all = append(all, string(s.text(int32(i))))
		}
	}
	return all
}

// MapReferences returns the resource with every such value replaced by what
// target returns for it; ok=false leaves the bytes as they are.
func (r *Resource) MapReferences(target func(value string) (replacement string, ok bool)) (*Resource, error) {
	s, err := openTape(r.data)
	if err != nil {
		return nil, err
	}
	defer s.close()
	p := patch{data: r.data}
	for i := range s.nodes {
		if !s.refers(int32(i)) {
			continue
		}
		if to, ok := target(string(s.text(int32(i)))); ok {
			p.replace(s.nodes[i].extent(), string(appendQuoted(nil, to)))
		}
	}
	if len(p.splices) == 0 {
		return r, nil
	}
	return Open(p.apply())
}

// refers tells whether a node is a reference, or a link that may be one.
func (s *scanner) refers(at int32) bool {
	n := &s.nodes[at]
	if n.kind != '"' {
		return false
	}
	m := &s.d.marks
	switch n.typ {
	case m.uri, m.url, m.canonical, m.oid, m.uuid:
		text := s.raw(at)[1:]
		return bytes.HasPrefix(text, []byte("urn:uuid:")) || bytes.HasPrefix(text, []byte("urn:oid:"))
	}
	return n.elem == m.reference
}

func (n *node) extent() extent { return extent{int(n.start), int(n.end)} }
