package store

import (
	"slices"
	"strings"
)

// Bases are all base URLs of a server, as fhir.Below reads them: the current one, then
// those of its earlier starts. known is what the starts before left in the store.
func Bases(current string, known []string) string {
	var all []string
	for _, some := range append([]string{current}, known...) {
		for base := range strings.FieldsSeq(some) {
			if base = strings.TrimRight(base, "/"); !slices.Contains(all, base) {
				all = append(all, base)
			}
		}
	}
	return strings.Join(all, " ")
}
