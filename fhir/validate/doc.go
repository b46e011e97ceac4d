// Package validate holds resources against the rules beyond their structure: the
// constraints of R4, extensions and profiles with their slices, patterns and bindings.
//
// It does not parse, and does not repeat what fhir.Parse checks: a resource comes here
// after that. It does not store, does not decide, does not speak HTTP, fetches nothing,
// and knows no codes: a Terminology does.
package validate
