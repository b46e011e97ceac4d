// Package xml writes FHIR documents as XML and reads them: the same values in the other
// format, numbers by their text, narrative by its bytes.
//
// What is stored is JSON. Of a document that arrived as XML the JSON made here is the
// truth from then on; comments and processing instructions are left out, and a document
// type is refused. The package checks what XML needs (namespaces, names, order) and not
// whether a document is valid R4: fhir.Parse does, with the same places. It knows as much
// of XML 1.0 as R4 needs, in UTF-8, and resolves nothing outside of the document.
package xml

import "github.com/aceso-health/aceso/fhir"

const (
	fhirSpace   = "http://hl7.org/fhir"
	xhtmlSpace  = "http://www.w3.org/1999/xhtml"
	schemaSpace = "http://www.w3.org/2001/XMLSchema-instance"
	xmlSpace    = "http://www.w3.org/XML/1998/namespace"
)

// Limits of a document.
const (
	maxDepth  = 110 // open elements; JSON has at most 100
	maxNames  = 16  // namespaces declared in the open elements
	maxAttrs  = 50  // attributes of an element
	tagsDepth = 110 // open elements of a narrative
)

func malformed(detail string) *fhir.Error {
	return &fhir.Error{Kind: fhir.Malformed, Detail: "The body is not well-formed XML: " + detail + "."}
}
