package store

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Sight says, for one type, what the visibility function would answer for whole sets of
// rows. Only what is certain counts: rows of ByRow, and rows whose facts are not Apart, are
// judged one by one. The zero Sight says nothing.
//
// What is Hidden is hidden in the past, too: a resource whose current version is certainly
// hidden has no version that may be shown. What is Shown says nothing about past versions.
type Sight struct {
	Free   Sure    // rows in nobody's compartment
	Rest   Sure    // rows in the compartment of one patient who is in no group
	Groups []Group // patients apart from the rest; disjoint
}

// Sure is what is certain about a set of rows.
type Sure uint8

// What can be certain.
const (
	ByRow Sure = iota
	Hidden
	Shown
)

// Group are patients of whose rows the same is certain.
type Group struct {
	Name     string // the same name always has the same patients within one process: sets may be cached under it
	Is       Sure
	Patients []string // "Patient/1"; sorted; MUST NOT be changed
}

// Looks makes the Sight of a type, as of a consent epoch. A store MUST ask it only if it
// uses what it says: whoever made it takes all patients for judged by then. It is asked
// under the rules of Visible, and its error ends the search. A nil Looks says nothing.
type Looks func(typ string, epoch int64) (*Sight, error)

// Of is what is certain about one current version: the definition of a Sight.
func (s *Sight) Of(f *fhir.Facts) Sure {
	switch {
	case !f.Apart():
		return ByRow
	case len(f.Patients) == 0:
		return s.Free
	}
	for i := range s.Groups {
		if _, in := slices.BinarySearchFunc(s.Groups[i].Patients, f.Patients[0], strings.Compare); in {
			return s.Groups[i].Is
		}
	}
	return s.Rest
}
