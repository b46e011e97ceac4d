package store

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// governing are the types by which it is decided who may see what: Consents, and the
// resources that say who somebody is and belongs to.
var governing = []string{"CareTeam", "Consent", "Group", "Organization", "Practitioner", "PractitionerRole"}

// callers are the types of whom a governing resource may name.
var callers = []string{"CareTeam", "Device", "Group", "Organization", "Patient", "Practitioner", "PractitionerRole", "RelatedPerson"}

// Governing lists the types whose writes raise the consent epoch.
func Governing() []string { return slices.Clone(governing) }

// Governs says whether resources of a type decide about access: a change that writes one
// raises the consent epoch.
func Governs(typ string) bool { return slices.Contains(governing, typ) }

// Governed are the keys (see Judged) of what a version of a governing type decides
// about: a Consent about its patients, another resource about itself and those whom it
// names. It is nil for other types.
func Governed(f *fhir.Facts) []string {
	switch {
	case !Governs(f.Type):
		return nil
	case f.Type == "Consent":
		return f.Patients
	}
	keys := []string{f.Type + "/" + f.ID}
	for _, ref := range f.References {
		if typ, _, _ := strings.Cut(ref, "/"); slices.Contains(callers, typ) && ref != keys[0] {
			keys = append(keys, ref)
		}
	}
	return keys
}
