package search

import "github.com/aceso-health/aceso/fhir"

// Who may know a resource rests, for most of them, on the one patient in whose compartment
// it is. The others have one of these keys, so that they are found at once.
const (
	// RowKey marks what is judged by itself: it does not stand for itself (see
	// fhir.Facts.Apart). Every other mark begins with it.
	RowKey = "¤row"
	// FreeKey marks what stands for itself and is in nobody's compartment.
	FreeKey = "¤row=free"
)

// Mark is the one of these keys that a resource has, "" if neither. A Consent may go on
// binding patients whom its document does not name, so it is judged by itself.
func Mark(f *fhir.Facts) string {
	switch {
	case !f.Apart() || f.Type == "Consent":
		return RowKey
	case len(f.Patients) == 0:
		return FreeKey
	}
	return ""
}

// Marks are all marks of a resource: Mark, and one for each thing that a constraint of a
// policy may be about. Stores keep them beside the keys of the index; no query asks for one.
func Marks(f *fhir.Facts, owner string) []string {
	all := make([]string, 0, 2+len(f.Labels)+len(f.Authors))
	if m := Mark(f); m != "" {
		all = append(all, m)
	}
	all = append(all, OwnerMark(owner))
	for i := range f.Labels {
		all = append(all, LabelMark(f.Labels[i]))
	}
	for _, a := range f.Authors {
		all = append(all, AuthorMark(a))
	}
	return all
}

// OwnerMark is that of what an organisation has written.
func OwnerMark(owner string) string { return markOf('^', owner) }

// AuthorMark is that of what names an author (see fhir.Facts.Authors).
func AuthorMark(author string) string { return markOf('!', author) }

// LabelMark is that of what has a security label, outside or inside (see fhir.Facts.Labels).
func LabelMark(l fhir.Coding) string {
	var room [128]byte
	to := append(append(room[:0], RowKey...), '~')
	return string(appendPair(to, []byte(l.System), []byte(l.Code), '|'))
}

func markOf(kind byte, of string) string {
	var room [128]byte
	to := append(append(room[:0], RowKey...), kind)
	return string(appendCode(to, []byte(of)))
}
