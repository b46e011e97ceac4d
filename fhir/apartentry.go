package fhir

import (
	"net/url"
	"strings"
)

// apart reads an entry that is a request of its own, and no interaction that a Bundle has
// its own words for: HEAD, metadata, a search by POST, an operation. It returns false if
// the entry is none.
func (e *Entry) apart(r *frameRequest, bases string) bool {
	at, query, _ := strings.Cut(r.URL, "?")
	at, _ = Below(at, bases)
	at, err := url.PathUnescape("/" + strings.TrimSuffix(strings.TrimPrefix(at, "/"), "/"))
	if err != nil || strings.Contains(at, "://") {
		return false
	}
	last := at[strings.LastIndexByte(at, '/')+1:]
	operation := strings.HasPrefix(last, "$")
	if r.Method != "HEAD" && !(r.Method == "GET" && (operation || at == "/metadata")) && !(r.Method == "POST" && (operation || last == "_search")) {
		return false
	}
	e.Path, e.Query, e.Tags = at, query, r.IfMatch
	e.IfNoneMatch, e.IfModifiedSince = r.IfNoneMatch, r.IfModifiedSince
	return true
}

// checkApart checks what the routes cannot: they do not see that it is an entry.
func (e *Entry) checkApart(r *frameRequest) {
	switch {
	case e.Sent != nil && e.Method != "POST":
		e.fail(&Error{Kind: Invalid, Detail: "A GET or HEAD has no resource.", Expression: ".resource"})
	case e.Sent != nil && strings.HasSuffix(e.Path, "/_search"):
		e.fail(&Error{Kind: Invalid, Detail: "A search in a batch has no resource: its criteria are in the URL, as in Patient/_search?name=x.", Expression: ".resource"})
	}
	e.checkConditions(r)
}

// checkApart refuses such requests in a transaction, which is one request.
func (b *Bundle) checkApart() {
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Path == "" {
			continue
		}
		place := ".request.url"
		if e.Method == "HEAD" {
			place = ".request.method"
		}
		e.fail(&Error{Kind: Invalid, Expression: place,
			Detail: "A transaction reads, searches and changes resources. HEAD, metadata, searches by POST and operations are for a batch, or are sent by themselves."})
	}
}
