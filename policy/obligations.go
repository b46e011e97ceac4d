package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/aceso-health/aceso/fhir"
)

// maskOf begins an obligation to leave an element out of what is shown, whose path follows.
const maskOf = "mask "

// obliges says why the gate cannot meet an obligation, nil if it can. To record is done
// anyway.
func obliges(word string) error {
	path, masks := strings.CutPrefix(word, maskOf)
	switch {
	case word == "record":
		return nil
	case !masks:
		return fmt.Errorf("unknown obligation %q", word)
	}
	_, err := fhir.R4().Mask([]string{path})
	return err
}

// Masked are the paths of the elements that obligations leave out of what is shown.
func Masked(obligations []string) (paths []string) {
	for _, word := range obligations {
		if path, masks := strings.CutPrefix(word, maskOf); masks {
			paths = append(paths, path)
		}
	}
	return paths
}

// readObligations accepts a list or set, which may be empty: rules that add to a set need not
// add anything.
func readObligations(v ast.Value, into *[]string) error {
	list, ok := v.(interface{ Len() int })
	if ok && list.Len() == 0 {
		return nil
	}
	if err := readStrings(v, into); err != nil {
		return err
	}
	for _, word := range *into {
		if err := obliges(word); err != nil {
			return errors.New("what it obliges to is not known: " + err.Error())
		}
	}
	return nil
}
