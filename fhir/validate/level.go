package validate

import (
	"fmt"
	"slices"
	"strings"
)

// Level is how closely resources are looked at before they are written.
type Level uint8

// The levels. Each includes the ones before.
const (
	Off       Level = iota // strict JSON, and what access rests on (fhir.ParseLoosely)
	Structure              // fhir.Parse: elements, types, cardinalities, formats, required codes
	Base                   // the constraints of R4
	Declared               // the profiles that resources declare, and the definitions of extensions
)

var levelNames = []string{"off", "structure", "base", "profiles"}

// ParseLevel reads the name of a level: off, structure, base or profiles.
func ParseLevel(name string) (Level, error) {
	i := slices.Index(levelNames, name)
	if i < 0 {
		return 0, fmt.Errorf("%q is no level of validation; those are %s", name, strings.Join(levelNames, ", "))
	}
	return Level(i), nil
}

// String is the name of the level.
func (l Level) String() string { return levelNames[l] }
