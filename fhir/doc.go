// Package fhir knows FHIR R4: resources as bytes, references, bundles, search
// queries, index keys, definitions, validation and outcomes.
//
// It does not store, decide, authenticate or speak HTTP, and it imports nothing
// else of Aceso.
package fhir
