package fhir

import (
	"bytes"
	"slices"
)

// judgeBundle checks bdl-1 to bdl-12.
func (s *scanner) judgeBundle(at int32) {
	typ := bundleType(s.memberText(at, "type"))
	s.ids = s.ids[:0]
	for c := range s.children(at) {
		switch s.nameOf(c) {
		case "total":
			if typ != "searchset" && typ != "history" {
				s.issueAt(at, "invariant", "bdl-1: A total is only for a search or history. Leave it out.")
			}
		case "entry":
			s.judgeEntry(c, typ)
		}
	}
	s.judgeFullURLs(typ)
	s.judgeDocument(at, typ)
}

// bundleType returns the type as a constant: a node's text must not outlive the scan.
func bundleType(text []byte) string {
	types := []string{
		"document", "message", "transaction", "transaction-response", "batch", "batch-response", "history", "searchset", "collection",
	}
	for _, t := range types {
		if t == string(text) {
			return t
		}
	}
	return ""
}

// memberNode finds a child by element name, or returns -1. The node itself may be -1.
func (s *scanner) memberNode(at int32, name string) int32 {
	if at < 0 {
		return -1
	}
	for c := range s.children(at) {
		if s.nameOf(c) == name && !s.Nodes[c].PrimitiveExt {
			return c
		}
	}
	return -1
}

func (s *scanner) hasMember(at int32, name string) bool { return s.memberNode(at, name) >= 0 }

// memberText is the value of a primitive child, nil without one.
func (s *scanner) memberText(at int32, name string) []byte {
	if c := s.memberNode(at, name); c >= 0 {
		return s.text(c)
	}
	return nil
}

// judgeEntry checks bdl-2 to bdl-5 and bdl-8, and notes the fullUrl for bdl-7.
func (s *scanner) judgeEntry(at int32, typ string) {
	search, request, response := s.memberNode(at, "search"), s.memberNode(at, "request"), s.memberNode(at, "response")
	resource, fullURL := s.memberNode(at, "resource"), s.memberNode(at, "fullUrl")
	asks := typ == "batch" || typ == "transaction" || typ == "history"
	answers := typ == "batch-response" || typ == "transaction-response" || typ == "history"
	switch {
	case search >= 0 && typ != "searchset":
		s.issueAt(search, "invariant", "bdl-2: entry.search is only for a search. Leave it out.")
	case (request >= 0) != asks:
		s.issueAt(at, "invariant", "bdl-3: entry.request is mandatory in a batch, transaction or history, and only there.")
	case (response >= 0) != answers:
		s.issueAt(at, "invariant", "bdl-4: entry.response is mandatory in a batch-response, transaction-response or history, and only there.")
	case resource < 0 && request < 0 && response < 0:
		s.issueAt(at, "invariant", "bdl-5: An entry must have a resource unless there is a request or response.")
	}
	if fullURL >= 0 {
		s.noteFullURL(fullURL, resource)
	}
}

func (s *scanner) noteFullURL(fullURL, resource int32) {
	text := s.text(fullURL)
	if bytes.Contains(text, []byte("/_history/")) {
		s.issueAt(fullURL, "invariant", "bdl-8: A fullUrl must not name a version. Leave /_history/ and what follows out.")
	}
	version := s.memberText(s.memberNode(resource, "meta"), "versionId")
	s.ids = append(s.ids, localID{text: text, version: version, at: fullURL})
}

// judgeFullURLs checks bdl-7.
func (s *scanner) judgeFullURLs(typ string) {
	if typ == "history" {
		return
	}
	slices.SortStableFunc(s.ids, func(a, b localID) int {
		if c := bytes.Compare(a.text, b.text); c != 0 {
			return c
		}
		return bytes.Compare(a.version, b.version)
	})
	for i := 1; i < len(s.ids); i++ {
		a, b := s.ids[i-1], s.ids[i]
		if bytes.Equal(a.text, b.text) && bytes.Equal(a.version, b.version) {
			s.issueAt(b.at, "invariant", "bdl-7: Two entries have the same fullUrl and the same version. Give each its own.")
		}
	}
}

// judgeDocument checks bdl-9 to bdl-12.
func (s *scanner) judgeDocument(at int32, typ string) {
	first := ""
	if r := s.memberNode(s.memberNode(at, "entry"), "resource"); r >= 0 {
		first = s.d.Types[s.Nodes[r].Type].Name
	}
	identifier := s.memberNode(at, "identifier")
	switch {
	case typ == "message" && first != "MessageHeader":
		s.issueAt(at, "invariant", "bdl-12: The first resource of a message must be a MessageHeader.")
	case typ != "document":
	case !s.hasMember(identifier, "system") || !s.hasMember(identifier, "value"):
		s.issueAt(at, "invariant", "bdl-9: A document must have an identifier with a system and a value.")
	case !s.hasMember(at, "timestamp"):
		s.issueAt(at, "invariant", "bdl-10: A document must have a timestamp.")
	case first != "Composition":
		s.issueAt(at, "invariant", "bdl-11: The first resource of a document must be a Composition.")
	}
}
