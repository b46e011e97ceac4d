package fhir

import "bytes"

// References lists the values of all Reference.reference elements and of
// uri/canonical/url elements that hold urn:uuid: or urn:oid:, in order, unescaped.
func (r *Resource) References() []string {
	var all []string
	for _, l := range r.allLinks() {
		all = append(all, l.text)
	}
	return all
}

// MapReferences returns the resource with every such value replaced by its target.
// It keeps the bytes of values for which target returns false.
func (r *Resource) MapReferences(target func(value string) (replacement string, ok bool)) (*Resource, error) {
	p := patch{data: r.data}
	for _, l := range r.allLinks() {
		if to, ok := target(l.text); ok {
			p.replace(l.extent, string(appendQuoted(nil, to)))
		}
	}
	if len(p.splices) == 0 {
		return r, nil
	}
	return Open(p.apply())
}

// ReferencePlace is the FHIRPath of the first such value that is wanted, "" if there is none.
func (r *Resource) ReferencePlace(wanted func(value string) bool) string {
	s, err := openTape(r.data)
	if err != nil {
		return "" // cannot happen: every Resource was scanned before
	}
	defer s.close()
	for i := range s.Nodes {
		if at := int32(i); s.refers(at) && wanted(string(s.text(at))) {
			return s.place(at)
		}
	}
	return ""
}

// allLinks lists the references of the resource. Parse noted them; otherwise it
// scans the document again.
func (r *Resource) allLinks() []place {
	if r.linked {
		return r.links
	}
	s, err := openTape(r.data)
	if err != nil {
		return nil // cannot happen: every Resource was scanned before
	}
	defer s.close()
	for i := range s.Nodes {
		if s.refers(int32(i)) {
			s.links = append(s.links, int32(i))
		}
	}
	return s.linksFound()
}

// linksFound copies the links, their texts as parts of one string.
func (s *scanner) linksFound() []place {
	if len(s.links) == 0 {
		return nil
	}
	s.buf = s.buf[:0]
	links := make([]place, len(s.links))
	for i, at := range s.links {
		from := len(s.buf)
		s.buf = append(s.buf, s.text(at)...)
		links[i].extent = extent{from, len(s.buf)}
	}
	all := string(s.buf)
	for i, at := range s.links {
		l := &links[i]
		l.text, l.extent = all[l.start:l.end], s.Nodes[at].extent()
	}
	return links
}

// refers says whether a node is a reference, or a link that may be one.
func (s *scanner) refers(at int32) bool {
	n := &s.Nodes[at]
	if n.Kind != '"' {
		return false
	}
	if s.d.marks.isURI(n.Type) {
		text := s.Raw(at)[1:]
		return bytes.HasPrefix(text, []byte("urn:uuid:")) || bytes.HasPrefix(text, []byte("urn:oid:"))
	}
	return n.Elem == s.d.marks.reference
}

func (n *Node) extent() extent { return extent{int(n.start), int(n.end)} }
