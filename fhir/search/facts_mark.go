package search

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Who may know a resource rests, for most of them, on the one patient in whose compartment
// it is. The others have one of these keys, so that they are found at once.
const (
	// RowKey marks what is judged by itself: it is in several compartments, or rests on
	// other resources, or may name somebody else. A resource without it leads to no other
	// patient (see consent.Reach), except that its own labels and codes, and those of what
	// is contained in it, count.
	RowKey = "¤row"
	// FreeKey marks what is in nobody's compartment and leads to nobody.
	FreeKey = "¤row=free"
)

// Mark is the one of these keys that a resource has, "" if neither. Stores keep it beside
// the keys of the index.
func Mark(f *fhir.Facts) string {
	switch {
	case byItself(f):
		return RowKey
	case len(f.Patients) == 0:
		return FreeKey
	}
	return ""
}

// byItself says whether it takes more than one patient to decide who may know a resource.
// A Consent may go on binding patients whom its document does not name.
func byItself(f *fhir.Facts) bool {
	if len(f.Patients) > 1 || len(f.Logical)+len(f.Contents) > 0 || fhir.HoldsOthers(f.Type) || f.Type == "Consent" {
		return true
	}
	return slices.ContainsFunc(f.References, func(ref string) bool {
		typ, _, local := strings.Cut(ref, "/")
		return local && fhir.IsResourceType(typ) && (typ == "Binary" || len(f.Patients) == 0 && !fhir.OnlyWhoAndWhere(typ))
	})
}
