package store

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Names are the Binaries that a version names: by an attachment, or by any reference. Who
// names a Binary says whose it is.
func Names(f *fhir.Facts) []string {
	var names []string
	known := map[string]bool{}
	for _, list := range [][]string{f.References, f.Contents} {
		for _, ref := range list {
			if strings.HasPrefix(ref, "Binary/") && ref != f.Type+"/"+f.ID && !known[ref] {
				known[ref] = true
				names = append(names, ref)
			}
		}
	}
	return names
}
