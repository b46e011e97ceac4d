// Package custom evaluates the FHIRPath expressions of search parameters that R4 does not
// have, for package search.
//
// It does not make keys or know what a search means, and it resolves nothing: what a resource
// is found by rests on the resource alone.
package custom

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
	"github.com/aceso-health/aceso/fhir/search"
)

// MaxSteps is what one expression may cost with one resource.
const MaxSteps = 20_000

// Compile implements search.Compile.
func Compile(expression string, types []string) (search.Select, error) {
	e, err := fhirpath.Compile(expression)
	if err == nil {
		err = e.Check(types...)
	}
	if err == nil && strings.Contains(expression, "resolve(") {
		err = errors.New("resolve() is understood in .where(resolve() is Patient) at the end of a path only: what a resource is found by must not depend on other resources")
	}
	if err != nil {
		return nil, err
	}
	return func(t *fhir.Tape) ([]search.Value, error) {
		found, err := e.Evaluate(&fhirpath.Env{Steps: MaxSteps}, fhirpath.Root(t))
		values := make([]search.Value, len(found))
		for i, v := range found {
			if n, ok := v.Node(); ok {
				values[i].Node = n.At
			} else {
				values[i] = search.Value{Node: -1, Text: text(v)}
			}
		}
		return values, err
	}, nil
}

// Read reads a stored SearchParameter. The error is a *fhir.Error if the definition cannot be
// used, and another one if the document is damaged.
func Read(document []byte) (c search.Custom, active bool, err error) {
	doc, err := fhir.Open(document)
	if err != nil {
		return c, false, fmt.Errorf("read SearchParameter: %v", err)
	}
	return search.ReadCustom(doc, Compile)
}

// text is a value that was made as documents write it; "" if they have no such type.
func text(v fhirpath.Value) string {
	switch v.Kind() {
	case fhirpath.Boolean, fhirpath.String, fhirpath.Integer, fhirpath.Decimal, fhirpath.Date, fhirpath.DateTime:
		return v.String()
	}
	return ""
}
