package fhirpath

import (
	"fmt"

	"github.com/aceso-health/aceso/fhir"
)

// What an expression may be and cost. Each limit stands in docs/limits.md.
const (
	MaxLength = 16_384    // bytes of an expression
	MaxDepth  = 100       // nested parentheses, arguments and operators
	MaxSteps  = 1_000_000 // of an evaluation: values looked at, and 64 bytes of text made
	MaxItems  = 100_000   // of a collection
	maxText   = 1 << 20   // bytes of a string that is made
	maxDigits = 200       // of a number
)

// fault is an error about the expression itself.
func fault(at int, format string, args ...any) *fhir.Error {
	return &fhir.Error{Kind: fhir.Invalid, Detail: "The FHIRPath expression cannot be read: " + fmt.Sprintf(format, args...) +
		fmt.Sprintf(" (character %d).", at+1)}
}

// unfit is an error of an evaluation: the expression does not fit the data.
func unfit(format string, args ...any) *fhir.Error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: "The FHIRPath expression cannot be evaluated: " + fmt.Sprintf(format, args...) + "."}
}

// tooMuch is an error about a limit.
func tooMuch(format string, args ...any) *fhir.Error {
	return &fhir.Error{Kind: fhir.TooCostly, Detail: "The FHIRPath expression " + fmt.Sprintf(format, args...) + "."}
}
