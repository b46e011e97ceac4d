package store

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// Sight says, for one type, what a visibility function would answer for whole sets of
// rows. Only what is certain counts: rows of ByRow, and rows with the key ¤row (see
// search.RowKey: those whose facts are not Apart), are judged one by one.
//
// That of a history says the same of past versions: a resource that is certainly hidden
// now, without ¤row, is hidden in all versions before, for later labels and patients
// protect the past. What is certainly shown may have been hidden. It has no marks and no Splits.
type Sight struct {
	Barred []string // marks (see search.Marks, search.RuledKey), sorted: rows that have one are hidden, whoever's they are
	Needed []string // marks: rows that do not have all of them are hidden, whoever's they are

	Free   Sure    // rows in nobody's compartment
	Rest   Sure    // rows in the compartment of one patient who is in no group
	Groups []Group // patients apart from the rest; no patient is in two
}

// Sure is what is certain of the rows of a Sight.
type Sure uint8

// What can be certain. The zero value is the safe one.
const (
	ByRow  Sure = iota // nothing: each row is judged by the visibility function
	Hidden             // the visibility function hides all of them
	Shown              // the visibility function shows all of them
)

// Group is patients of whose rows the same is certain.
type Group struct {
	Name     string // the same name has the same patients as long as the process runs, so that sets may be kept by it
	Is       Sure
	Patients []string // "Patient/1"; sorted; MUST NOT be changed
	Split    *Split   // of a group of ByRow: what is certain of single rows; nil for nothing
}

// Split says what is certain of a row that is Apart by what it has, and by nothing else: a
// current version says the same as long as it is current.
type Split struct {
	Name string // the same for the same Of
	Of   func(*fhir.Facts) Sure
}

// Sights gives the Sight of a type in a snapshot with a consent epoch. A nil function, and
// a nil Sight, leave every row to the visibility function. It is asked once per type, and
// MUST NOT be asked by a search that does not use what it says: who makes it takes all
// patients for judged. It is asked under the rules of Visible.
type Sights func(typ string, epoch int64) (*Sight, error)

// Of is what is certain of one current version: the definition of a Sight.
func (s *Sight) Of(f *fhir.Facts, owner string) Sure {
	switch {
	case !f.Apart():
		return ByRow
	case s.Marked() && s.hides(marks(f, owner)):
		return Hidden
	case len(f.Patients) == 0:
		return s.Free
	}
	for i := range s.Groups {
		if _, in := slices.BinarySearch(s.Groups[i].Patients, f.Patients[0]); in {
			return s.Groups[i].of(f)
		}
	}
	return s.Rest
}

func (g *Group) of(f *fhir.Facts) Sure {
	if g.Is == ByRow && g.Split != nil {
		return g.Split.Of(f)
	}
	return g.Is
}

// marks are those of a version, and the keys of its labels by rules.
func marks(f *fhir.Facts, owner string) []string {
	all := search.Marks(f, owner)
	for _, l := range f.Ruled {
		all = append(all, search.RuledKey(f.RuledBy, l))
	}
	return all
}

// Marked says whether marks hide anything.
func (s *Sight) Marked() bool { return len(s.Barred)+len(s.Needed) > 0 }

func (s *Sight) hides(marks []string) bool {
	has := func(mark string) bool { return slices.Contains(marks, mark) }
	return slices.ContainsFunc(s.Barred, has) || slices.ContainsFunc(s.Needed, func(mark string) bool { return !has(mark) })
}
