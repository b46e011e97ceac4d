package search

import "github.com/aceso-health/aceso/fhir"

// Who may know a resource rests, for most of them, on the one patient in whose compartment
// it is. The others have one of these keys, so that they are found at once.
const (
	// RowKey marks what is judged by itself: it does not stand for itself (see
	// fhir.Facts.Apart).
	RowKey = "¤row"
	// FreeKey marks what stands for itself and is in nobody's compartment.
	FreeKey = "¤row=free"
)

// Mark is the one of these keys that a resource has, "" if neither. Stores keep it beside
// the keys of the index. A Consent may go on binding patients whom its document does not
// name, so it is judged by itself.
func Mark(f *fhir.Facts) string {
	switch {
	case !f.Apart() || f.Type == "Consent":
		return RowKey
	case len(f.Patients) == 0:
		return FreeKey
	}
	return ""
}
