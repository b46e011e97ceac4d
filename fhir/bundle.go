package fhir

import (
	"fmt"
	"slices"
	"strings"
)

// maxEntries limits the entries of a Bundle.
const maxEntries = 50_000

// Bundle is a parsed transaction or batch, in processing order.
type Bundle struct {
	Type    string // transaction or batch
	Entries []Entry
}

// Entry is one entry of a Bundle.
type Entry struct {
	Index    int // position in the Bundle
	FullURL  string
	Method   string // POST PUT PATCH DELETE GET HEAD, as sent if Err says that it is another
	target          // what request.url names; for a POST the type only
	Resource *Resource
	IfMatch  Match // nil: none

	// Conditional says that Criteria decide: If-None-Exist of a POST, the search
	// URL of a PUT, PATCH or DELETE.
	Conditional bool
	Criteria    []Param

	IfNoneMatch, IfModifiedSince string // of a GET or HEAD

	// Path says that the entry of a batch is a request that only the routes of a server
	// know: HEAD, metadata, a search by POST, an operation. Path begins with a slash and is
	// below the base; "" is none. Nothing has been checked of Query, Sent and Tags: they are
	// what follows the path, the resource, and ifMatch.
	Path, Query, Tags string
	Sent              []byte

	Err *Error // of a batch: why this entry cannot be processed
}

// Expression is the place of the entry, Bundle.entry[3].
func (e *Entry) Expression() string { return entryPlace(e.Index) }

func entryPlace(i int) string { return fmt.Sprintf("Bundle.entry[%d]", i) }

// ParseBundle reads a transaction or batch. base is the server's base URL. It
// orders entries for processing: DELETE, POST, PUT and PATCH, GET, and within a method as in
// the Bundle. It reports everything wrong with a transaction in one *Error with
// one Issue per finding; in a batch each entry has its own error.
func ParseBundle(data []byte, base string) (*Bundle, error) {
	return AdmitBundle(data, base, Parse, func(int) error { return nil })
}

// A Parser reads a resource: Parse, ParseLoosely, or one that chooses.
type Parser func(data []byte) (*Resource, error)

// AdmitBundle is ParseBundle that first asks about the number of entries, before it spends
// work on each, and reads the resources with parse. An error of admit ends it.
func AdmitBundle(data []byte, base string, parse Parser, admit func(entries int) error) (*Bundle, error) {
	parts, err := cutBundle(data)
	if err != nil {
		return nil, err
	}
	f, err := readFrame(parts)
	if err != nil {
		return nil, err
	}
	if err := admit(len(f.Entry)); err != nil {
		return nil, err
	}
	b := &Bundle{Type: f.Type, Entries: make([]Entry, len(f.Entry))}
	for i := range f.Entry {
		b.Entries[i] = f.Entry[i].read(i, parts.resources[i], base, parse)
	}
	b.checkLinks()
	if b.Type == "transaction" {
		b.checkIdentities()
		b.checkApart()
		if err := b.failures(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(b.Entries, func(x, y Entry) int { return order(x.Method) - order(y.Method) })
	return b, nil
}

// order is the processing order of R4 section 3.1.0.11.2.
func order(method string) int {
	switch method {
	case "PATCH":
		method = "PUT"
	case "HEAD":
		method = "GET"
	}
	return slices.Index([]string{"DELETE", "POST", "PUT", "GET"}, method)
}

// checkLinks refuses references to a urn:uuid that no entry of the transaction
// has. In a batch every such reference dangles: its entries are independent.
func (b *Bundle) checkLinks() {
	known := make(map[string]bool)
	for i := range b.Entries {
		e := &b.Entries[i]
		if b.Type != "transaction" || e.FullURL == "" || e.Resource == nil {
			continue
		}
		known[e.FullURL] = true // only this one has it (bdl-7)
	}
	for i := range b.Entries {
		b.Entries[i].checkReferences(known)
	}
}

func (e *Entry) checkReferences(known map[string]bool) {
	if e.Resource == nil {
		return
	}
	dangles := func(value string) bool {
		name, _ := Named(value)
		return strings.HasPrefix(value, "urn:uuid:") && !known[name]
	}
	if slices.ContainsFunc(e.Resource.References(), dangles) {
		e.fail(&Error{
			Kind:       Unprocessable,
			Detail:     "A reference names a urn:uuid that is the fullUrl of no entry of this transaction.",
			Expression: ".resource" + afterType(e.Resource.ReferencePlace(dangles)),
		})
	}
}

// checkIdentities refuses two changes to one resource in a transaction.
func (b *Bundle) checkIdentities() {
	seen := make(map[Ref]bool)
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.ID == "" || e.Method == "GET" || e.Method == "POST" {
			continue
		}
		if seen[e.Ref] {
			e.fail(&Error{Kind: Invalid, Detail: "Another entry of the transaction changes the same resource.", Expression: ".request.url"})
		}
		seen[e.Ref] = true
	}
}

// fail keeps the first error of the entry. Its Expression is relative to the
// entry; without one, its issues have expressions of their own.
func (e *Entry) fail(err *Error) {
	if e.Err != nil {
		return
	}
	if err.Expression != "" {
		err.Expression = e.Expression() + err.Expression
	}
	e.Err = err
}

// failures combines the errors of all entries of a transaction.
func (b *Bundle) failures() error {
	var all *Error
	for i := range b.Entries {
		err := b.Entries[i].Err
		if err == nil {
			continue
		}
		if all == nil {
			all = &Error{Kind: err.Kind, Detail: "The transaction has entries that cannot be processed. Nothing was changed.", Err: err.Err}
		}
		all.Issues = append(all.Issues, err.Findings("")...)
	}
	if all == nil {
		return nil
	}
	all.Issues = all.Issues[:min(len(all.Issues), maxFindings)]
	return all
}

// maxFindings limits the findings in one answer.
const maxFindings = 50
