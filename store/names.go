package store

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Names are the Binaries that a version names: by an attachment, or by any reference. Who
// names a Binary says whose it is.
func Names(f *fhir.Facts) []string {
	var names []string
	for _, list := range [][]string{f.References, f.Contents} {
		for _, ref := range list {
			if strings.HasPrefix(ref, "Binary/") && ref != f.Type+"/"+f.ID && !slices.Contains(names, ref) {
				names = append(names, ref)
			}
		}
	}
	return names
}
