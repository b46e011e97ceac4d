//go:build !race

package fhirtest

// instrumented says that the race detector makes CPU time meaningless.
const instrumented = false
