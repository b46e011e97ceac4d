// Package fhirpath evaluates FHIRPath (the normative version N1, with what FHIR R4 adds)
// on documents. It reads the tape of a document and copies nothing of it; numbers stay
// decimals and dates keep their precision. Compiled expressions can be shared by
// goroutines.
//
// It does not fetch, know value sets or profiles, or change documents: who evaluates
// gives what resolves references and what knows terminology (Env), and fhir/patch edits.
//
// An expression comes from a client as often as from a definition. What one may cost is
// bounded (limits.go), and none panics.
package fhirpath

//go:generate go run ./gen -from $FHIRPATH_CASES
