// Package patch changes documents as JSON Patch (RFC 6902) and FHIRPath Patch say.
//
// It works on the bytes: what a patch does not touch stays as it was, white space and the
// text of numbers included. It does not check that the result is a FHIR resource, does not
// decide who may change or learn what, and stores nothing.
package patch

import (
	"fmt"

	"github.com/aceso-health/aceso/fhir"
)

// Limits of a patch. What it does costs in proportion to the bytes that it reads, copies,
// compares and moves, so few operations can cost much.
const (
	mostOperations = 10_000
	mostWork       = 100_000_000 // bytes
	mostResult     = 20_000_000  // bytes of the changed document
	pathStep       = 100         // bytes that a step of a path counts as in the work of a request
	step           = 128         // bytes that one member or item counts as, which is about its size in memory
)

// meter counts the work of one patch.
type meter struct{ left int64 }

// done is the work so far, in bytes.
func (m *meter) done() int64 { return mostWork - max(m.left, 0) }

func (m *meter) spend(bytes int) *fhir.Error {
	if m.left -= int64(bytes); m.left < 0 {
		return &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("A patch may read, copy and compare %d MB. Send fewer operations, or the whole resource with PUT.", mostWork/1_000_000)}
	}
	return nil
}
