package server

import (
	"net/url"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// pageParam is the one parameter of a paging link. Its value is the gate's.
const pageParam = "_page"

// pageOf is the token of a request for a further page, "" for a first one. The token
// contains all other parameters, so it must stand alone.
func pageOf(params []fhir.Param) (string, error) {
	own := slices.DeleteFunc(slices.Clone(params), func(p fhir.Param) bool { return p.Name == "_count" }) // clients add it; pages keep their size
	switch i := slices.IndexFunc(own, func(p fhir.Param) bool { return p.Name == pageParam }); {
	case i < 0:
		return "", nil
	case len(own) > 1 || own[0].Value == "":
		return "", &fhir.Error{Kind: fhir.Invalid, Detail: "A paging link must be used as it was given.", Expression: pageParam}
	default:
		return own[0].Value, nil
	}
}

// links are the links of a page: path and query of the request, or its own
// token, and the token of the next page.
func (s *server) links(path, query, page, next string) []fhir.Link {
	if page != "" {
		query = pageParam + "=" + url.QueryEscape(page)
	}
	at := s.at(path)
	self := at
	if query != "" {
		self += "?" + query
	}
	links := []fhir.Link{{Relation: "self", URL: self}}
	if next != "" {
		links = append(links, fhir.Link{Relation: "next", URL: at + "?" + pageParam + "=" + url.QueryEscape(next)})
	}
	return links
}

// at is the address of a path, that of the base if it is "".
func (s *server) at(path string) string {
	if path == "" {
		return s.base
	}
	return s.url(path)
}

// backLinks are the links of a further page to the first one, which is searched anew, and to
// the one before.
func (s *server) backLinks(path, page string, result *access.Result) []fhir.Link {
	if page == "" {
		return nil
	}
	first := s.at(path)
	if result.Self != "" {
		first += "?" + result.Self
	}
	links := []fhir.Link{{Relation: "first", URL: first}}
	switch {
	case result.Second:
		links = append(links, fhir.Link{Relation: "previous", URL: first})
	case result.Previous != "":
		links = append(links, fhir.Link{Relation: "previous", URL: s.at(path) + "?" + pageParam + "=" + url.QueryEscape(result.Previous)})
	}
	return links
}

// encodeParams writes parameters in their order.
func encodeParams(params []fhir.Param) string {
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value))
	}
	return b.String()
}
