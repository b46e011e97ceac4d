package policy

import (
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/labels"
)

// readLabelled reads {"confidentiality": {"max": "N"}, "without": ["ETH", "PSY"]} as the
// labels that a row must not have: all confidentialities above one, and sensitivities.
func readLabelled(o ast.Object, into *[]string) error {
	var barred []string
	err := eachField(o, func(name string, v ast.Value) error {
		switch name {
		case "confidentiality":
			return readLevel(v, &barred)
		case "without":
			return readSensitivities(v, &barred)
		}
		return errors.New("unknown field")
	})
	if err == nil && len(barred) == 0 {
		err = errors.New("empty")
	}
	*into = barred
	return err
}

func readLevel(v ast.Value, barred *[]string) error {
	o, ok := v.(ast.Object)
	if !ok || o.Len() != 1 {
		return errors.New("not an object with max")
	}
	return eachField(o, func(name string, v ast.Value) error {
		if name != "max" {
			return errors.New("unknown field")
		}
		var level string
		if err := readString(v, &level); err != nil {
			return err
		}
		above, err := labels.Above(level)
		*barred = append(*barred, above)
		return err
	})
}

func readSensitivities(v ast.Value, barred *[]string) error {
	var words []string
	if err := readStrings(v, &words); err != nil {
		return err
	}
	for _, word := range words {
		label, err := labels.Sensitivity(word)
		if err != nil {
			return err
		}
		*barred = append(*barred, label)
	}
	return nil
}

func readSearch(v ast.Value, into *string) error {
	var text string
	err := readString(v, &text)
	if err == nil {
		*into, err = agent.CanonicalQuery(text)
	}
	return err
}

// restricts refuses search parameters by which the gate cannot judge resources of a type:
// what they were meant to hide would be shown. A question about no type has no rows.
func restricts(typ, query string) error {
	if query == "" {
		return nil
	}
	of := agent.Scope{Type: typ, Query: query}
	params := make([]fhir.Param, 0, 1)
	for _, p := range of.Params() {
		params = append(params, fhir.Param{Name: p.Name, Value: p.Value})
	}
	if _, err := search.ParseConstraint(typ, params, ""); err != nil {
		return fmt.Errorf("the constraint search %q cannot be enforced for the type %q: %w", query, typ, err)
	}
	return nil
}

// restrictsSome says whether a search expression can be enforced for some type.
func restrictsSome(text string) bool {
	query, err := agent.CanonicalQuery(text)
	if err != nil {
		return false
	}
	for _, typ := range fhir.ResourceTypes() {
		if restricts(typ, query) == nil {
			return true
		}
	}
	return false
}
