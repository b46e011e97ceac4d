package fhir

import (
	"bytes"
	"strings"
)

// linkKind says what a link of a document is.
type linkKind uint8

const (
	noLink        linkKind = iota
	referenceLink          // Reference.reference
	uriLink                // a uri, url, oid or uuid that may name an entry of a Bundle
	narrativeLink          // a narrative with links or images
)

// References lists the values of all Reference.reference elements, in order, unescaped.
func (r *Resource) References() []string {
	var all []string
	for _, l := range r.allLinks() {
		if l.kind == referenceLink {
			all = append(all, l.text)
		}
	}
	return all
}

// MapReferences returns the resource with every link replaced by its target: references,
// elements of type uri, url, oid and uuid, and links and images in narratives, as R4 wants
// of a transaction. Canonicals are no links, nor is what names a resource (as
// Questionnaire.url) or an extension, nor anything in a Bundle, whose links are its own.
// It keeps the bytes of values for which target returns false.
func (r *Resource) MapReferences(target func(value string) (replacement string, ok bool)) (*Resource, error) {
	p := patch{data: r.data}
	for _, l := range r.allLinks() {
		if l.kind == narrativeLink {
			p.mapNarrative(l.extent, target)
		} else if to, ok := target(l.text); ok {
			p.replace(l.extent, string(appendQuoted(nil, to)))
		}
	}
	if len(p.splices) == 0 {
		return r, nil
	}
	return Open(p.apply())
}

// mapNarrative replaces links and images in a narrative, which is a string of the document.
func (p *patch) mapNarrative(at extent, target func(string) (string, bool)) {
	inside := p.data[at.start+1 : at.end-1]
	text, places := inside, []int(nil)
	if bytes.IndexByte(inside, '\\') >= 0 {
		text, places = unescapedWithPlaces(inside)
	}
	x := narrative{text: text, collect: true}
	_ = x.fault()
	for _, l := range x.links {
		to, ok := target(string(text[l.start:l.end]))
		if !ok {
			continue
		}
		if places != nil {
			l = extent{places[l.start], places[l.end]}
		}
		base := at.start + 1
		quoted := appendQuoted(nil, to)
		p.replace(extent{base + l.start, base + l.end}, string(quoted[1:len(quoted)-1]))
	}
}

// unescapedWithPlaces unescapes a string, and says where each byte of the text came from.
func unescapedWithPlaces(raw []byte) (text []byte, places []int) {
	for i := 0; i < len(raw); {
		n := 1
		switch {
		case raw[i] != '\\':
		case raw[i+1] != 'u':
			n = 2
		default:
			n = 6
			if high := hex4(raw[i+2:]); high >= 0xD800 && high < 0xDC00 {
				n = 12
			}
		}
		from := len(text)
		text = AppendUnescaped(text, raw[i:i+n])
		for range len(text) - from {
			places = append(places, i)
		}
		i += n
	}
	return text, append(places, len(raw))
}

// ReferencePlace is the FHIRPath of the first reference that is wanted, "" if there is none.
func (r *Resource) ReferencePlace(wanted func(value string) bool) string {
	s, err := openTape(r.data)
	if err != nil {
		return "" // cannot happen: every Resource was scanned before
	}
	defer s.close()
	for i := range s.Nodes {
		if at := int32(i); s.linkKind(at) == referenceLink && wanted(string(s.text(at))) {
			return s.place(at)
		}
	}
	return ""
}

// allLinks lists the links of the resource. Parse noted them; otherwise it scans the
// document again.
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
		if s.linkKind(int32(i)) != noLink {
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
		links[i].kind = s.linkKind(at)
		from := len(s.buf)
		if links[i].kind != narrativeLink {
			s.buf = append(s.buf, s.text(at)...)
		}
		links[i].extent = extent{from, len(s.buf)}
	}
	all := string(s.buf)
	for i, at := range s.links {
		l := &links[i]
		l.text, l.extent = all[l.start:l.end], s.Nodes[at].extent()
	}
	return links
}

// linkKind says whether a node is a link.
func (s *scanner) linkKind(at int32) linkKind {
	n := &s.Nodes[at]
	switch {
	case n.Kind != '"' || n.PrimitiveExt || s.Nodes[0].Type == s.d.marks.bundle:
	case n.Elem == s.d.marks.reference:
		return referenceLink
	case s.d.marks.isURI(n.Type):
		if n.Type != s.d.marks.canonical && s.mayName(s.Raw(at)) && !s.namesResource(at) {
			return uriLink
		}
	case s.d.Types[n.Type].Name == "xhtml":
		if raw := s.Raw(at); bytes.Contains(raw, []byte("href")) || bytes.Contains(raw, []byte("src")) {
			return narrativeLink
		}
	}
	return noLink
}

// mayName says whether a string may be the fullUrl of an entry, or relative to one.
func (s *scanner) mayName(raw []byte) bool {
	text := raw[1 : len(raw)-1]
	if bytes.HasPrefix(text, []byte("urn:")) {
		return bytes.HasPrefix(text, []byte("urn:uuid:")) || bytes.HasPrefix(text, []byte("urn:oid:"))
	}
	return bytes.IndexByte(text, '\\') >= 0 || s.d.typeOfReference(text) >= 0
}

// namesResource says whether a node is what a resource or an extension is named by.
func (s *scanner) namesResource(at int32) bool {
	parent := s.Nodes[at].Parent
	if parent < 0 || s.nameOf(at) != "url" {
		return false
	}
	typ := s.Nodes[parent].Type
	return typ == s.d.marks.extension || s.d.Types[typ].kind == resourceType
}

func (n *Node) extent() extent { return extent{int(n.start), int(n.end)} }

// Named is the fullUrl that a link names: without a version and a fragment, which are the
// rest.
func Named(link string) (name, rest string) {
	end := len(link)
	if i := strings.IndexByte(link, '#'); i > 0 {
		end = i
	}
	if i := strings.LastIndex(link[:end], "/_history/"); i >= 0 {
		end = i
	}
	return link[:end], link[end:]
}
