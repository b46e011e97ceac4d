// Package fhir knows FHIR R4: resources as bytes, references, bundles,
// definitions, validation and outcomes. It also builds the AuditEvents and the
// CapabilityStatement that this server authors.
//
// It does not search (fhir/search does), store, decide, authenticate or speak
// HTTP, and it imports nothing else of Aceso.
package fhir
