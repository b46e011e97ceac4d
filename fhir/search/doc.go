// Package search is the search of FHIR R4 without a database: it extracts the
// index keys and facts of a resource, parses queries, and says with Match what a
// compiled Condition means.
//
// It does not fetch, page or sort resources (the stores do), and it does not
// decide what a caller may see.
package search
